"""Calls, measured from the audio the caller hears."""

import pytest


@pytest.mark.load(metric="voice.loop", p95=700, targets={"voice.barge_in": {"p95": 500}})
async def test_phone_call_with_an_interruption(load, phone_call):
    await phone_call.say("chest_pain_1")
    await phone_call.interrupt("interrupt_1")
    answer = await phone_call.heard()
    load.check("something was said", answer.duration > 0.2)


@pytest.mark.load(metric="voice.loop", p95=700)
async def test_browser_conversation(load, browser_call):
    for line in ("lab_results_1", "lab_results_2"):
        await browser_call.say(line)
        answer = await browser_call.heard()
        load.check("something was said", answer.duration > 0.2)
