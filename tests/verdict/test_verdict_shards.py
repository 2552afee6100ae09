"""Several shards: each must be fit on its own, and the result says how each did."""

from __future__ import annotations

import pytest

from pytest_rtmedload.results.model import TestResult, Verdict
from pytest_rtmedload.results.plan import ShardPart
from pytest_rtmedload.results.recording import Health
from pytest_rtmedload.verdict.judge import judge
from tests.verdict.verdict_builders import HEALTH, Builder, lagging, p, plan

FIT = Health(measured_ns=10_000_000_000, thread_cpu_ns=3_000_000_000)
LAGGING = lagging(0.5)
LAGGING.thread_cpu_ns = 9_900_000_000
BEHIND = Health(measured_ns=10_000_000_000, planned_starts=100, achieved_starts=90)


def judged(*healths: Health, users: int = 5, lost: str | None = None) -> TestResult:
    built = Builder().spread(HEALTH, [10] * 1000, 10)
    parts = []
    for number, health in enumerate(healths):
        built.recording.health.merge(health)
        parts.append(ShardPart(f"gw{number}", users, 100, number * 2.5, health, lost))
    return judge(plan(p("p95", 100, HEALTH), shards=len(parts), parts=tuple(parts)), built.recording)


def test_fit_shards() -> None:
    result = judged(FIT, FIT, FIT)
    assert (result.verdict, result.generator.skew_ms) == (Verdict.PASS, 5.0)
    assert [(shard.name, shard.began_ms) for shard in result.generator.shards] == [("gw0", 0), ("gw1", 2.5), ("gw2", 5)]


@pytest.mark.parametrize(("spoiled", "why"), [(LAGGING, "users lost 50 % of their time to lag"), (BEHIND, "only 90 %")])
def test_one_saturated_shard_of_many_makes_the_verdict_invalid(spoiled: Health, why: str) -> None:
    result = judged(FIT, FIT, spoiled, FIT)
    assert result.verdict is Verdict.INVALID
    assert [reason.startswith(f"shard gw2: {why}") for reason in result.reasons] == [True]


def test_the_busiest_shard_tells_how_busy_the_generator_was() -> None:
    assert judged(FIT, LAGGING).generator.thread_cpu_percent == 99
    assert judged(FIT, FIT).generator.thread_cpu_percent == 30


def test_a_shard_without_users_is_neither_busy_nor_idle() -> None:
    result = judged(LAGGING, users=0)
    assert result.generator.shards[0].thread_cpu_percent is None


def test_with_one_process_there_are_no_shards_to_show() -> None:
    result = judged()
    assert (result.generator.shards, result.generator.skew_ms) == ([], None)
