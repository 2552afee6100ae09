"""What we measure against what the agent says it spent: the embedded agent's `Server-Timing` is the known truth."""

from __future__ import annotations

import pytest

from tests.conftest import LoadRun

FILE = """
import pytest

@pytest.mark.load({model}, duration="6s", metric="GET /health", p95=400)
async def test_health(load):
    response = await load.http.get("/health")
    for entry in response.headers["server-timing"].split(","):
        name, _, duration = entry.strip().partition(";dur=")
        if name == "total":
            load.record("truth", float(duration))
"""


@pytest.mark.alone
@pytest.mark.parametrize("model", ["users=50, think=0", "rate=300"])
def test_percentiles_agree_with_what_the_server_spent(load_run_of: LoadRun, model: str) -> None:
    load_run_of.file(test_it=FILE.format(model=model))
    settings = ("--load-embedded=http.delay=lognormal(80ms, 0.5)", "--load-seed=1")
    load_run_of("-m", "load", "--load-ramp=500ms", "--load-warmup=500ms", *settings, sizes=()).assert_outcomes(passed=1)
    test = load_run_of.result()["tests"][0]
    measured, truth = test["metrics"]["GET /health"], test["metrics"]["truth"]
    assert truth["count"] > 1_700
    for name in ("p50_ms", "p95_ms", "p99_ms"):
        print(f"{model}: {name} measured {measured[name]} ms, truth {truth[name]} ms, n = {truth['count']}")
        assert abs(measured[name] - truth[name]) <= 0.02 * truth[name] + 1
