"""Arrival schedules: how many, when, and the same for every shard."""

import itertools
import statistics

import pytest

from pytest_rtmedload.schedule.arrivals import RateSpan, due_times


def test_steady_arrivals_are_evenly_spaced() -> None:
    assert list(due_times([RateSpan(0.0, 1.0, 4.0, 4.0)], None)) == [0.0, 0.25, 0.5, 0.75]


def test_a_ramp_brings_half_as_many_and_ever_more() -> None:
    times = list(due_times([RateSpan(0.0, 10.0, 0.0, 100.0)], None))
    assert len(times) == 500
    first, second = sum(t < 5 for t in times), sum(t >= 5 for t in times)
    assert (first, second) == (125, 375)
    assert times == sorted(times)


def test_spans_join_without_a_gap_or_a_double() -> None:
    times = list(
        due_times([RateSpan(0.0, 1.0, 0.0, 10.0), RateSpan(1.0, 3.0, 10.0, 10.0), RateSpan(3.0, 4.0, 10.0, 0.0)], None)
    )
    assert len(times) == 30
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert min(gaps) > 0.05
    assert [t for t in times if 1 <= t < 3] == pytest.approx([1 + n / 10 for n in range(20)], abs=1e-9)


def test_poisson_arrivals_have_the_rate_and_the_spread_of_independent_callers() -> None:
    times = list(due_times([RateSpan(0.0, 100.0, 50.0, 50.0)], seed=7))
    assert len(times) == pytest.approx(5_000, rel=0.05)
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert statistics.stdev(gaps) == pytest.approx(statistics.mean(gaps), rel=0.1)


def test_the_same_seed_gives_the_same_schedule() -> None:
    spans = [RateSpan(0.0, 5.0, 20.0, 80.0)]
    assert list(due_times(spans, 3)) == list(due_times(spans, 3)) != list(due_times(spans, 4))
