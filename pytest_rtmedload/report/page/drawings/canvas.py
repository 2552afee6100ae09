"""The pens: outlines and curves as short SVG paths. A value that is missing is a gap, never a zero."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final, TypeVar

from pytest_rtmedload.text import formats

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SIZE: Final = 1000
"""Width and height of every drawing, in its own units."""

Point = tuple[float, float]
"""Shares of the width (from the left) and of the height (from the top)."""
Gap = tuple[float, float | None]
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Mark:
    """A word next to a drawing, at a per cent of its width (x) or height (y, from the top)."""

    at: float
    text: str
    span: float = 0.0
    """Per cent covered from `at` on; 0 for a point."""
    kind: str = ""
    """Class of the style sheet."""


def svg(title: str, shapes: Iterable[str]) -> str:
    """A stretching drawing with a name for screen readers; without one they skip it."""
    start = f'<svg viewBox="0 0 {SIZE} {SIZE}" preserveAspectRatio="none"'
    named = f' role="img"><title>{escape(formats.one_line(title))}</title>' if title else ' aria-hidden="true">'
    return f"{start}{named}{''.join(shapes)}</svg>"


def rect(kind: str, left: float, right: float, top: float = 0.0, bottom: float = 1.0) -> str:
    """A filled box, in shares of the drawing."""
    x, y = _units(left), _units(top)
    width, height = max(_units(right) - x, 0), max(_units(bottom) - y, 0)
    return f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}"/>'


def upright(kind: str, x: float, top: float = 0.0, bottom: float = 1.0) -> str:
    """A line from top to bottom."""
    return f'<path class="{kind}" d="M{_units(x)} {_units(top)}V{_units(bottom)}"/>'


def level(kind: str, y: float, left: float = 0.0, right: float = 1.0) -> str:
    """A line from left to right."""
    return f'<path class="{kind}" d="M{_units(left)} {_units(y)}H{_units(right)}"/>'


def corner(kind: str, right: float, bottom: float) -> str:
    """The open edges of a box in the upper left."""
    return f'<path class="{kind}" d="M0 {_units(bottom)}H{_units(right)}V0"/>'


def curve(kind: str, points: Iterable[Gap]) -> str:
    """A line with gaps where nothing was measured; a lone point becomes a dot (its cap)."""
    path = "".join(f"{_trace(piece)}{'h0' if len(piece) == 1 else ''}" for piece in _stretches(points))
    return f'<path class="{kind}" d="{path}"/>' if path else ""


def band(kind: str, low: Sequence[Gap], high: Sequence[Gap]) -> str:
    """The area between two curves, one piece for each stretch where both are known."""
    known = [
        (x, None if below is None or above is None else (below, above))
        for (x, below), (_, above) in zip(low, high, strict=True)
    ]
    path = ""
    for piece in _stretches(known):
        if len(piece) > 1:
            upper, lower = [(x, above) for x, (_, above) in piece], [(x, below) for x, (below, _) in piece]
            path += _trace([*upper, *reversed(lower)]) + "z"
    return f'<path class="{kind}" d="{path}"/>' if path else ""


def columns(kind: str, heights: Sequence[float], edges: Sequence[float]) -> str:
    """Bars from the bottom as one filled outline: a tenth of the size of a rectangle each.

    Args:
        kind: class of the style sheet.
        heights: share of the drawing's height of each bar.
        edges: where each bar begins, and where the last one ends: one more than heights.
    """
    path, present = f"M{_units(edges[0])} {SIZE}", SIZE
    for height, left, right in zip(heights, edges, edges[1:], strict=False):
        top = _units(1 - height)
        if top != present:
            path += f"H{_units(left)}V{top}"
            present = top
        last = _units(right)
    return f'<path class="{kind}" d="{path}H{last}V{SIZE}z"/>' if len(heights) else ""


def _trace(points: Sequence[Point]) -> str:
    """Relative steps between whole coordinates: rounding does not add up, and steps are short."""
    whole = [(_units(x), _units(y)) for x, y in points]
    (x, y), *rest = whole
    path = f"M{x} {y}"
    for to_x, to_y in rest:
        step = to_y - y
        path += f"l{to_x - x}{'' if step < 0 else ' '}{step}"
        x, y = to_x, to_y
    return path


def _stretches(points: Iterable[tuple[float, _Value | None]]) -> list[list[tuple[float, _Value]]]:
    pieces: list[list[tuple[float, _Value]]] = [[]]
    for x, value in points:
        if value is None:
            pieces.append([])
        else:
            pieces[-1].append((x, value))
    return [piece for piece in pieces if piece]


def _units(share: float) -> int:
    return round(SIZE * min(max(share, 0.0), 1.0))
