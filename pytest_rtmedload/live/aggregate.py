"""Sums of a load test under way: what all its shards have shipped, without what only the final verdict needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.live.progress import Generator
from pytest_rtmedload.results.histogram import HIGHEST_US, Histogram, bucket_of, lower_edge
from pytest_rtmedload.results.names import ITERATION
from pytest_rtmedload.results.plan import PERCENTILES
from pytest_rtmedload.results.recording import Health, Outcome, Phase, ValueStats
from pytest_rtmedload.verdict.evidence import ShareRule
from pytest_rtmedload.verdict.health import spoils
from pytest_rtmedload.verdict.samples import value_stats

if TYPE_CHECKING:
    from pytest_rtmedload.results.recording import Clock, Recording, SeriesKey

_FEWEST_NS: Final = 500_000_000
"""A share of less measured time than this says nothing."""


class RunningDistribution:
    """Latencies in the buckets of `Histogram`, dense: it is asked again every second, while it grows.

    A sorted walk over the thousand buckets of a sparse one takes half a millisecond of the loop that makes the load.
    """

    def __init__(self) -> None:
        import numpy as np  # noqa: PLC0415 - 80 ms, only where load tests run

        self._counts = np.zeros(bucket_of(HIGHEST_US) + 1, np.int64)
        self.count = 0
        self.max_us = 0

    def add(self, histogram: Histogram) -> None:
        """Add all samples of a histogram."""
        counts = histogram.counts
        self._counts[list(counts)] += list(counts.values())  # each bucket is there once
        self.count += histogram.count
        self.max_us = max(self.max_us, histogram.max_us)

    def at_rank(self, rank: int) -> int | None:
        """As of `Histogram`: the `rank`-th smallest value in microseconds; None when there are fewer."""
        if not 1 <= rank <= self.count:
            return None
        return lower_edge(int(self._counts.cumsum().searchsorted(rank)))

    def with_samples(self, histogram: Histogram) -> RunningDistribution:
        """A new distribution with the samples of both."""
        both = RunningDistribution()
        both._counts += self._counts
        both.count, both.max_us = self.count, self.max_us
        both.add(histogram)
        return both

    def count_above(self, limit_us: int) -> int:
        """Number of samples in buckets above the bucket of the limit."""
        return int(self._counts[bucket_of(limit_us) + 1 :].sum())


@dataclass(slots=True)
class Sums:
    """Of one metric, in the measured phase: what a decision about it needs (`SamplesView`).

    Its samples are taken as independent. Which of them depend on each other takes long to find out, and changes only
    how soon something is clear. Turns of a call are known to depend, so calls are counted.
    """

    ok: RunningDistribution = field(default_factory=RunningDistribution)
    waited: Histogram = field(default_factory=Histogram)
    """What was waited for the samples that are censored."""
    failed: int = 0
    aborted: int = 0
    calls: set[str] = field(default_factory=set)
    """The calls its samples were made in, if any."""
    in_calls: int = 0
    """Its ok and censored samples that were made in calls."""

    @property
    def n(self) -> int:
        """Samples that a percentile is over."""
        return self.ok.count + self.waited.count

    @property
    def censored(self) -> int:
        """Samples that were never answered."""
        return self.waited.count

    @property
    def slowest_us(self) -> int:
        """Slowest of all; of a censored sample, what was waited."""
        return max(self.ok.max_us, self.waited.max_us)

    def rule(self, name: str) -> ShareRule:
        """The rule for a limit on a percentile; fewer than 20 calls can prove no PASS."""
        calls = len(self.calls) if self.calls and self.in_calls == self.n else None
        return ShareRule(self.n, 1 - PERCENTILES[name], float(self.n), calls)

    def above(self, limit_us: int) -> int:
        """Samples above a limit, censored ones included."""
        return self.ok.count_above(limit_us) + self.waited.count

    def at_rank(self, rank: int) -> int | None:
        """The `rank`-th smallest sample; None when it is a censored one."""
        return self.ok.at_rank(rank)

    def at_least(self, rank: int) -> int:
        """What the `rank`-th smallest sample is known to exceed, when it is a censored one."""
        slowest_answer = self.ok.at_rank(self.ok.count) or 0
        return max(slowest_answer, self.ok.with_samples(self.waited).at_rank(min(rank, self.n)) or 0)

    def count(self, outcome: Outcome) -> int:
        """Samples that ended in this way."""
        counts = {Outcome.OK: self.ok.count, Outcome.CENSORED: self.waited.count, Outcome.FAILED: self.failed}
        return counts.get(outcome, self.aborted)

    def add(self, outcome: str, histogram: Histogram) -> None:
        """Add samples that ended in this way."""
        if outcome == Outcome.OK:
            self.ok.add(histogram)
        elif outcome == Outcome.CENSORED:
            self.waited.merge(histogram)
        elif outcome == Outcome.FAILED:
            self.failed += histogram.count
        else:
            self.aborted += histogram.count


class Tally:
    """What was shipped of one load test until now.

    Args:
        clock: from when its latencies are counted.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._errors: dict[str, int] = {}
        self._health = Health()
        self.metrics: dict[str, Sums] = {}
        self.values: dict[str, ValueStats] = {}
        """Quantities that are not times, over all tags."""
        self.iterations = 0
        """Of all phases, however they ended."""
        self.lost = 0
        """Of these, the ones that did not end well."""

    def add(self, delta: Recording) -> int:
        """Add what was shipped; returns the number of iterations in it."""
        before = self.iterations
        for key, cells in delta.series.items():
            if key.clock == self._clock:
                for cell, histogram in cells.items():
                    self._add(key, histogram, measured=cell.phase == Phase.MEASURE)
        for key, samples in delta.calls.items():
            if key.clock == self._clock and key.outcome in (Outcome.OK, Outcome.CENSORED):
                self._add_calls(key.metric, [sample.call for sample in samples if sample.cell.phase == Phase.MEASURE])
        for name, stats in value_stats(delta).items():
            self.values.setdefault(name, ValueStats(stats.unit)).merge(stats)
        for message, group in delta.errors.items():
            self._errors[message] = self._errors.get(message, 0) + group.count
        self._health.merge(delta.health)
        return self.iterations - before

    def error(self) -> tuple[str, int] | None:
        """The most frequent error and its count."""
        return max(self._errors.items(), key=lambda pair: pair[1], default=None)

    def generator(self) -> Generator:
        """How the load generator does."""
        health = self._health
        early = health.measured_ns < _FEWEST_NS
        return Generator(
            lag_p99_ms=_milliseconds(health.lag),
            cpu_percent=None if early else 100 * health.thread_cpu_ns / health.measured_ns,
            frames_late_ms=_milliseconds(health.frame_lateness),
            troubled=spoils(health),
        )

    def _add(self, key: SeriesKey, histogram: Histogram, *, measured: bool) -> None:
        if key.metric == ITERATION:
            self.iterations += histogram.count
            self.lost += histogram.count if key.outcome != Outcome.OK else 0
        if measured and histogram.count:
            self._sums(key.metric).add(key.outcome, histogram)

    def _add_calls(self, metric: str, calls: list[str]) -> None:
        if calls:
            sums = self._sums(metric)
            sums.calls.update(calls)
            sums.in_calls += len(calls)

    def _sums(self, metric: str) -> Sums:
        found = self.metrics.get(metric)
        if found is None:
            found = self.metrics[metric] = Sums()
        return found


def _milliseconds(of: Histogram) -> float | None:
    us = of.percentile(0.99)
    return None if us is None else us / 1000
