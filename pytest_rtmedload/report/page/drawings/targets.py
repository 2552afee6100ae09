"""A target on a scale from 0: the forbidden side shaded, the bounds as a bar, the value as a tick."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_rtmedload.report import phrases
from pytest_rtmedload.report.page.drawings.canvas import Mark, rect, svg, upright

if TYPE_CHECKING:
    from pytest_rtmedload.results.model import TargetResult


@dataclass(frozen=True, slots=True)
class TargetDrawing:
    """A scale, and the words below it."""

    svg: str
    marks: list[Mark]


def target_drawing(target: TargetResult) -> TargetDrawing:
    """A target as a picture; without a value only its limit."""
    value = target.value if target.value is not None and math.isfinite(target.value) else None
    low, high = target.bounds or (value, value)
    top = _top(target.limit, value, high)
    limit = target.limit / top
    at_least = target.name == "min_rate" or target.name.endswith("min")
    shapes = [rect("bad", 0, limit) if at_least else rect("bad", limit, 1)]
    if value is not None:
        begin, end = 0.0 if low is None else low / top, 1.0 if high is None else high / top
        shapes.append(rect(f"bounds {target.verdict.value}", begin, end, 0.3, 0.7))
        shapes.append(upright("value", value / top, 0.1, 0.9))
    shapes.append(upright("limit", limit))
    words = f"limit {phrases.quantity(target, target.limit)}"
    return TargetDrawing(svg(target.text, shapes), [Mark(100 * min(limit, 1.0), words)])


def _top(limit: float, value: float | None, high: float | None) -> float:
    """End of the scale: everything is on it, unless a bound is so far away that the rest could not be distinguished."""
    near = max(limit, value or 0.0)
    return min(1.25 * max(near, high or 0.0), 3 * near) or 1.0
