"""Inline SVG from numbers alone: shapes stretch to the width there is, words stay HTML so that they never do.

Coordinates run from 0 to 1000 across and from 0 (top) to 100 down. Colours are classes of the page's style sheet, so a
drawing follows light and dark. Each drawing has a name for screen readers and tooltips; its numbers stand in a table
beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.report import formats, story
from pytest_rtmedload.results.model import TimelineMetric

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_rtmedload.results.model import TargetResult, TestResult, TimelinePoint

WIDTH: Final = 1000
HEIGHT: Final = 100
_TOOLTIPS = 100
"""Most tooltips of a drawing: more are too narrow to point at."""
_Points = list[tuple["TimelinePoint", TimelineMetric]]
_Across = Callable[[float], float]
_FAR_LIMIT = 3.0
"""A limit so many times above the data is told in words: drawn, it would flatten the curve."""
_ABSENT = TimelineMetric(0, 0, 0, None, None, None, None)


@dataclass(frozen=True, slots=True)
class Mark:
    """A word beside a drawing, at a per cent of its width (x) or height (y, from the top)."""

    at: float
    text: str
    span: float = 0.0
    """Per cent covered from `at` on; 0 for a point."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """SVG and the words below it."""

    svg: str
    marks: list[Mark]


@dataclass(frozen=True, slots=True)
class Timeline:
    """One metric over time: drawings below one another on one time axis."""

    metric: str
    latency: str
    """SVG: p50 and p95 as lines, the band between them, the limit."""
    users: str
    errors: str
    """SVG of failed and censored operations a second; empty without any."""
    tooltips: str
    """SVG to lie over all of them: invisible, tells the numbers of the second pointed at."""
    y_marks: list[Mark]
    x_marks: list[Mark]
    phases: list[Mark]
    most_users: int
    most_errors: int
    has_limit: bool
    """Whether the metric has a p95 limit."""
    limit_note: str
    """What to know about the limit when it is not drawn."""
    points: list[tuple[TimelinePoint, TimelineMetric]] = field(default_factory=list)


def target_drawing(target: TargetResult) -> Drawing:
    """A target on a scale from 0: the forbidden side shaded, the bounds as a bar, the value as a tick."""
    value = target.value if target.value is not None and math.isfinite(target.value) else None
    low, high = target.bounds or (value, value)
    top = _target_top(target.limit, value, high)

    def across(value: float) -> float:
        return max(0.0, min(1.0, value / top)) * WIDTH

    limit = across(target.limit)
    at_least = target.name == "min_rate" or target.name.endswith("min")
    shapes = [_rect("bad", 0, limit) if at_least else _rect("bad", limit, WIDTH)]
    if value is not None:
        start, end = 0.0 if low is None else across(low), float(WIDTH) if high is None else across(high)
        shapes.append(_rect(f"bounds {target.verdict.value}", start, end, top=30, height=40))
        shapes.append(_line("value", across(value), 10, 90))
    shapes.append(_line("limit", limit, 0, HEIGHT))
    words = f"limit {story.quantity(target, target.limit)}"
    return Drawing(_svg(target.text, shapes), [Mark(100 * limit / WIDTH, words)])


def _target_top(limit: float, value: float | None, high: float | None) -> float:
    """End of the scale: everything is on it, unless a bound is so far away that nothing else could be told apart."""
    near = max(limit, value or 0.0)
    return min(1.25 * max(near, high or 0.0), 3 * near) or 1.0


def timeline(test: TestResult, metric: str) -> Timeline | None:
    """The time line of a metric; None when no second of the test has a sample of it."""
    points = [(point, point.metrics.get(metric, _ABSENT)) for point in test.timeline]
    if not any(found is not _ABSENT for _, found in points):
        return None
    first, last = points[0][0].second, points[-1][0].second + 1
    span = max(last - first, 1)

    def across(second: float) -> float:
        return (second - first) / span * WIDTH

    highest = max((m.p95_ms or m.p50_ms or 0.0 for _, m in points), default=0.0)
    limit = next((t.limit for t in test.targets if (t.metric, t.name, t.unit) == (metric, "p95", "ms")), None)
    far = limit is not None and limit > _FAR_LIMIT * highest
    step, top = _scale(highest if far or limit is None else max(highest, limit))
    users = [point.users for point, _ in points]
    errors = [m.failed + m.censored for _, m in points]
    return Timeline(
        metric=metric,
        latency=_latency(points, across, top, None if far else limit, metric),
        users=_bars("users", users, across, points),
        errors=_bars("errors", errors, across, points) if any(errors) else "",
        tooltips=_svg("", _tooltips(points, across)),
        y_marks=[Mark(100 - 100 * y / top, formats.number(y)) for y in _steps(0, top, step)],
        x_marks=_time_marks(first, last),
        phases=_phases(test, points, first, span),
        most_users=max(users),
        most_errors=max(errors),
        has_limit=limit is not None,
        limit_note="" if not far else f"p95 limit {formats.milliseconds(limit)}: above this drawing",
        points=points,
    )


def _latency(points: _Points, across: _Across, top: float, limit: float | None, metric: str) -> str:
    def down(ms: float) -> float:
        return HEIGHT * (1 - min(ms / top, 1.0))

    shapes = []
    p50s = [(across(point.second + 0.5), None if m.p50_ms is None else down(m.p50_ms)) for point, m in points]
    p95s = [(across(point.second + 0.5), None if m.p95_ms is None else down(m.p95_ms)) for point, m in points]
    shapes.append(_band(p50s, p95s))
    if limit is not None:
        height = _n(down(limit))
        shapes.append(f'<path class="limit" d="M0 {height}H{WIDTH}"/>')
    shapes += [_curve("p50", p50s), _curve("p95", p95s)]
    return _svg(f"{metric}: p50 and p95 of each second, in milliseconds", shapes)


def _bars(name: str, heights: Sequence[int], across: _Across, points: _Points) -> str:
    """One filled outline instead of a rectangle a second: a tenth of the size."""
    most = max(*heights, 1)
    path = [f"M0 {HEIGHT}"]
    for (point, _), height in zip(points, heights, strict=True):
        top = HEIGHT * (1 - height / most)
        path.append(f"H{_n(across(point.second))}V{_n(top)}H{_n(across(point.second + 1))}V{HEIGHT}")
    outline = f'<path class="{name}" d="{"".join(path)}Z"/>'
    return _svg(f"{name} of each second, at most {max(heights):,}", [outline])


def _curve(name: str, points: Iterable[tuple[float, float | None]]) -> str:
    """A line with gaps where nothing was measured; a lone point becomes a dot (its cap)."""
    path = ""
    pen_down = False
    for x, y in points:
        if y is not None:
            path += f"{'L' if pen_down else 'M'}{_n(x)} {_n(y)}{'' if pen_down else 'h0'}"
        pen_down = y is not None
    return f'<path class="{name}" d="{path}"/>' if path else ""


def _band(low: Sequence[tuple[float, float | None]], high: Sequence[tuple[float, float | None]]) -> str:
    """The area between two curves, one piece for each stretch where both are known."""
    pieces: list[list[tuple[float, float, float]]] = [[]]
    for (x, below), (_, above) in zip(low, high, strict=True):
        if below is None or above is None:
            pieces.append([])
        else:
            pieces[-1].append((x, below, above))
    path = ""
    for piece in pieces:
        if len(piece) > 1:
            outline = [(x, above) for x, _, above in piece] + [(x, below) for x, below, _ in reversed(piece)]
            path += "M" + "L".join(f"{_n(x)} {_n(y)}" for x, y in outline) + "Z"
    return f'<path class="band" d="{path}"/>' if path else ""


def _tooltips(points: _Points, across: _Across) -> Iterable[str]:
    size = math.ceil(len(points) / _TOOLTIPS)
    for i in range(0, len(points), size):
        group = points[i : i + size]
        # percentiles of several seconds cannot be averaged: the slowest second stands for them
        point, metric = max(group, key=lambda pair: (pair[1].failed + pair[1].censored, pair[1].p95_ms or 0.0))
        x = across(group[0][0].second)
        width = across(group[-1][0].second + 1) - x
        yield (
            f'<rect class="tip" x="{_n(x)}" width="{_n(width)}" height="{HEIGHT}">'
            f"<title>{escape(_second_text(point, metric))}</title></rect>"
        )


def _second_text(point: TimelinePoint, metric: TimelineMetric) -> str:
    lost = metric.failed + metric.censored
    return (
        f"second {point.second} ({point.phase}): p50 {formats.milliseconds(metric.p50_ms)}, "
        f"p95 {formats.milliseconds(metric.p95_ms)}, {formats.count(point.users, 'user')}, {metric.count + lost:,} done"
        + (f", {lost:,} failed" if lost else "")
    )


def _phases(test: TestResult, points: _Points, first: int, span: int) -> list[Mark]:
    """Phases as they were; from the seconds when the model does not tell them."""
    known = test.phases or {}
    if not known:
        for point, _ in points:
            begin = known.get(point.phase, (point.second, 0.0))[0]
            known = {**known, point.phase: (begin, point.second + 1)}
    marks = []
    for name, (begin, end) in known.items():
        left, right = max(0.0, (begin - first) / span), min(1.0, (end - first) / span)
        if right > left:
            marks.append(Mark(100 * left, name, 100 * (right - left)))
    return marks


def _scale(highest: float) -> tuple[float, float]:
    """Distance of the marks and top of the axis: 3 to 5 round steps that hold the highest value."""
    if highest <= 0 or not math.isfinite(highest):
        return 1.0, 1.0
    unit = 10 ** math.floor(math.log10(highest / 4))
    step = next(unit * f for f in (1, 2, 2.5, 5, 10) if unit * f * 4 >= highest)
    return step, step * math.ceil(highest / step)


def _steps(start: float, end: float, step: float) -> list[float]:
    return [start + i * step for i in range(math.floor((end - start) / step + 1e-9) + 1)]


def _time_marks(first: int, last: int) -> list[Mark]:
    step = max(1.0, _scale(last - first)[0])
    begin = math.ceil(first / step) * step
    return [Mark(100 * (t - first) / (last - first), f"{t:g} s") for t in _steps(begin, last, step)]


def _rect(name: str, start: float, end: float, top: float = 0, height: float = HEIGHT) -> str:
    width = max(end - start, 0)
    return f'<rect class="{name}" x="{_n(start)}" y="{_n(top)}" width="{_n(width)}" height="{_n(height)}"/>'


def _line(name: str, x: float, top: float, bottom: float) -> str:
    return f'<path class="{name}" d="M{_n(x)} {_n(top)}V{_n(bottom)}"/>'


def _svg(title: str, shapes: Iterable[str]) -> str:
    """A stretching drawing with a name for screen readers; without one they skip it."""
    start = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none"'
    named = f' role="img"><title>{escape(formats.one_line(title))}</title>' if title else ' aria-hidden="true">'
    return f"{start}{named}{''.join(shapes)}</svg>"


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
