"""A test over time: latency of its metrics, users, rate and failures below one another on one time axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.report.page.drawings.axis import Axis, finite, linear, time_marks
from pytest_rtmedload.report.page.drawings.canvas import Gap, Mark, band, columns, curve, level, svg
from pytest_rtmedload.report.page.drawings.seconds import ABSENT, Row, rows
from pytest_rtmedload.report.page.drawings.stages import latency_targets
from pytest_rtmedload.text import formats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pytest_rtmedload.results.model import TestResult, TimelineMetric

_FAR_LIMIT: Final = 3.0
"""A limit this many times above the data is given in words: drawn, it would flatten the curve."""


@dataclass(frozen=True, slots=True)
class Plot:
    """The latency of one metric: p50 and p95 as lines, the band between them, the limit."""

    metric: str
    svg: str
    marks: list[Mark]
    has_limit: bool
    limit_note: str
    """What to know about the limit when it is not drawn."""


@dataclass(frozen=True, slots=True)
class Lane:
    """A quantity of each second as bars."""

    name: str
    most: str
    svg: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """Everything about a test on one time axis."""

    plots: list[Plot]
    lanes: list[Lane]
    marks: list[Mark]
    phases: list[Mark]
    stages: list[Mark]
    rows: list[Row]

    @property
    def metrics(self) -> list[str]:
        """What the plots show, in order."""
        return [plot.metric for plot in self.plots]

    @property
    def sparse(self) -> bool:
        """True where some seconds have samples, and too few for a p95."""
        seconds = (row.metrics.get(metric, ABSENT) for row in self.rows for metric in self.metrics)
        return any(second.p95_ms is None and second.slow_ms is not None for second in seconds)


def timeline(test: TestResult, names: Sequence[str], most_rows: int = 300) -> Timeline | None:
    """The time line of a test; None when no second has a sample of what is to be drawn.

    Args:
        test: the test.
        names: metrics to draw, from the top.
        most_rows: seconds are drawn in stretches where there are more.
    """
    found = rows(test.timeline, test.metric, most_rows)
    names = [name for name in names if any(name in row.metrics for row in found)]
    if not names:
        return None
    first = found[0].begin
    last = first + len(found) * (found[0].end - first)  # rows are equally long, the last one may reach beyond the test
    return Timeline(
        plots=[_plot(test, name, found) for name in names],
        lanes=_lanes(found),
        marks=time_marks(first, last),
        phases=_spans(_phases(test, found), first, last),
        stages=_spans(((s.name, s.begin_s, s.end_s, s.verdict.value) for s in test.stages), first, last),
        rows=found,
    )


def _plot(test: TestResult, metric: str, found: list[Row]) -> Plot:
    seconds = [row.metrics.get(metric, ABSENT) for row in found]
    highest = max(finite(value for m in seconds for value in (m.p50_ms, m.slow_ms)), default=0.0)
    limit = next((t.limit for t in latency_targets(test) if (t.metric, t.name) == (metric, "p95")), None)
    far = limit is not None and limit > _FAR_LIMIT * highest
    axis = linear(highest if far or limit is None else max(highest, limit))
    drawn = None if far else limit
    return Plot(
        metric=metric,
        svg=_latency(seconds, axis, drawn, metric),
        marks=axis.up(),
        has_limit=drawn is not None,
        limit_note=f"p95 limit {formats.milliseconds(limit)}: above this drawing" if far else "",
    )


def _latency(seconds: list[TimelineMetric], axis: Axis, limit: float | None, metric: str) -> str:
    def points(value: Callable[[TimelineMetric], float | None]) -> list[Gap]:
        heights = (value(second) for second in seconds)
        return [((i + 0.5) / len(seconds), None if ms is None else 1 - axis.at(ms)) for i, ms in enumerate(heights)]

    p50s, p95s = points(lambda second: second.p50_ms), points(lambda second: second.slow_ms)
    shapes = [
        band("band", p50s, p95s),
        *([] if limit is None else [level("limit", 1 - axis.at(limit))]),
        curve("p50", p50s),
        curve("p95", p95s),
    ]
    return svg(f"{metric}: p50 and p95 over time, in milliseconds", shapes)


def _lanes(found: list[Row]) -> list[Lane]:
    """Users and rate always; failures only where there are any, as an empty lane would look like missing data."""
    users, failed = [float(row.users) for row in found], [float(row.failed) for row in found]
    rates = [row.rate or 0.0 for row in found]
    lanes = [_lane("users", users, f"{max(users):,.0f}")]
    if any(rates):
        lanes.append(_lane("rate", rates, formats.rate(max(rates))))
    if any(failed):
        lanes.append(_lane("failed", failed, f"{max(failed):,.0f}"))
    return lanes


def _lane(name: str, heights: list[float], most: str) -> Lane:
    top = max(heights) or 1.0
    edges = [i / len(heights) for i in range(len(heights) + 1)]
    bars = columns(name, [height / top for height in heights], edges)
    return Lane(name, most, svg(f"{name} over time, at most {most}", [bars]))


def _phases(test: TestResult, found: list[Row]) -> list[tuple[str, float, float, str]]:
    """Phases as they ran; taken from the rows when the model does not have them."""
    known = dict(test.phases)
    if not known:
        for row in found:
            known[row.phase] = (known.get(row.phase, (row.begin, 0.0))[0], row.end)
    return [(name, begin, end, name) for name, (begin, end) in known.items() if name]


def _spans(things: Iterable[tuple[str, float, float, str]], first: float, last: float) -> list[Mark]:
    """Name, begin, end and kind as stretches of the axis; what lies outside is left out."""
    marks = []
    for name, begin, end, kind in things:
        left, right = max(0.0, (begin - first) / (last - first)), min(1.0, (end - first) / (last - first))
        if right > left:
            marks.append(Mark(100 * left, name, 100 * (right - left), kind))
    return marks
