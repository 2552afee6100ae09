"""The judged samples of a test: of the measured phase, on the clock of its load model.

n counts ok and censored samples, and a censored sample lies above every limit: an agent that answers slowly or never
cannot improve its percentiles. Failed samples have no latency that counts; they belong to the error limit.

Samples made within calls are grouped by call, because the turns of a call are alike; all others into clusters of one
second, by their intended start, because a stall hits neighbours together. Fewer than 20 calls prove no PASS.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING

from pytest_rtmedload.results.histogram import Histogram, carries, rank_of
from pytest_rtmedload.results.names import ITERATION
from pytest_rtmedload.results.plan import PERCENTILES
from pytest_rtmedload.results.recording import Clock, Outcome, Phase, ValueStats
from pytest_rtmedload.verdict.evidence import MIN_CLUSTERS, ShareRule, effective_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_rtmedload.results.plan import TestPlan
    from pytest_rtmedload.results.recording import Cell, Recording


@dataclass(slots=True)
class Cluster:
    """Samples that may depend on each other."""

    ok: list[Histogram] = field(default_factory=list)
    censored: int = 0

    @property
    def n(self) -> int:
        """Samples in the cluster."""
        return self.censored + sum(histogram.count for histogram in self.ok)


class Samples:
    """Ok and censored samples of one metric.

    Args:
        ok: latencies of the samples that ended well.
        waited: what was waited for those that are censored.
        clusters: the same samples, grouped; fewer than `MIN_CLUSTERS` seconds are taken as independent.
        calls: whether the clusters are calls.
    """

    def __init__(
        self, ok: Histogram, waited: Histogram, clusters: Sequence[Cluster] = (), *, calls: bool = False
    ) -> None:
        self.ok = ok
        self.waited = waited
        self.clusters = clusters
        self.calls = len(clusters) if calls else None
        """The number of calls the samples were made in; None: they were not made in calls."""
        self.n = ok.count + waited.count

    @property
    def clustered(self) -> bool:
        """False when there are too few clusters, so that verdicts assume independent samples."""
        return self.calls is not None or len(self.clusters) >= MIN_CLUSTERS

    @property
    def censored(self) -> int:
        """Samples that were never answered."""
        return self.waited.count

    @property
    def slowest_us(self) -> int:
        """Slowest of all, in microseconds; of a censored sample, what was waited."""
        return max(self.ok.max_us, self.waited.max_us)

    def rule(self, name: str) -> ShareRule:
        """The rule for a limit on a percentile (`p50` …)."""
        return self.rules[name]

    def above(self, limit_us: int) -> int:
        """Samples above a limit, censored ones included."""
        return self.ok.count_above(limit_us) + self.waited.count

    def at_rank(self, rank: int) -> int | None:
        """The `rank`-th smallest sample in microseconds; None when it is a censored one."""
        return self.ok.at_rank(rank)

    def at_least(self, rank: int) -> int:
        """What the `rank`-th smallest sample is known to exceed, in microseconds, when it is a censored one."""
        everything = Histogram.merged((self.ok, self.waited))
        slowest_answer = self.ok.at_rank(self.ok.count) or 0
        return max(slowest_answer, everything.at_rank(min(rank, self.n)) or 0)

    def percentile(self, name: str) -> int | None:
        """A percentile by name (`p50` …) in microseconds; None without samples or among the censored."""
        return self.at_rank(rank_of(PERCENTILES[name], self.n)) if self.n else None

    def told(self, name: str) -> int | None:
        """A percentile for reports: None where the number of samples cannot carry it, too."""
        return self.percentile(name) if carries(PERCENTILES[name], self.n) else None

    def bounds(self, name: str) -> tuple[int | None, int | None]:
        """One-sided 95 % bounds of a percentile in microseconds, each None where none exists.

        An upper bound that falls among the censored does not exist; a lower bound there is what was waited.
        """
        if not self.n:
            return None, None
        low, high = self.rules[name].bound_ranks()
        lower = upper = None
        if low is not None:
            lower = self.at_rank(low) if low <= self.ok.count else self.at_least(low)
        if high is not None:
            upper = self.at_rank(high)
        return lower, upper

    @cached_property
    def rules(self) -> dict[str, ShareRule]:
        """Percentile name → the rule that judges it.

        Clustering is measured where 1 − p of the samples are slower, not at the limit: at a limit that no sample
        missed, none can be seen, and one miss more would be better than one miss less. It is measured again at twice
        that share and the larger effect counts, because few clusters hold the slowest samples: with 20 clusters of 50
        and an intraclass correlation of 0.6, wrong PASSes are 15.3 % with n* taken at the limit, 8.5 % with the first,
        4.3 % with both (`tests/verdict/test_simulation.py`). Clusters that the run did not meet, such as a stall once a
        minute, are seen by no rule.
        """
        if not self.clustered:
            return {name: ShareRule.independent(self.n, 1 - p) for name, p in PERCENTILES.items()}
        cuts = {name: self._cuts(1 - p) for name, p in PERCENTILES.items()}
        ascending = sorted({cut for pair in cuts.values() for cut in pair})
        sizes = {cut: effective_size(found) for cut, found in zip(ascending, self.misses(ascending), strict=True)}
        none_seen = float(len(self.clusters))
        return {
            name: ShareRule(self.n, 1 - p, min((sizes[cut] for cut in cuts[name]), default=none_seen), self.calls)
            for name, p in PERCENTILES.items()
        }

    def misses(self, cuts: Sequence[int]) -> Iterator[list[tuple[int, int]]]:
        """For each cut (a bucket; ascending), the (k_c, m_c) of every cluster: samples above it, and all."""
        rows = []
        for cluster in self.clusters:
            slots = [0] * (len(cuts) + 1)
            for histogram in cluster.ok:
                for bucket, count in histogram.counts.items():
                    slots[bisect_left(cuts, bucket)] += count
            slots[-1] += cluster.censored  # above every cut
            above = list(accumulate(reversed(slots)))[-2::-1]  # from the top down: one pass serves all cuts
            rows.append((above, cluster.n))
        for index in range(len(cuts)):
            yield [(above[index], n) for above, n in rows]

    def _cuts(self, share: float) -> list[int]:
        """Buckets with about `share`, and twice that, of the samples above them; none when all are in one bucket."""
        counts, buckets = self._candidates
        if not counts:
            return []
        return [buckets[_nearest(counts, want * self.n)] for want in (share, min(2 * share, 0.5))]

    @cached_property
    def _candidates(self) -> tuple[list[int], list[int]]:
        """Ascending numbers of samples above some bucket, neither none nor all, and those buckets."""
        above, counts, buckets = self.waited.count, [], []
        for bucket in sorted(self.ok.counts, reverse=True):
            if above:  # a cut that nothing is above shows no clustering
                counts.append(above)
                buckets.append(bucket)
            above += self.ok.counts[bucket]
        return counts, buckets


def _nearest(ascending: Sequence[int], wanted: float) -> int:
    """Index of the number closest to the wanted one, the smaller of two that are as close."""
    after = bisect_left(ascending, wanted)
    around = range(max(after - 1, 0), min(after + 1, len(ascending)))
    return min(around, key=lambda index: abs(ascending[index] - wanted))


class Measured:
    """The measured phase of a recording, judged the way its plan says."""

    def __init__(self, plan: TestPlan, recording: Recording) -> None:
        self.plan = plan
        self.recording = recording
        self.clock = Clock.RESPONSE if plan.model == "open" else Clock.SERVICE
        begin, end = plan.phases.get(Phase.MEASURE, (0.0, 0.0))
        self.duration_s = max(end - begin, 0.0)
        self._samples: dict[tuple[str, str | None, bool], Samples] = {}

    def samples(self, metric: str, tag: str | None = None, *, lagged: bool = False) -> Samples:
        """Judged samples of a metric: all, those with one tag, or those during which the generator lagged."""
        key = (metric, tag, lagged)
        if key not in self._samples:
            self._samples[key] = self._collect(metric, tag, lagged=lagged)
        return self._samples[key]

    def count(self, metric: str, *outcomes: Outcome, tag: str | None = None) -> int:
        """Samples of a metric that ended in one of these ways."""
        return sum(h.count for outcome in outcomes for _, h in self._cells(metric, outcome, tag))

    def total_s(self, metric: str, outcome: Outcome) -> float:
        """Seconds that all samples of a metric took together."""
        return sum(h.total_us for _, h in self._cells(metric, outcome, None)) / 1e6

    def rate(self, count: int) -> float | None:
        """Per second of the measured phase in fact; None when there was none."""
        return count / self.duration_s if self.duration_s else None

    @cached_property
    def metrics(self) -> list[str]:
        """Metrics with at least one sample in the measured phase, however it ended."""
        return [metric for metric in self.recording.metrics() if self.count(metric, *Outcome)]

    @cached_property
    def operations(self) -> list[str]:
        """All of them but `iteration`."""
        return [metric for metric in self.metrics if metric != ITERATION]

    @cached_property
    def values(self) -> dict[str, ValueStats]:
        """Name → statistics over all tags, of values with at least one observation."""
        return value_stats(self.recording)

    def _cells(self, metric: str, outcome: Outcome, tag: str | None) -> Iterator[tuple[Cell, Histogram]]:
        for cell, histogram in self.cells(metric, outcome, tag):
            if cell.phase == Phase.MEASURE and histogram.count:
                yield cell, histogram

    def cells(self, metric: str, outcome: str, tag: str | None = None) -> Iterator[tuple[Cell, Histogram]]:
        """All cells of a metric with this outcome, of all phases, over all tags or of one, on the judged clock."""
        for tagged, cells in self._index.get((metric, outcome), ()):
            if tag in (None, tagged):
                yield from cells.items()

    @cached_property
    def tagged(self) -> dict[str, list[str]]:
        """Tag → its metrics, in their order."""
        pairs = {(key.tag, key.metric) for key in self.recording.series if key.tag}
        found: dict[str, list[str]] = defaultdict(list)
        for tag, metric in sorted(pairs, key=lambda pair: (pair[0], self._order[pair[1]])):
            found[tag].append(metric)
        return found

    @cached_property
    def _order(self) -> dict[str, int]:
        return {metric: place for place, metric in enumerate(self.recording.metrics())}

    @cached_property
    def _index(self) -> dict[tuple[str, str], list[tuple[str, dict[Cell, Histogram]]]]:
        """Metric and outcome → the series of each tag: to look for them one by one is quadratic in their number."""
        found: dict[tuple[str, str], list[tuple[str, dict[Cell, Histogram]]]] = defaultdict(list)
        for key, cells in self.recording.series.items():
            if key.clock == self.clock:
                found[key.metric, key.outcome].append((key.tag, cells))
        return found

    def _collect(self, metric: str, tag: str | None, *, lagged: bool) -> Samples:
        seconds: dict[int, Cluster] = defaultdict(Cluster)
        ok, waited = Histogram(), Histogram()
        for cell, histogram in self._cells(metric, Outcome.OK, tag):
            if cell.lagged or not lagged:
                ok.merge(histogram)
                seconds[cell.second].ok.append(histogram)
        for cell, histogram in self._cells(metric, Outcome.CENSORED, tag):
            if cell.lagged or not lagged:
                waited.merge(histogram)
                seconds[cell.second].censored += histogram.count
        calls = self._calls(metric, tag, lagged=lagged)
        # samples made outside calls belong to no cluster of calls: then seconds are the clusters of all of them
        if calls and sum(call.n for call in calls) == ok.count + waited.count:
            return Samples(ok, waited, calls, calls=True)
        return Samples(ok, waited, [seconds[second] for second in sorted(seconds)])

    def _calls(self, metric: str, tag: str | None, *, lagged: bool) -> list[Cluster]:
        """The samples that were made within calls, a cluster for each call."""
        found: dict[str, Cluster] = defaultdict(Cluster)
        for key, samples in self.recording.calls.items():
            if key.metric != metric or key.clock != self.clock or tag not in (None, key.tag):
                continue
            for sample in samples:
                if sample.cell.phase != Phase.MEASURE or (lagged and not sample.cell.lagged):
                    continue
                if key.outcome == Outcome.OK:
                    found[sample.call].ok.append(Histogram.of(sample.us))
                elif key.outcome == Outcome.CENSORED:
                    found[sample.call].censored += 1
        return list(found.values())


def value_stats(recording: Recording) -> dict[str, ValueStats]:
    """Name → statistics over all tags, of values with at least one observation."""
    merged: dict[str, ValueStats] = {}
    for (name, _), stats in recording.values.items():
        if stats.count:
            merged.setdefault(name, ValueStats(stats.unit)).merge(stats)
    return merged


def milliseconds(us: float | None) -> float | None:
    """Microseconds as milliseconds."""
    return None if us is None else us / 1000


def edge_us(limit_ms: float) -> int:
    """A limit in whole microseconds: a sample is above the limit when its bucket is above the bucket of this."""
    return int(limit_ms * 1000 + 1e-6)
