"""Each consultation by itself."""

import pytest

from pytest_rtmedload.scenarios import shipped

SUITES = ("standard", "comprehensive")
SCENARIOS = [
    pytest.param(
        scenario,
        id=scenario.id,
        marks=pytest.mark.load(critical=scenario.critical, metric="voice.loop", p95=700, timeout="60s", suites=SUITES),
    )
    for scenario in shipped().values()
]


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_consultation(load, scenario, consult):
    await consult(load, scenario)
