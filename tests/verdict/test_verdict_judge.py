"""A test as a whole: order of verdicts, what pytest is told, and the numbers that reports show."""

from __future__ import annotations

import random

import pytest

from pytest_rtmedload.results.details import SlowOperation
from pytest_rtmedload.results.histogram import Histogram
from pytest_rtmedload.results.model import TestResult, Verdict
from pytest_rtmedload.results.names import ITERATION
from pytest_rtmedload.results.plan import Evidence, Stage
from pytest_rtmedload.results.recording import Outcome, Phase, Recording, ValueStats
from pytest_rtmedload.verdict.judge import judge
from tests.verdict.verdict_builders import HEALTH, Builder, errors, p, plan

GOOD = Builder().add(HEALTH, [10] * 400).add(ITERATION, [12] * 400).recording
SLOW = Builder().add(HEALTH, [400] * 400).add(ITERATION, [12] * 400).recording
FEW = Builder().add(HEALTH, [10] * 10).add(ITERATION, [12] * 100).recording
WRONG = Builder().add(HEALTH, [400] * 400).add(HEALTH, [1] * 400, Outcome.FAILED).recording
TARGETS = (p("p95", 150), errors(0.05))


@pytest.mark.parametrize(
    ("recording", "changes", "verdict"),
    [
        (GOOD, {}, Verdict.PASS),
        (FEW, {}, Verdict.INCONCLUSIVE),
        (SLOW, {}, Verdict.FAIL),
        (SLOW, {"invalid": ("shard 2 was lost",)}, Verdict.INVALID),
        (GOOD, {"invalid": ("shard 2 was lost",)}, Verdict.INVALID),
        (FEW, {"invalid": ("shard 2 was lost",)}, Verdict.INVALID),
        (WRONG, {"invalid": ("shard 2 was lost",)}, Verdict.FAIL),
        (GOOD, {"fatal": "a fixture failed", "invalid": ("shard 2 was lost",)}, Verdict.FAIL),
        (GOOD, {"interrupted": "Ctrl-C"}, Verdict.PASS),
        (FEW, {"interrupted": "Ctrl-C"}, Verdict.INCONCLUSIVE),
        (SLOW, {"interrupted": "Ctrl-C"}, Verdict.FAIL),
        (Recording(), {"interrupted": "Ctrl-C"}, Verdict.INCONCLUSIVE),
        (Recording(), {}, Verdict.FAIL),
        (Recording(), {"invalid": ("shard 2 was lost",)}, Verdict.INVALID),
    ],
)
def test_the_order_of_verdicts(recording: Recording, changes: dict[str, object], verdict: Verdict) -> None:
    found = judge(plan(*TARGETS, **changes), recording)
    assert found.verdict is verdict
    assert bool(found.reasons) == (verdict is not Verdict.PASS)


@pytest.mark.parametrize("evidence", list(Evidence))
@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.ABORTED])
def test_a_test_in_which_nothing_ever_succeeded_fails(evidence: Evidence, outcome: Outcome) -> None:
    ramp = Builder().add(HEALTH, [3] * 40, Outcome.FAILED, phase=Phase.RAMP)
    ramp.add(ITERATION, [3] * 40, outcome, phase=Phase.RAMP)
    stopped = plan(*TARGETS, evidence=evidence, interrupted="stopped early: nothing succeeded for 5 s")
    found = judge(stopped, ramp.recording)
    assert (found.verdict, found.failed_test) == (Verdict.FAIL, True)
    assert found.reasons[0] == "nothing succeeded in any phase: all of 40 iterations failed FAIL"
    one_good = ramp.add(HEALTH, [3], phase=Phase.WARMUP).recording
    assert judge(stopped, one_good).verdict is Verdict.INCONCLUSIVE


def test_operations_that_were_only_cut_off_have_not_failed() -> None:
    cut = Builder().add(ITERATION, [900] * 4, Outcome.CENSORED, phase=Phase.RAMP).recording
    assert judge(plan(*TARGETS, interrupted="Ctrl-C"), cut).verdict is Verdict.INCONCLUSIVE
    assert judge(plan(*TARGETS), cut).reasons[0].startswith("nothing succeeded in any phase")


def test_who_expects_every_operation_to_fail_is_not_contradicted() -> None:
    wrong = Builder().add(HEALTH, [3] * 400, Outcome.FAILED).add(ITERATION, [3] * 400, Outcome.ABORTED).recording
    assert judge(plan(errors(1.0)), wrong).verdict is Verdict.PASS


