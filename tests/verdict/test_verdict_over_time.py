"""Stages, capacity, recovery and drift, on seconds that were made up."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest

from pytest_rtmedload.results.model import TestResult, Verdict
from pytest_rtmedload.results.names import ITERATION
from pytest_rtmedload.results.plan import Evidence, Stage, Target, TestPlan
from pytest_rtmedload.results.recording import Health, Outcome, Phase, Recording
from pytest_rtmedload.verdict.judge import judge
from tests.verdict.verdict_builders import HEALTH, Builder, errors, lagging, p, plan

SPOILED = lagging(0.5)


def course(latency_of: Callable[[int], float], seconds: int, each: int = 40, failing: range = range(0)) -> Recording:
    """So many samples a second, around a latency that depends on the second; failures instead in some of them."""
    draw, found = random.Random(1), Builder()
    for second in range(seconds):
        latencies = [latency_of(second) * draw.lognormvariate(0, 0.2) for _ in range(each)]
        outcome = Outcome.FAILED if second in failing else Outcome.OK
        found.add(HEALTH, latencies, outcome, second=second)
        found.add(ITERATION, latencies, outcome, second=second)
    return found.recording


def over(seconds: int, *targets: Target, **changes: object) -> TestPlan:
    return plan(*targets, metric=HEALTH, phases={Phase.MEASURE: (0.0, float(seconds))}, **changes)


def levels(*users: int, healths: Sequence[Health | None] = ()) -> tuple[Stage, ...]:
    """Levels of ten seconds."""
    healths = healths or [None] * len(users)
    return tuple(Stage(f"{n} users", n, 10.0 * i, 10.0 * i + 10, healths[i]) for i, n in enumerate(users))


def search(
    *users: int, holds: int, each: int = 40, healths: Sequence[Health | None] = (), **changes: object
) -> TestResult:
    """A capacity search on an agent that is fast with so many users and slow with more."""
    stages = levels(*users, healths=healths)
    recording = course(lambda second: 20 if users[second // 10] <= holds else 200, 10 * len(users), each)
    changes = {"targets": (p("p95", 100), errors(0.05), Target("capacity", "min", 11))} | changes
    targets = changes.pop("targets")
    assert isinstance(targets, tuple)
    return judge(over(10 * len(users), *targets, stages=stages, searches=True, goes_to=40, **changes), recording)


def test_a_stage_is_judged_on_its_own_seconds() -> None:
    recording = course(lambda second: 20 if second < 10 else 200, 20)
    found = judge(over(20, p("p95", 100), errors(0.05), stages=levels(5, 10)), recording)
    assert [(stage.name, stage.verdict, stage.iterations) for stage in found.stages] == [
        ("5 users", Verdict.PASS, 400),
        ("10 users", Verdict.FAIL, 400),
    ]
    assert found.stages[0].rate == pytest.approx(40)
    assert found.verdict is Verdict.FAIL  # over all of its time


def test_errors_of_another_stage_are_none_of_its_business() -> None:
    recording = course(lambda _: 20, 20, failing=range(10, 20))
    found = judge(over(20, p("p95", 100), errors(0.05), stages=levels(5, 10)), recording)
    assert [stage.verdict for stage in found.stages] == [Verdict.PASS, Verdict.FAIL]
    assert found.stages[1].failed == 400


def test_the_capacity_is_the_largest_level_below_the_first_miss() -> None:
    found = search(4, 8, 16, 12, 14, holds=12)
    assert found.capacity is not None
    assert (found.capacity.users, found.capacity.missed) == (12, 14)
    assert found.capacity.text == "capacity: proved up to 12 users, missed at 14"
    assert found.verdict is Verdict.PASS
    assert [target.metric for target in found.targets] == ["capacity"]
    assert found.notes[0] == found.capacity.text


def test_a_limit_on_the_capacity_fails_the_test() -> None:
    found = search(4, 8, 9, holds=8)
    assert found.verdict is Verdict.FAIL
    assert found.reasons == ["capacity min 8 users < 11 users (observed, n = 1) FAIL"]


def test_a_level_that_was_met_above_a_miss_does_not_count() -> None:
    users = (4, 8, 16)
    recording = course(lambda second: 200 if users[second // 10] == 8 else 20, 30)
    found = judge(over(30, p("p95", 100), stages=levels(*users), searches=True), recording)
    assert found.capacity is not None
    assert (found.capacity.users, found.capacity.met, found.capacity.missed) == (4, 4, 8)


def test_what_was_not_missed_is_at_least() -> None:
    found = search(20, 40, holds=100)
    assert found.capacity is not None
    assert (found.capacity.users, found.capacity.met, found.capacity.missed) == (None, 40, None)
    assert found.capacity.text == "capacity: proved up to 40 users; the search went no further"
    assert found.verdict is Verdict.PASS


def test_a_level_that_the_generator_spoiled_hides_nothing_else() -> None:
    found = search(8, 16, holds=100, healths=[None, SPOILED], targets=(p("p95", 100),))
    assert found.capacity is not None
    assert (found.capacity.users, found.capacity.met, found.capacity.unknown) == (None, 8, [16])
    assert found.capacity.text == (
        "capacity: proved up to 8 users, unknown at 16; the load generator was the limit at 16"
    )
    assert (found.verdict, found.generator.verdict) == (Verdict.PASS, Verdict.PASS)
    assert "16 users: users lost 50 %" in found.notes[1]


def test_a_level_that_was_spoiled_once_counts_by_its_second_try() -> None:
    found = search(8, 16, 16, holds=8, healths=[None, SPOILED, None], targets=(p("p95", 100),))
    assert found.capacity is not None
    assert found.capacity.text == "capacity: proved up to 8 users, missed at 16"


def test_nothing_but_spoiled_levels_is_invalid() -> None:
    found = search(8, 4, holds=100, healths=[SPOILED, SPOILED], targets=(p("p95", 100),))
    assert found.capacity is not None
    assert found.capacity.text == (
        "capacity: nothing proved, unknown at 4 and 8; the load generator was the limit at 4 and 8"
    )
    assert found.verdict is Verdict.INVALID


def test_equal_levels_that_disagree_are_named() -> None:
    recording = course(lambda second: 200 if second >= 20 else 20, 30)
    found = judge(over(30, p("p95", 100), stages=levels(4, 12, 12), searches=True), recording)
    assert found.capacity is not None
    assert found.capacity.text == (
        "capacity: proved up to 4 users, missed at 12; the targets were met and missed at 12"
    )


@pytest.mark.parametrize(
    ("limit", "verdict"),
    [(4, Verdict.PASS), (7, Verdict.INCONCLUSIVE), (8, Verdict.FAIL), (9, Verdict.FAIL)],
)
def test_a_limit_between_what_is_proved_and_what_was_missed_is_undecided(limit: int, verdict: Verdict) -> None:
    few = course(lambda _: 20, 30)
    for second in range(10, 20):  # too few for the level of 7
        for key, cells in few.series.items():
            few.series[key] = {cell: h for cell, h in cells.items() if cell.second != second or second < 11}
    slow = course(lambda _: 200, 30)
    for key, cells in slow.series.items():
        few.series[key] |= {cell: h for cell, h in cells.items() if cell.second >= 20}
    targets = (p("p95", 100), Target("capacity", "min", float(limit)))
    found = judge(over(30, *targets, stages=levels(4, 7, 8), searches=True), few)
    assert found.capacity is not None
    assert found.capacity.text == "capacity: proved up to 4 users, likely 7, missed at 8"
    assert (found.capacity.met, found.capacity.likely, found.capacity.missed) == (4, 7, 8)
    assert found.targets[0].verdict is verdict is found.verdict
    if limit == 7:
        assert found.targets[0].text == (
            "capacity min ≥ 4 users, limit ≥ 7 users (observed, n = 1) INCONCLUSIVE, leaning pass"
        )


def test_no_number_when_nothing_meets_the_targets() -> None:
    found = search(2, 1, holds=0)
    assert found.capacity is not None
    assert found.capacity.text == "capacity: nothing proved, missed at 1 user"
    assert found.verdict is Verdict.FAIL


def test_no_number_when_the_search_was_cut_short() -> None:
    found = search(4, 8, holds=100, interrupted="Ctrl-C")
    assert found.capacity is not None
    assert (found.capacity.users, found.verdict) == (None, Verdict.INCONCLUSIVE)


@pytest.mark.parametrize("evidence", [Evidence.STRICT, Evidence.PROVISIONAL])
def test_what_was_not_proved_is_likely_under_every_evidence(evidence: Evidence) -> None:
    found = search(12, 14, holds=12, each=3, evidence=evidence, targets=(p("p95", 100), errors(0.2)))
    assert found.capacity is not None
    assert [stage.verdict for stage in found.stages] == [Verdict.INCONCLUSIVE, Verdict.FAIL]
    assert (found.capacity.users, found.capacity.likely) == (None, 12)
    assert found.capacity.text == "capacity: nothing proved, likely 12 users, missed at 14"
    assert found.verdict is Verdict.INCONCLUSIVE


def test_point_evidence_proves_nothing() -> None:
    found = search(12, 14, holds=12, each=3, evidence=Evidence.POINT, targets=(p("p95", 100),))
    assert found.capacity is not None
    assert found.capacity.text == "capacity: met up to 12 users, missed at 14"


def spike(latency_of: Callable[[int], float], **changes: object) -> TestResult:
    names = ("before the spike", "spike", "after the spike")
    stages = tuple(Stage(name, 5, 10.0 * i, 10.0 * (i + 1)) for i, name in enumerate(names))
    recording = course(latency_of, 30, **changes)  # type: ignore[arg-type]
    return judge(over(30, p("p95", 5000), stages=stages, spiked=True), recording)


@pytest.mark.parametrize(
    ("slow_until", "seconds"),
    [(20, 0), (21, 1), (24, 4), (27, 7)],
)
def test_the_recovery_is_over_when_answers_are_as_before(slow_until: int, seconds: float) -> None:
    found = spike(lambda second: 300 if 10 <= second < slow_until else 20)
    assert found.values["recovery_time"].max == seconds
    assert found.verdict is Verdict.PASS
    assert f"recovered {seconds:g} s after the spike" in found.notes


def test_one_good_second_is_no_recovery() -> None:
    found = spike(lambda second: 300 if 10 <= second < 25 and second != 22 else 20)
    assert found.values["recovery_time"].max == 5


def test_who_never_recovers_fails() -> None:
    found = spike(lambda second: 300 if second >= 10 else 20)
    assert found.verdict is Verdict.FAIL
    assert found.reasons[0] == f"not recovered: {HEALTH} was not as before within 10 s after the spike FAIL"


def test_failures_are_no_recovery() -> None:
    found = spike(lambda _: 20, failing=range(15, 24))
    assert found.values["recovery_time"].max == 4


def test_few_samples_are_looked_at_in_longer_windows() -> None:
    found = spike(lambda second: 300 if 10 <= second < 22 else 20, each=1)
    assert found.values["recovery_time"].max == 0  # windows of five seconds: more than half of the first is as before


def test_a_slow_last_third_is_a_drift() -> None:
    found = judge(over(30, p("p95", 500)), course(lambda second: 20 + second, 30))
    assert [(drift.percentile, drift.drifted) for drift in found.drift] == [("p50", True), ("p95", True)]
    assert found.verdict is Verdict.PASS
    assert any("p50 drifts: " in note for note in found.notes)


def test_a_sustained_test_fails_by_drift() -> None:
    found = judge(over(30, p("p95", 500), must_not_drift=True), course(lambda second: 20 + second, 30))
    assert found.verdict is Verdict.FAIL
    assert found.reasons[0].startswith(f"{HEALTH} p50 drifts: ")


@pytest.mark.parametrize("seed_like", [20.0, 21.3, 33.7, 80.0])
def test_an_agent_that_stays_as_it_is_does_not_drift(seed_like: float) -> None:
    found = judge(over(30, p("p95", 500)), course(lambda _: seed_like, 30))
    assert [drift.drifted for drift in found.drift] == [False, False]


def test_a_difference_below_the_floor_is_no_drift() -> None:
    found = judge(over(30, p("p95", 500)), course(lambda second: 100 if second < 15 else 107, 30, each=400))
    assert not any(drift.drifted for drift in found.drift)


def test_short_tests_and_those_with_stages_are_not_asked() -> None:
    assert judge(over(12, p("p95", 500)), course(lambda second: 20 + second, 12)).drift == []
    staged = over(30, p("p95", 500), stages=levels(1, 2, 3))
    assert judge(staged, course(lambda second: 20 + second, 30)).drift == []
