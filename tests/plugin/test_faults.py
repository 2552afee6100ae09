"""Faults injected into the embedded agent: the report names each, and no verdict hides one."""

from __future__ import annotations

import pytest

from tests.conftest import LoadRun

HEALTH = """
import pytest

@pytest.mark.load(users=5, duration="1500ms", think="10ms", timeout={timeout}, metric="GET /health", p95={p95})
async def test_health(load):
    await load.http.get("/health")
"""


def run_with(load_run_of: LoadRun, *faults: str, timeout: float = 5, p95: float = 400) -> dict:  # type: ignore[type-arg]
    load_run_of.file(test_it=HEALTH.format(timeout=timeout, p95=p95))
    settings = [f"--load-embedded={fault}" for fault in faults]
    load_run_of("-m", "load", "--load-ramp=0", "--load-warmup=0", "--load-seed=3", *settings, sizes=())
    return load_run_of.result()


def messages(result: dict) -> list[str]:  # type: ignore[type-arg]
    return [error["message"] for error in result["tests"][0]["errors"]]


def test_a_healthy_agent_passes(load_run_of: LoadRun) -> None:
    result = run_with(load_run_of)
    assert (result["tests"][0]["verdict"], messages(result)) == ("PASS", [])


def test_forty_percent_fast_errors_never_pass(load_run_of: LoadRun) -> None:
    result = run_with(load_run_of, "http.error_rate=0.4")
    assert result["tests"][0]["verdict"] == "FAIL"
    assert messages(result) == ["GET /health: HTTP 503"]
    assert result["tests"][0]["metrics"]["GET /health"]["failed"] > 20
    assert result["run"]["agent"]["details"]["faults"] == "http.error_rate=0.4"


def test_cut_connections_are_errors_with_their_reason(load_run_of: LoadRun) -> None:
    result = run_with(load_run_of, "http.cut_rate=0.3")
    assert result["tests"][0]["verdict"] == "FAIL"
    assert any("connection" in message for message in messages(result))


def test_timeouts_raise_the_percentile(load_run_of: LoadRun) -> None:
    """An agent that answers 80 % at once and never the rest is not a fast agent."""
    result = run_with(load_run_of, "http.delay=lognormal(60ms, 3)", timeout=0.3, p95=250)
    test = result["tests"][0]
    metric = test["metrics"]["GET /health"]
    assert metric["censored"] > 5
    assert metric["p95_ms"] is None
    assert test["verdict"] == "FAIL"
    assert any("no answer within 0.3 s" in message for message in messages(result))


@pytest.mark.slow
def test_an_iteration_that_ends_by_a_timeout_is_censored_too(load_run_of: LoadRun) -> None:
    """The default metric is `iteration`: what hides there hides from most tests."""
    load_run_of.file(test_it=HEALTH.format(timeout=0.3, p95=250).replace('metric="GET /health", ', ""))
    slow = "--load-embedded=http.delay=lognormal(60ms, 3)"
    load_run_of("-m", "load", "--load-ramp=0", "--load-warmup=0", "--load-seed=3", slow, sizes=())
    test = load_run_of.result()["tests"][0]
    iterations, requests = (test["metrics"][name]["censored"] for name in ("iteration", "GET /health"))
    assert iterations > 5
    assert abs(iterations - requests) <= 2  # one that begins at the very end may have its request after it
    assert test["metrics"]["iteration"]["p95_ms"] is None
    assert test["verdict"] == "FAIL"


@pytest.mark.timing
def test_a_stall_shows_in_the_slowest_answers(load_run_of: LoadRun) -> None:
    result = run_with(load_run_of, "http.stall=600ms@500ms", p95=400)
    assert result["tests"][0]["metrics"]["GET /health"]["max_ms"] >= 500


@pytest.mark.timing
@pytest.mark.slow
def test_a_slow_start_shows(load_run_of: LoadRun) -> None:
    result = run_with(load_run_of, "slow_start=700ms")
    assert result["tests"][0]["metrics"]["GET /health"]["max_ms"] >= 600


def test_an_agent_that_dies_is_said(load_run_of: LoadRun) -> None:
    result = run_with(load_run_of, "die_after=50")
    test = result["tests"][0]
    assert test["verdict"] == "FAIL"
    assert "the embedded agent" in test["reasons"][0]
    assert any("connection" in message for message in messages(result))


@pytest.mark.timing
@pytest.mark.slow
@pytest.mark.parametrize("fault", ["http.delay=30ms", "http.delay=uniform(10ms, 50ms)", "http.delay=exponential(20ms)"])
def test_every_distribution_of_delays_is_served(load_run_of: LoadRun, fault: str) -> None:
    result = run_with(load_run_of, fault)
    assert 10 <= result["tests"][0]["metrics"]["GET /health"]["p50_ms"] <= 45
