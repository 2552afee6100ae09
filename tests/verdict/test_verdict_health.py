"""When the run says something about the generator and not about the agent."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_rtmedload.results.model import Verdict
from pytest_rtmedload.results.plan import Evidence, Target
from pytest_rtmedload.results.recording import Health, Outcome
from pytest_rtmedload.verdict.health import LAGGING_FLOOR_NS, lag_limit_ns, little_mismatch, lost_share
from pytest_rtmedload.verdict.judge import judge
from tests.verdict.verdict_builders import HEALTH, Builder, errors, lagging, p, plan


@pytest.mark.parametrize(
    ("targets", "limit_ms"),
    [
        ((), 15),
        ((p("p95", 100),), 15),
        ((p("p95", 700), p("p99", 400)), 40),
        ((errors(0.05), p("p95", 700)), 70),
        ((p("mean_max", 0.1), p("p95", 700)), 70),
    ],
)
def test_the_lag_limit(targets: tuple[Target, ...], limit_ms: float) -> None:
    assert lag_limit_ns(targets) == limit_ms * 1_000_000


def test_a_healthy_generator() -> None:
    built = Builder().add(HEALTH, [10] * 100)
    health = Health(
        lagging_ns=40_000_000,
        measured_ns=1_000_000_000,
        thread_cpu_ns=300_000_000,
        gc_longest_ns=2_500_000,
        planned_starts=1000,
        achieved_starts=960,
        late_starts=4,
    )
    for late in range(1, 101):
        health.lag.record(late * 100)
    built.recording.health = health
    found = judge(plan(p("p95", 150)), built.recording).generator
    assert (found.verdict, found.reasons) == (Verdict.PASS, [])
    assert found.lag_p99_ms == pytest.approx(9.9, rel=1e-3)
    assert (found.lag_max_ms, found.gc_longest_ms, found.late_starts, found.achieved_ratio) == (10, 2.5, 4, 0.96)
    assert found.thread_cpu_percent == pytest.approx(30)


def test_without_observations_nothing_is_zero() -> None:
    found = judge(plan(), Builder().add(HEALTH, [10]).recording).generator
    assert found.lag_p50_ms is found.lag_p99_ms is found.lag_max_ms is found.thread_cpu_percent is None
    assert found.achieved_ratio is None


def test_time_that_users_lost_to_lag_makes_the_test_invalid() -> None:
    built = Builder().add(HEALTH, [10] * 100)
    built.recording.health = lagging(0.06)
    found = judge(plan(p("p95", 150)), built.recording)
    assert (found.verdict, found.failed_test) == (Verdict.INVALID, True)
    (reason,) = found.reasons
    assert reason == (
        "users lost 6 % of their time to lag of the load generator (at most 5 %); use fewer users or a lower rate"
    )


@pytest.mark.parametrize("lost", [0.0, 0.04, 0.05])
def test_lag_that_took_little_of_the_users_time_changes_nothing(lost: float) -> None:
    """Here there was lag in 90 % of the measured time."""
    built = Builder().add(HEALTH, [10] * 100)
    built.recording.health = lagging(lost)
    assert judge(plan(p("p95", 150)), built.recording).verdict is Verdict.PASS


def test_a_test_that_judges_errors_alone_is_never_invalid_by_lag() -> None:
    built = Builder().add(HEALTH, [10] * 1000, lagged=True)
    built.recording.health = lagging(0.9)
    found = judge(plan(errors(0.05)), built.recording)
    assert (found.verdict, found.generator.verdict) == (Verdict.PASS, Verdict.PASS)


def test_users_who_mostly_wait_lose_little_to_lag() -> None:
    """A block of 100 ms each second: 50 ms for each event that meets one, and each user has two in ten seconds."""
    health = Health(measured_ns=10**10, lagging_ns=10**9, late_us=10 * 10 * 50_000)
    health.lag.record_array(np.zeros(1000, np.int64))
    health.iterations, health.operations, health.pauses = 100, 100, 100
    health.iterating_ns, health.paused_ns = 100 * 10**9, 900 * 10**9
    assert lost_share(health) == pytest.approx(0.001)
    health.iterating_ns, health.paused_ns = 100 * 10**7, 0  # the same events in 10 ms each
    assert lost_share(health) == pytest.approx(0.1)  # not more than there was lag
    health.planned_starts = 100
    assert lost_share(health) == 0  # the open model charges lag to the samples


def test_a_single_delay_in_a_short_run_says_nothing() -> None:
    health = lagging(0.5)
    health.lagging_ns = LAGGING_FLOOR_NS
    assert lost_share(health) == 0


def _lagged() -> Builder:
    return Builder().add(HEALTH, [10] * 900).add(HEALTH, [400] * 100, lagged=True)


@pytest.mark.parametrize("target", [p("p95", 150), p("max", 150)])
@pytest.mark.parametrize("evidence", [Evidence.STRICT, Evidence.PROVISIONAL, Evidence.POINT])
def test_a_fail_through_lag_alone_is_invalid(target: Target, evidence: Evidence) -> None:
    found = judge(plan(target, evidence=evidence), _lagged().recording)
    assert found.targets[0].verdict is Verdict.FAIL
    assert (found.verdict, found.failed_test) == (Verdict.INVALID, True)
    (reason,) = found.generator.reasons
    assert reason == (
        f"GET /health {target.name} fails only through samples made while the load generator lagged; "
        "use fewer users or a lower rate"
    )


def test_a_fail_that_lag_did_not_make_stands() -> None:
    found = judge(plan(p("p95", 150)), _lagged().add(HEALTH, [400] * 90).recording)
    assert found.verdict is Verdict.FAIL


def test_a_fail_that_lag_did_not_make_stands_however_much_time_the_users_lost() -> None:
    built = _lagged().add(HEALTH, [400] * 90)
    built.recording.health = lagging(0.5)
    found = judge(plan(p("p95", 150)), built.recording)
    assert (found.verdict, found.generator.reasons) == (Verdict.FAIL, [])


def test_a_pass_under_lag_stands() -> None:
    found = judge(plan(p("p95", 150)), Builder().add(HEALTH, [10] * 100, lagged=True).recording)
    assert found.verdict is Verdict.PASS


def test_too_few_starts_for_the_generators_own_reasons() -> None:
    built = Builder().add(HEALTH, [10] * 100)
    built.recording.health = Health(planned_starts=1000, achieved_starts=949)
    found = judge(plan(p("p95", 150)), built.recording)
    assert found.verdict is Verdict.INVALID
    assert found.reasons[0].startswith("only 94.9 % of the planned starts happened (at least 95 %)")


def test_arrivals_refused_at_the_in_flight_limit_are_the_agents_doing() -> None:
    built = Builder().add(HEALTH, [10] * 100)
    built.recording.health = Health(planned_starts=1000, achieved_starts=500, dropped_starts=500)
    found = judge(plan(p("p95", 150)), built.recording)
    assert (found.verdict, found.generator.achieved_ratio, found.generator.dropped_starts) == (Verdict.PASS, 1.0, 500)


def test_proved_errors_stand_before_invalid() -> None:
    built = _lagged().add(HEALTH, [1] * 500, Outcome.FAILED)
    found = judge(plan(p("p95", 150), errors(0.05)), built.recording)
    assert found.verdict is Verdict.FAIL
    assert found.reasons[0].startswith("errors of operations")
    assert found.reasons[1].startswith("GET /health p95 fails only through")


def test_littles_law() -> None:
    assert little_mismatch(10, 50, 0.1, 0.1, 1000) is None
    assert little_mismatch(10, 47.6, 0.1, 0.1, 1000) is None
    note = little_mismatch(10, 40, 0.1, 0.1, 1000)
    assert note == (
        "Little's law: 40 iterations/s of 0.2 s keep 8 users busy, not 10: time is spent outside what was measured"
    )
    assert little_mismatch(10, 40, 0.1, 0.1, 199) is None
    assert little_mismatch(0, 0, 0.1, 0.1, 199) is None


def test_frames_that_leave_too_late_make_the_test_invalid() -> None:
    built = Builder().add(HEALTH, [10] * 100)
    built.recording.health = Health(frames=1000, frames_late_ns=5_000_000_000)
    built.recording.health.frame_lateness.record(9_000)
    found = judge(plan(p("p95", 150)), built.recording)
    assert found.verdict is Verdict.INVALID
    assert "frames of audio were sent 5 ms late on average" in found.generator.reasons[0]
    assert found.generator.frame_lateness_mean_ms == 5.0
    built.recording.health.frames_late_ns -= 1
    assert judge(plan(p("p95", 150)), built.recording).verdict is Verdict.PASS
