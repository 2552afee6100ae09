"""How a metric is distributed: the percentile curve and the histogram, decoded from the model's own counts.

The curve's axis is logarithmic in what is left above a percentile, 1 / (1 - p), so that p99 is as far from p99.9 as
p90 is from p99: the tail is where callers suffer. Samples that were never answered are above every value: the curve
ends where they begin.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_rtmedload.report.page.drawings.axis import Axis, latencies
from pytest_rtmedload.report.page.drawings.canvas import SIZE, Gap, Mark, columns, corner, curve, rect, svg, upright
from pytest_rtmedload.results.histogram import Histogram, carries, lower_edge, rank_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_rtmedload.results.model import MetricResult, TargetResult

BARS: Final = 40
FEWEST: Final = 5
"""Samples below which a distribution is a list of numbers."""
_FAR_LIMIT: Final = 2.0
_ABOVE_LIMIT: Final = 1.1
"""Room above a limit, so that its forbidden side can be seen."""
_TOLD: Final = (10, 25, 50, 75, 90, 95, 97.5, 99, 99.5, 99.9, 99.95, 99.99, 99.999)
_MARKED: Final = {50: "p50", 90: "p90", 95: "p95", 99: "p99", 99.9: "p99.9", 99.99: "p99.99", 99.999: "p99.999"}
_FINE: Final = 0.004
"""Points of a curve closer than that, as shares of the drawing, cannot be distinguished."""


class Percentile(NamedTuple):
    """A row of the table next to the curve."""

    percent: float
    ms: float | None
    """None among samples that were never answered."""
    above: int
    """Samples above it."""
    at: int
    """Where it is on the curve's axis, in thousandths."""


class Bar(NamedTuple):
    """A row of the table next to the histogram."""

    begin_ms: float
    end_ms: float
    samples: int
    share: float


class Limit(NamedTuple):
    """A latency target of the metric."""

    name: str
    fraction: float
    ms: float


@dataclass(frozen=True, slots=True)
class Distribution:
    """Two drawings of the same samples, and the tables next to them."""

    metric: str
    count: int
    unanswered: int
    curve: str
    curve_marks: list[Mark]
    ms_marks: list[Mark]
    """On the curve's upright axis."""
    percentiles: list[Percentile]
    histogram: str
    bar_marks: list[Mark]
    limit_marks: list[Mark]
    bars: list[Bar]
    far: list[Limit]
    """Limits too far above the samples to be drawn."""
    logarithmic: bool


def distribution(name: str, metric: MetricResult, targets: Iterable[TargetResult]) -> Distribution | None:
    """The distribution of a metric; None with fewer than five samples.

    Args:
        name: of the metric.
        metric: its samples, counted.
        targets: of the test; those on latencies of this metric are drawn.
    """
    samples = Histogram.decode(metric.histogram)
    if samples.count < FEWEST:
        return None
    limits = _limits(name, targets)
    longest = (samples.percentile(1.0) or 0) / 1000
    near = [limit for limit in limits if limit.ms <= _FAR_LIMIT * longest]
    axis = _axis(samples, longest, near)
    total = samples.count + metric.censored
    bars = _bars(samples, axis)
    return Distribution(
        metric=name,
        count=samples.count,
        unanswered=metric.censored,
        curve=_curve(name, samples, total, axis, near),
        curve_marks=[
            Mark(100 * _across(percent / 100, total), words)
            for percent, words in _MARKED.items()
            if carries(percent / 100, total)
        ],
        ms_marks=axis.up(),
        percentiles=_percentiles(samples, total),
        histogram=_histogram(name, bars, axis, near),
        bar_marks=axis.across(),
        limit_marks=[Mark(100 * axis.at(limit.ms), f"{limit.name} limit") for limit in near],
        bars=bars,
        far=[limit for limit in limits if limit not in near],
        logarithmic=axis.logarithmic,
    )


def _limits(metric: str, targets: Iterable[TargetResult]) -> list[Limit]:
    """Latency targets of a metric that are percentiles: `p999` is 99.9 %."""
    named = [t for t in targets if (t.metric, t.unit) == (metric, "ms") and t.name[:1] == "p" and t.name[1:].isdigit()]
    return [Limit(t.name, int(t.name[1:]) / 10 ** len(t.name[1:]), t.limit) for t in named]


def _axis(samples: Histogram, longest: float, limits: Sequence[Limit]) -> Axis:
    lowest, bulk = (samples.at_rank(1) or 0) / 1000, (samples.percentile(0.9) or 0) / 1000
    return latencies(lowest, bulk, max([longest, *(_ABOVE_LIMIT * limit.ms for limit in limits)]))


def _across(fraction: float, total: int) -> float:
    """Where a percentile is: 0 at p0, 1 at the last of all samples."""
    return min(math.log(1 / max(1 - fraction, 1 / total)) / math.log(total), 1.0)


def _percentiles(samples: Histogram, total: int) -> list[Percentile]:
    """Those that the number of samples supports, and the maximum."""
    told = [*(percent for percent in _TOLD if carries(percent / 100, total)), 100]
    found = []
    for percent in told:
        rank = rank_of(percent / 100, total)
        us = samples.at_rank(rank)
        at = round(SIZE * _across(percent / 100, total))
        found.append(Percentile(percent, None if us is None else us / 1000, total - rank, at))
    return found


def _curve(name: str, samples: Histogram, total: int, axis: Axis, limits: Sequence[Limit]) -> str:
    shapes = []
    for limit in limits:
        end, top = _across(limit.fraction, total), 1 - axis.at(limit.ms)
        shapes.append(rect("bad", 0, end, 0, top))
        shapes.append(corner("limit", end, top))
    shapes.append(curve("p95", _points(samples, total, axis)))
    return svg(f"{name}: latency in milliseconds at each percentile", shapes)


def _points(samples: Histogram, total: int, axis: Axis) -> list[Gap]:
    """The curve as steps between occupied buckets, no finer than can be seen."""
    points: list[Gap] = []
    seen = 0
    for bucket in sorted(samples.counts):
        height = 1 - axis.at(lower_edge(bucket) / 1000)
        points.append((_across(seen / total, total), height))
        seen += samples.counts[bucket]
    points.append((_across(seen / total, total), height))
    return _thinned(points)


def _thinned(points: Sequence[Gap]) -> list[Gap]:
    kept = [points[0]]
    for point, following in pairwise(points[1:]):
        if following[0] - kept[-1][0] >= _FINE:
            kept.append(point)
    return [*kept, points[-1]]


def _bars(samples: Histogram, axis: Axis) -> list[Bar]:
    """Equally wide on the axis, from its low end to its high one."""
    counts = [0] * BARS
    for bucket, n in samples.counts.items():
        counts[min(int(axis.at(lower_edge(bucket) / 1000) * BARS), BARS - 1)] += n
    edges = [axis.value(i / BARS) for i in range(BARS + 1)]
    return [Bar(a, b, n, 100 * n / samples.count) for (a, b), n in zip(pairwise(edges), counts, strict=True)]


def _histogram(name: str, bars: Sequence[Bar], axis: Axis, limits: Sequence[Limit]) -> str:
    most = max(bar.samples for bar in bars)
    edges = [i / BARS for i in range(BARS + 1)]
    shapes = [columns("bars", [bar.samples / most for bar in bars], edges)]
    shapes += [upright("limit", axis.at(limit.ms)) for limit in limits]
    return svg(f"{name}: how many operations took how long", shapes)
