"""Turns of one call are alike: they are judged as clusters, and few calls prove no PASS."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from pytest_rtmedload.results.model import Verdict
from pytest_rtmedload.results.recording import CallSample, Cell, Outcome, Phase, SeriesKey
from pytest_rtmedload.verdict.samples import Measured, edge_us
from pytest_rtmedload.verdict.targets import judge_target
from tests.verdict.verdict_builders import Builder, p, plan

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_rtmedload.results.model import TargetResult

LOOP = "voice.loop"


def in_calls(calls: Iterable[list[float]], outcome: str = Outcome.OK, built: Builder | None = None) -> Builder:
    """A recording of calls, each with the latencies of its turns in milliseconds."""
    built = built or Builder()
    for number, turns in enumerate(calls):
        built.add(LOOP, turns, outcome, second=number)
        kept = built.recording.calls.setdefault(SeriesKey(LOOP, outcome=outcome), [])
        kept += [CallSample(f"call-{number}", Cell(Phase.MEASURE, number), round(turn * 1000)) for turn in turns]
    return built


def judged(built: Builder, limit: float = 700) -> TargetResult:
    return judge_target(p("p95", limit, LOOP), Measured(plan(), built.recording))


def test_nineteen_perfect_calls_prove_nothing_and_say_so() -> None:
    found = judged(in_calls([[400.0 + turn for turn in range(20)]] * 19))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "19 of 20 calls" in found.text
    assert found.bounds[1] is None
    assert found.needed == 20, "a twentieth call of as many turns"


def test_many_perfect_calls_pass() -> None:
    found = judged(in_calls([[400.0 + turn for turn in range(5)]] * 60))
    assert (found.verdict, found.k) == (Verdict.PASS, 0)
    assert "60 calls" in found.text


def test_few_calls_can_fail() -> None:
    assert judged(in_calls([[900.0, 950.0]] * 6)).verdict is Verdict.FAIL


def test_slow_calls_count_as_calls_and_not_as_turns() -> None:
    clustered = in_calls([[900.0] * 20 if call < 3 else [400.0] * 20 for call in range(25)])
    source = random.Random(1)
    turns = [900.0] * 60 + [400.0] * 440
    source.shuffle(turns)
    spread = in_calls([turns[call::25] for call in range(25)])
    assert judged(spread).verdict is Verdict.FAIL
    assert judged(clustered).verdict is Verdict.INCONCLUSIVE


def test_answers_that_never_came_belong_to_their_calls() -> None:
    built = in_calls([[10_000.0]] * 25, Outcome.CENSORED, in_calls([[400.0] * 4] * 25))
    samples = Measured(plan(), built.recording).samples(LOOP)
    assert (samples.calls, samples.n, samples.above(edge_us(700))) == (25, 125, 25)
    assert judged(built).verdict is Verdict.FAIL


def test_a_metric_that_was_also_recorded_outside_of_calls_is_judged_by_seconds() -> None:
    built = in_calls([[400.0] * 4] * 25).add(LOOP, [400.0], second=3)
    assert Measured(plan(), built.recording).samples(LOOP).calls is None


def test_shards_merge_their_calls() -> None:
    one, other = in_calls([[400.0]] * 3).recording, in_calls([[500.0]] * 2).recording
    for samples in other.calls.values():
        samples[:] = [sample._replace(call=f"other-{sample.call}") for sample in samples]
    one.merge(other)
    assert Measured(plan(), one).samples(LOOP).calls == 5


@pytest.mark.parametrize("limit", [350, 450, 500, 650, 800])
def test_the_printed_bounds_are_dual_to_the_verdict_for_calls(limit: float) -> None:
    source = random.Random(7)
    built = in_calls([[source.gauss(base, 30) for _ in range(4)] for base in source.choices(range(380, 620), k=40)])
    found = judged(built, limit)
    low, high = found.bounds
    assert (found.verdict is Verdict.PASS) == (high is not None and high <= limit)
    assert (found.verdict is Verdict.FAIL) == (low is not None and low > limit)