@pytest.mark.parametrize("latency", [10, 400])
@pytest.mark.parametrize("wrong", [0, 3, 40, 400])
@pytest.mark.parametrize("lagging", [False, True])
def test_a_stage_and_a_test_of_the_same_samples_have_the_same_verdict(latency: int, wrong: int, lagging: bool) -> None:
    built = Builder()
    for second in range(10):
        built.add(HEALTH, [latency] * 10, second=second).add(ITERATION, [latency] * 10, second=second)
        built.add(HEALTH, [1] * (wrong // 10), Outcome.FAILED, second=second)
    health = built.recording.health
    health.measured_ns, health.lagging_ns = 10_000_000_000, 5_000_000_000 if lagging else 0
    stages = (Stage("5 users", 5, 0.0, 10.0, health), Stage("10 users", 10, 10.0, 20.0, health))
    found = judge(plan(*TARGETS, phases={Phase.MEASURE: (0.0, 20.0)}, stages=stages), built.recording)
    assert (found.stages[0].verdict, found.stages[0].reasons) == (found.verdict, found.reasons)
    assert found.stages[1].verdict in (Verdict.INVALID, Verdict.INCONCLUSIVE)


def test_the_most_important_reason_comes_first() -> None:
    found = judge(plan(*TARGETS, p("p99", 450), fatal="a fixture failed", invalid=("a shard was lost",)), WRONG)
    assert [reason.split(" ")[0] for reason in found.reasons] == ["a", "errors", "a", "GET"]
    assert found.reasons[0] == "a fixture failed"
    assert found.reasons[1] == found.targets[1].text


@pytest.mark.parametrize(
    ("evidence", "fails"),
    [(Evidence.STRICT, True), (Evidence.PROVISIONAL, False), (Evidence.NONE, False)],
)
def test_whether_an_open_question_fails_the_test(evidence: Evidence, fails: bool) -> None:
    found = judge(plan(*TARGETS, evidence=evidence), FEW)
    assert (found.verdict, found.failed_test) == (Verdict.INCONCLUSIVE, fails)


@pytest.mark.parametrize("evidence", list(Evidence))
def test_errors_fail_under_any_evidence(evidence: Evidence) -> None:
    found = judge(plan(*TARGETS, evidence=evidence), WRONG)
    assert (found.verdict, found.failed_test) == (Verdict.FAIL, True)


def test_point_evidence_decides_on_few_samples() -> None:
    found = judge(plan(*TARGETS, evidence=Evidence.POINT), FEW)
    assert (found.verdict, found.failed_test, found.notes) == (Verdict.PASS, False, [])


def test_nothing_measured_and_nothing_asked_is_no_pass() -> None:
    assert judge(plan(), Recording()).reasons == ["nothing was measured"]
    assert judge(plan(), GOOD).verdict is Verdict.PASS


def test_notes() -> None:
    found = judge(plan(*TARGETS, notes=("embedded agent",), interrupted="the agent went away"), GOOD)
    assert found.notes == [
        "cut short: the agent went away",
        "embedded agent",
        "assumes independent samples (fewer than 20 one-second blocks): GET /health",
    ]
    assert not found.complete
    assert judge(plan(*TARGETS), GOOD).complete


def _mixed() -> TestResult:
    built = Builder()
    built.add(ITERATION, [10, 20, 30]).add(ITERATION, [1], Outcome.FAILED).add(ITERATION, [1] * 2, Outcome.ABORTED)
    built.add(ITERATION, [900], Outcome.CENSORED).add(ITERATION, [5], phase=Phase.RAMP)
    built.add(HEALTH, [10] * 99, tag="a").add(HEALTH, [30] * 99, tag="b").add(HEALTH, [900] * 2, Outcome.CENSORED)
    built.add("http.connect", [3], phase=Phase.SETUP)
    built.recording.values["mos", "a"] = ValueStats("", 2, 8.0, 3.9, 4.1)
    built.recording.values["mos", "b"] = ValueStats("", 1, 3.0, 3.0, 3.0)
    built.recording.counts["hits"] = 3
    built.recording.add_error("rare", "trace")
    built.recording.add_error("frequent", "trace", 5)
    return judge(plan(saturated=True, critical=True), built.recording)


def test_the_numbers_of_a_test() -> None:
    found = _mixed()
    assert (found.iterations, found.failed, found.censored) == (7, 3, 1)
    assert (found.rate, found.duration_s, found.saturated, found.critical) == (0.6, 10.0, True, True)
    assert list(found.metrics) == [ITERATION, HEALTH]
    assert found.values["mos"].mean == pytest.approx(11 / 3)
    assert (found.values["mos"].min, found.values["mos"].max, found.values["mos"].count) == (3.0, 4.1, 3)
    assert found.counts == {"hits": 3}
    assert [(error.message, error.count) for error in found.errors] == [("frequent", 5), ("rare", 1)]


def test_the_numbers_of_a_metric() -> None:
    metric = _mixed().metrics[HEALTH]
    assert (metric.count, metric.failed, metric.censored) == (198, 0, 2)
    assert (metric.min_ms, metric.mean_ms, metric.max_ms) == (10, 20, 30)
    assert metric.p50_ms == pytest.approx(30, rel=1e-3)
    assert metric.p999_ms is None
    assert metric.bounds_ms["p999"][1] is None
    low, high = metric.bounds_ms["p50"]
    assert (low, high) == (pytest.approx(10, rel=1e-3), pytest.approx(30, rel=1e-3))
    assert Histogram.decode(metric.histogram).count == 198


def test_aborted_iterations_count_as_failed_ones() -> None:
    assert _mixed().metrics[ITERATION].failed == 3


@pytest.mark.parametrize(
    ("n", "told"),
    [(1, 0), (2, 1), (9, 1), (10, 2), (17, 2), (20, 3), (99, 3), (100, 4), (999, 4), (1000, 5)],
)
def test_a_percentile_is_told_only_where_the_samples_carry_it(n: int, told: int) -> None:
    good = Builder().add(HEALTH, [10] * n, tag="a").recording
    found = judge(plan(p("p99", 150), metric=HEALTH), good)
    point = found.timeline[0].metrics[HEALTH]
    for metric in (found.metrics[HEALTH], found.tags["a"][HEALTH]):
        values = [metric.p50_ms, metric.p90_ms, metric.p95_ms, metric.p99_ms, metric.p999_ms]
        assert [value is not None for value in values] == [True] * told + [False] * (5 - told)
    assert [point.p50_ms is None, point.p95_ms is None, point.p99_ms is None] == [told < 1, told < 3, told < 4]
    assert point.slow_ms == 10  # what a drawing shows instead
    (target,) = found.targets
    assert target.value == 10  # a target is judged, and shows its value
    assert f"{HEALTH} p99 10 ms ≤ 150 ms" in target.text


def test_every_tag_has_its_own_distribution() -> None:
    tags = _mixed().tags
    assert {tag: list(metrics) for tag, metrics in tags.items()} == {"a": [HEALTH], "b": [HEALTH]}
    assert tags["b"][HEALTH].min_ms == 30


def test_metric_bounds_are_those_of_the_target() -> None:
    draw = random.Random(1)
    built = Builder()
    for second in range(40):
        built.add(HEALTH, [draw.choice([1, 4]) * draw.lognormvariate(2, 0.3) for _ in range(25)], second=second)
    found = judge(plan(p("p95", 30)), built.recording)
    assert found.targets[0].bounds == found.metrics[HEALTH].bounds_ms["p95"]
    assert found.notes == []


def test_the_time_line_has_all_phases_and_empty_seconds() -> None:
    built = Builder().add(HEALTH, [10], phase=Phase.RAMP).add(HEALTH, [20], second=3)
    built.add(HEALTH, [5000], Outcome.CENSORED, second=3).add(HEALTH, [1], Outcome.FAILED, second=3)
    built.recording.users = {0: 2, 1: 10, 3: 9}
    phases = {Phase.RAMP: (0.0, 1.5), Phase.MEASURE: (1.5, 5.0)}
    points = judge(plan(phases=phases), built.recording).timeline
    assert [(point.second, point.phase, point.users) for point in points] == [
        (0, "ramp", 2),
        (1, "ramp", 10),
        (2, "measure", 0),
        (3, "measure", 9),
        (4, "measure", 0),
    ]
    assert points[2].metrics == {}
    second = points[3].metrics[HEALTH]
    assert (second.count, second.failed, second.censored) == (1, 1, 1)
    assert (second.p95_ms, second.p50_ms, second.max_ms) == (None, pytest.approx(20, rel=1e-3), 20)


def test_judging_is_deterministic() -> None:
    assert _mixed() == _mixed()


def test_the_slowest_operations_stand_metric_by_metric_as_the_metrics_do() -> None:
    recording = Builder().add(HEALTH, [10] * 4).add(ITERATION, [12] * 4).add("other", [1], phase=Phase.WARMUP).recording
    found = [
        SlowOperation(metric, "", ms, 1, 0, "", "ok")
        for metric, ms in ((HEALTH, 9.0), (HEALTH, 10.0), (ITERATION, 12.0), ("other", 1.0))
    ]
    recording.slowest.add(found)
    assert [(one.metric, one.ms) for one in judge(plan(), recording).slowest] == [
        *((ITERATION, 12.0), (HEALTH, 10.0), (HEALTH, 9.0))
    ]
