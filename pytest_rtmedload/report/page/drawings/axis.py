"""Axes with round marks: linear from 0, or logarithmic where the longest wait would flatten all others."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.report.page.drawings.canvas import Mark
from pytest_rtmedload.text import formats

if TYPE_CHECKING:
    from collections.abc import Iterable

FAR: Final = 8.0
"""A maximum this many times above the bulk gets a logarithmic axis: on a linear one the bulk would be a line."""
_MOST_LOG_MARKS: Final = 6


@dataclass(frozen=True, slots=True)
class Axis:
    """Values to shares of a drawing, 0 at the low end."""

    low: float
    high: float
    marks: tuple[float, ...]
    logarithmic: bool = False

    def at(self, value: float) -> float:
        """Share of the axis; values outside stand at its ends."""
        if self.logarithmic:
            share = math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return min(max(share, 0.0), 1.0)

    def value(self, share: float) -> float:
        """The inverse of `at`."""
        if self.logarithmic:
            return self.low * math.exp(share * math.log(self.high / self.low))
        return self.low + share * (self.high - self.low)

    def across(self) -> list[Mark]:
        """The marks from left to right."""
        return [Mark(100 * self.at(value), formats.number(value)) for value in self.marks]

    def up(self) -> list[Mark]:
        """The marks from the bottom up."""
        return [Mark(100 - 100 * self.at(value), formats.number(value)) for value in self.marks]


def linear(highest: float) -> Axis:
    """From 0 to a round value that holds the highest, with 3 to 5 steps."""
    step, top = round_steps(highest)
    return Axis(0.0, top, tuple(i * step for i in range(round(top / step) + 1)))


def latencies(lowest: float, bulk: float, highest: float) -> Axis:
    """For one distribution: logarithmic when the highest is far above the bulk.

    Args:
        lowest: the smallest latency.
        bulk: what most are below.
        highest: all that must be on the axis: the largest latency, limits near it.
    """
    if lowest <= 0 or highest <= FAR * bulk:
        return linear(highest)
    low, high = _round_below(lowest), highest
    decades = math.log10(high / low)
    factors = (1, 2, 5) if decades <= _MOST_LOG_MARKS / 3 else (1, 3) if decades <= _MOST_LOG_MARKS / 2 else (1,)
    marks = (
        10.0**power * f for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high))) for f in factors
    )
    return Axis(low, high, tuple(mark for mark in marks if low <= mark <= high), logarithmic=True)


def round_steps(highest: float) -> tuple[float, float]:
    """Distance of the marks, and the top of the axis."""
    if highest <= 0 or not math.isfinite(highest):
        return 1.0, 1.0
    unit = 10 ** math.floor(math.log10(highest / 4))
    step = next(unit * f for f in (1, 2, 2.5, 5, 10) if unit * f * 4 >= highest)
    return step, step * math.ceil(highest / step - 1e-9)


def time_marks(first: float, last: float) -> list[Mark]:
    """Round seconds between two; whole ones, as a time line has nothing finer."""
    step = max(1.0, round_steps(last - first)[0])
    begin = math.ceil(first / step)
    times = (i * step for i in range(begin, math.floor(last / step + 1e-9) + 1))
    return [Mark(100 * (t - first) / (last - first), f"{t:g} s") for t in times]


def finite(values: Iterable[float | None]) -> list[float]:
    """The values that can be drawn."""
    return [value for value in values if value is not None and math.isfinite(value)]


def _round_below(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * f for f in (5, 2, 1) if power * f <= value * (1 + 1e-9))
