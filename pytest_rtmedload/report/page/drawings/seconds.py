"""The rows of a time line: seconds, or stretches of several where there are more seconds than a screen has room for.

Percentiles of several seconds cannot be averaged: the slowest second stands for its stretch. Lost operations are
always counted in full.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.results.model import TimelineMetric
from pytest_rtmedload.results.names import ITERATION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_rtmedload.results.model import TimelinePoint

ABSENT: Final = TimelineMetric(0, 0, 0, None, None, None, None)


@dataclass(frozen=True, slots=True)
class Row:
    """One second, or a stretch of several."""

    begin: int
    end: int
    """The second after its last."""
    phase: str
    users: int
    """Most at once."""
    rate: float | None
    """Iterations that ended, well or not, per second; operations where the time line has no iterations."""
    failed: int
    """Failed or never answered: of the metric that lost most, since one failure may show in several."""
    metrics: dict[str, TimelineMetric]
    """The slowest second of each."""

    @property
    def label(self) -> str:
        """`12`, or `12-14` for a stretch."""
        return f"{self.begin}" if self.end == self.begin + 1 else f"{self.begin}–{self.end - 1}"


def rows(points: Sequence[TimelinePoint], metric: str, most: int) -> list[Row]:
    """Equally long stretches from the first second to the last, without a hole.

    Args:
        points: the seconds of a test, in order.
        metric: whose rate to show where iterations are not in the time line.
        most: rows; with more seconds than that each row is a stretch.
    """
    if not points:
        return []
    first, last = points[0].second, points[-1].second + 1
    length = math.ceil((last - first) / most)
    groups: list[list[TimelinePoint]] = [[] for _ in range(math.ceil((last - first) / length))]
    for point in points:
        groups[(point.second - first) // length].append(point)
    counted = ITERATION if any(ITERATION in point.metrics for point in points) else metric
    return [
        _row(group, first + i * length, min(first + (i + 1) * length, last), counted) for i, group in enumerate(groups)
    ]


def _row(group: Sequence[TimelinePoint], begin: int, end: int, counted: str) -> Row:
    if not group:
        return Row(begin, end, "", 0, None, 0, {})
    ended = [m.count + m.failed for point in group if (m := point.metrics.get(counted)) is not None]
    return Row(
        begin=begin,
        end=end,
        phase=group[0].phase,
        users=max(point.users for point in group),
        rate=sum(ended) / len(group) if ended else None,
        failed=sum(_lost(point) for point in group),
        metrics=dict(group[0].metrics) if len(group) == 1 else _slowest(group),
    )


def _lost(point: TimelinePoint) -> int:
    return max((metric.failed + metric.censored for metric in point.metrics.values()), default=0)


def _slowest(group: Sequence[TimelinePoint]) -> dict[str, TimelineMetric]:
    names = dict.fromkeys(name for point in group for name in point.metrics)
    return {
        name: max((point.metrics.get(name, ABSENT) for point in group), key=lambda found: found.slow_ms or 0.0)
        for name in names
    }
