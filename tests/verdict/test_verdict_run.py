"""The criteria of a whole run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from pytest_rtmedload.results.model import CriterionResult, TestResult, Verdict
from pytest_rtmedload.results.names import ITERATION
from pytest_rtmedload.results.plan import Evidence
from pytest_rtmedload.results.recording import Outcome
from pytest_rtmedload.verdict.judge import judge
from pytest_rtmedload.verdict.run import fails_run, judge_run
from tests.verdict.verdict_builders import HEALTH, Builder, errors, p, plan


def result(built: Builder, *targets: Any, **changes: Any) -> TestResult:
    return judge(plan(*targets, **changes), built.recording)


def apart(tests: Iterable[TestResult]) -> list[TestResult]:
    """Tests with node ids of their own: of one id only the last result counts."""
    return [replace(test, nodeid=f"{test.nodeid}[{i}]") if i else test for i, test in enumerate(tests)]


def criteria(*tests: TestResult) -> dict[str, CriterionResult]:
    return {c.name: c for c in judge_run(apart(tests), strict=True, complete=True, duration_s=1)[1]}


def overall(*tests: TestResult, strict: bool = True, complete: bool = True) -> Verdict:
    return judge_run(apart(tests), strict=strict, complete=complete, duration_s=1)[0].verdict


def good(n: int = 1000) -> Builder:
    return Builder().add(HEALTH, [10] * n).add(ITERATION, [12] * n)


def test_a_good_run() -> None:
    summary, found, _, _ = judge_run([result(good(), p("p95", 150))], strict=True, complete=True, duration_s=12.5)
    assert [(c.name, c.kind, c.verdict) for c in found] == [
        ("success rate", "goal", Verdict.PASS),
        ("API p95", "goal", Verdict.PASS),
        ("lowest success rate", "limit", Verdict.PASS),
    ]
    assert [c.text for c in found] == [
        "success rate 100 % ≥ 95 % (95 % bounds 99.7–100, n = 1000) PASS",
        "API p95 10 ms ≤ 150 ms (95 % bounds 10–10, n = 1000, assumes independent samples) PASS",
        "lowest success rate 100 % ≥ 80 % (95 % bounds 99.7–100, n = 1000) PASS",
    ]
    assert (summary.verdict, summary.success_rate, summary.requests, summary.errors) == (Verdict.PASS, 100, 1000, 0)
    assert (summary.tests, summary.passed, summary.duration_s, summary.complete) == (1, 1, 12.5, True)


def test_the_success_rate_counts_operations() -> None:
    built = good(900).add(HEALTH, [1] * 90, Outcome.FAILED).add(HEALTH, [1] * 10, Outcome.CENSORED)
    summary, found, _, _ = judge_run([result(built)], strict=True, complete=True, duration_s=1)
    assert (summary.success_rate, summary.requests, summary.errors) == (90, 1000, 100)
    assert found[0].text == "success rate 90 % < 95 % (95 % bounds 88.3–91.5, n = 1000) FAIL"
    assert (found[0].value, found[0].limit, found[0].unit) == (90, 95, "%")


def test_a_test_without_operations_is_counted_by_its_iterations() -> None:
    tests = [result(Builder().add(ITERATION, [5] * 60)), result(good(40))]
    summary = judge_run(apart(tests), strict=True, complete=True, duration_s=1)[0]
    assert (summary.requests, summary.success_rate) == (100, 100)


def test_one_lost_operation_is_not_printed_as_none() -> None:
    text = criteria(result(good(100_000).add(HEALTH, [1], Outcome.FAILED)))["success rate"].text
    assert text == "success rate 99.999 % ≥ 95 % (95 % bounds 99.995–99.9999, n = 100001) PASS"


def test_negative_tests_stay_out_of_the_criteria() -> None:
    storm = result(Builder().add(HEALTH, [900] * 500, Outcome.FAILED), negative=True)
    assert criteria(storm) == {}
    assert judge_run([storm, result(good())], strict=True, complete=True, duration_s=1)[0].success_rate == 100


def test_latencies_are_merged_over_tests() -> None:
    calls = [result(Builder().add("voice.loop", [ms] * 100), group="flows") for ms in (500, 900)]
    found = criteria(*calls)["voice.loop p95"]
    assert (found.verdict, found.n) == (Verdict.FAIL, 200)
    assert found.value == pytest.approx(900, rel=1e-3)


def test_calls_that_never_answered_count() -> None:
    built = Builder().add("voice.loop", [500] * 100).add("voice.loop", [9000] * 50, Outcome.CENSORED)
    found = criteria(result(built, group="flows"))["voice.loop p95"]
    assert (found.verdict, found.value, found.n) == (Verdict.FAIL, None, 150)
    assert found.text.startswith("voice.loop p95 ≥ 500 ms, limit ≤ 700 ms")


@pytest.mark.parametrize(
    ("metric", "group", "there"),
    [("GET /x", "api", True), ("http.connect", "api", False), ("GET /x", "ws", False), ("look up", "api", False)],
)
def test_what_counts_as_an_api_response(metric: str, group: str, there: bool) -> None:
    assert ("API p95" in criteria(result(Builder().add(metric, [10] * 100), group=group))) is there


def test_latencies_of_invalid_and_of_smoke_tests_stay_out() -> None:
    invalid = result(good(), invalid=("a shard was lost",))
    smoke = result(good(), evidence=Evidence.NONE)
    assert "API p95" not in criteria(invalid, smoke)
    assert "success rate" in criteria(invalid, smoke)


def test_errors_on_critical_flows() -> None:
    bad = good(900).add(HEALTH, [1] * 100, Outcome.FAILED)
    name = "error rate on critical flows"
    assert criteria(result(bad, group="flows", critical=True))[name].verdict is Verdict.FAIL
    assert criteria(result(good(), group="flows", critical=True))[name].verdict is Verdict.PASS
    assert criteria(result(good(100), group="flows", critical=True))[name].verdict is Verdict.INCONCLUSIVE
    assert name not in criteria(result(bad, group="flows"), result(bad, critical=True))


def test_dropped_connections() -> None:
    built = Builder().add("ws.handshake", [10] * 900).add("ws.handshake", [10] * 100, Outcome.FAILED)
    assert criteria(result(built))["WebSocket connections dropped"].verdict is Verdict.INCONCLUSIVE
    built.recording.counts["ws.dropped"] = 60
    found = criteria(result(built))["WebSocket connections dropped"]
    assert found.text == "WebSocket connections dropped 16 % > 10 % (95 % bounds 14.1–18, n = 1000) FAIL"
    assert found.kind == "limit"


def test_backend_errors() -> None:
    bad = good(900).add(HEALTH, [1] * 100, Outcome.FAILED)
    assert criteria(result(bad, group="backend"))["backend errors"].verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("latencies", "verdict"),
    [
        ([600] * 200, Verdict.PASS),
        ([1000] * 200, Verdict.PASS),
        ([1100] * 200, Verdict.FAIL),
        ([600] * 15, Verdict.INCONCLUSIVE),
    ],
)
def test_a_critical_target_missed_by_more_than_half(latencies: list[float], verdict: Verdict) -> None:
    test = result(Builder().add("voice.loop", latencies), p("p95", 700, "voice.loop"), critical=True, group="flows")
    found = criteria(test)["critical latency"]
    assert (found.verdict, found.kind, found.limit, found.n) == (verdict, "limit", 1.5, 1)


def test_the_line_of_a_critical_target() -> None:
    test = result(Builder().add("voice.loop", [1100] * 200), p("p95", 700, "voice.loop"), critical=True)
    assert criteria(test)["critical latency"].text == (
        "critical latency: voice.loop p95 of test_health at least"
        " 1.57 times its limit (at most 1.5 times, worst of 1) FAIL"
    )


def test_a_critical_target_that_was_never_answered() -> None:
    built = Builder().add("voice.loop", [500] * 50).add("voice.loop", [0] * 50, Outcome.CENSORED)
    found = criteria(result(built, p("p95", 700, "voice.loop"), critical=True))["critical latency"]
    assert (found.verdict, found.value) == (Verdict.FAIL, None)


def test_other_tests_have_no_critical_targets() -> None:
    assert "critical latency" not in criteria(result(Builder().add(HEALTH, [9000] * 200), p("p95", 700)))


def test_a_missed_goal_fails_a_strict_run_only() -> None:
    built = good(920).add(HEALTH, [1] * 80, Outcome.FAILED)
    test = result(built)
    assert test.verdict is Verdict.PASS
    assert overall(test) is Verdict.FAIL
    assert overall(test, strict=False) is Verdict.PASS
    goal = criteria(test)["success rate"]
    assert (fails_run(goal, strict=True), fails_run(goal, strict=False)) == (True, False)


def test_a_crossed_limit_fails_any_run() -> None:
    test = result(good(700).add(HEALTH, [1] * 300, Outcome.FAILED))
    assert overall(test, strict=False) is Verdict.FAIL
    assert fails_run(criteria(test)["lowest success rate"], strict=False)


def test_the_runs_verdict_from_its_tests() -> None:
    passed = result(good(), p("p95", 150))
    few = result(good(30), p("p95", 150), evidence=Evidence.PROVISIONAL)
    invalid = result(good(), invalid=("a shard was lost",))
    failed = result(Builder().add(HEALTH, [400] * 400), p("p95", 150), errors(0.05), negative=True)
    assert overall(passed) is Verdict.PASS
    assert overall(passed, few, strict=False) is Verdict.INCONCLUSIVE
    assert overall(passed, few, invalid) is Verdict.INVALID
    assert overall(passed, few, invalid, failed) is Verdict.FAIL
    summary = judge_run(apart([passed, few, invalid, failed]), strict=True, complete=True, duration_s=1)[0]
    assert (summary.passed, summary.inconclusive, summary.invalid, summary.failed) == (1, 1, 1, 1)


def test_what_was_not_measured_is_no_pass() -> None:
    assert overall() is Verdict.INCONCLUSIVE
    assert overall(result(good(), p("p95", 150)), complete=False) is Verdict.INCONCLUSIVE
    assert judge_run([], strict=True, complete=True, duration_s=0)[0].success_rate is None
