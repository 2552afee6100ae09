"""How many calls the agent holds at once while its answers stay in time: the largest number that meets every target."""

import pytest


@pytest.mark.load(
    shape="capacity(2..40, 30s)",
    metric="voice.loop",
    p95=700,
    targets={"ws.handshake": {"p95": 150}},
    suites=("standard", "comprehensive"),
    timeout="60s",
)
async def test_concurrent_calls(load, phone_call):
    await phone_call.say("annual_checkup_1")
    answer = await phone_call.heard()
    load.check("an answer to the question", answer.problem is None)
