"""What we measure against what the agent says it spent."""

from __future__ import annotations

from tests.conftest import LoadRun


def test_percentiles_agree_with_what_the_server_spent(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import pytest

        @pytest.mark.load(users=50, duration="5s", think=0, metric="GET /health", p95=400)
        async def test_health(load):
            response = await load.http.get("/health")
            for entry in response.headers["server-timing"].split(","):
                name, _, duration = entry.strip().partition(";dur=")
                if name == "total":
                    load.record("truth", float(duration))
        """
    )
    run = load_run_of(
        "--load-embedded=http.delay=lognormal(80ms, 0.5)",
        "--load-ramp=500ms",
        "--load-warmup=500ms",
        "--load-seed=1",
        sizes=(),
    )
    run.assert_outcomes(skipped=1)
    run = load_run_of(
        "-m",
        "load",
        "--load-embedded=http.delay=lognormal(80ms, 0.5)",
        "--load-ramp=500ms",
        "--load-warmup=500ms",
        "--load-seed=1",
        sizes=(),
    )
    run.assert_outcomes(passed=1)
    test = load_run_of.result()["tests"][0]
    measured, truth = test["metrics"]["GET /health"], test["metrics"]["truth"]
    assert truth["count"] > 1_500
    for name in ("p50_ms", "p95_ms", "p99_ms"):
        assert abs(measured[name] - truth[name]) <= 0.02 * truth[name] + 1, name
