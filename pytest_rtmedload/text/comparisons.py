"""The lines a person reads. A line never contradicts its verdict: numbers get digits until they compare as they do.

Measured numbers have 3 significant digits, as the histograms do; limits are printed as they were written.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

SIGNIFICANT: Final = 3
_EXACT: Final = 12
"""Digits of limits: all that a person writes, and less than the noise of binary fractions."""

Bounds = tuple[float | None, float | None]


def exact(value: float) -> str:
    """A limit as it was written, without exponent or visible rounding."""
    return _plain(value, _EXACT)


def number(value: float, *marks: float) -> str:
    """A measured number with 3 significant digits, or as many as show on which side of each mark it lies."""
    sides = _sides(float(exact(value)), marks)
    texts = (_plain(value, digits) for digits in range(SIGNIFICANT, _EXACT))
    return next((text for text in texts if _sides(float(text), marks) == sides), exact(value))


def percent(fraction: float) -> float:
    """A fraction as per cent, without the noise of binary fractions (0.07 is 7, not 7.000000000000001)."""
    return float(exact(100 * fraction))


def _sides(value: float, marks: tuple[float, ...]) -> list[int]:
    rounded = [float(exact(mark)) for mark in marks]
    return [(value > mark) - (value < mark) for mark in rounded]


class Comparison(NamedTuple):
    """`voice.loop p95 812 ms > 700 ms` and what belongs to it."""

    subject: str
    value: float
    limit: float
    unit: str
    at_least: bool = False
    """The value is only known to be larger than this."""
    floor: bool = False
    """The limit is a lower one: values below it miss it."""

    def __str__(self) -> str:
        shown = self._with_unit(number(self.value, *self.marks))
        if self.at_least:
            beyond = not self.floor and self.value > self.limit
            ending = f"> {self._limit}" if beyond else f"limit {self._sign} {self._limit}"
            return f"{self.subject} ≥ {shown}{' ' if beyond else ', '}{ending}"
        missed = self.value < self.limit if self.floor else self.value > self.limit
        sign = ("<" if self.floor else ">") if missed else self._sign
        return f"{self.subject} {shown} {sign} {self._limit}"

    @property
    def marks(self) -> tuple[float, ...]:
        """Numbers from which the printed one must differ visibly: the limit; also 0 and 100 for a share."""
        return (self.limit, 0, 100) if self.unit == "%" else (self.limit,)

    @property
    def wanted(self) -> str:
        """What was asked for, without a value."""
        return f"{self.subject} {self._sign} {self._limit}"

    @property
    def _sign(self) -> str:
        return "≥" if self.floor else "≤"

    @property
    def _limit(self) -> str:
        return self._with_unit(exact(self.limit))

    def _with_unit(self, text: str) -> str:
        return f"{text} {self.unit}" if self.unit else text


def bounds_text(bounds: Bounds, *marks: float) -> str:
    """`95 % bounds 771–850`; a bound that does not exist is left out."""
    low, high = (None if bound is None else number(bound, *marks) for bound in bounds)
    if low is None and high is None:
        return "no 95 % bounds"
    if high is None:
        return f"95 % bounds ≥ {low}"
    return f"95 % bounds ≤ {high}" if low is None else f"95 % bounds {low}–{high}"


def outlook(leaning: str, needed: int | None, seconds: float | None) -> str:
    """What an INCONCLUSIVE verdict leans to, and what it lacks."""
    if needed is None:
        return f", leaning {leaning}: too close to the limit to tell"
    about = "" if seconds is None else f", about {max(1, math.ceil(seconds))} s"
    return f", leaning {leaning}: {needed} more {'sample' if needed == 1 else 'samples'}{about}"


def _plain(value: float, digits: int) -> str:
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    decimals = digits - 1 - math.floor(math.log10(abs(value)))
    text = f"{round(value, decimals):.{max(decimals, 0)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
