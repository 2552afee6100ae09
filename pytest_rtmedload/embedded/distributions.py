"""Delays in their text form: `fixed(20ms)`, `lognormal(80ms, 0.5)`, `uniform(5ms, 20ms)`, `exponential(10ms)`.

The rule: a delay is drawn in whole nanoseconds from a generator the caller seeds; the text form parses back to itself.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import random

_UNITS_NS: Final = {"us": 1_000, "ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(us|ms|s|m)")
_CALL: Final = re.compile(r"(\w+)\((.*)\)")
_FORMS: Final = "20ms, fixed(20ms), lognormal(80ms, 0.5), uniform(5ms, 20ms) or exponential(10ms)"


def parse_duration(text: str) -> int:
    """Nanoseconds of `20ms`, `1.5s`, `200us` or `2m`.

    Raises:
        ValueError: not a number with one of these units.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(
            f"{text.strip()!r} is not a duration: write a number and its unit, such as 20ms, 1.5s, 200us or 2m"
        )
    return round(float(match[1]) * _UNITS_NS[match[2]])


def format_duration(ns: int) -> str:
    """The shortest text that `parse_duration` reads back: 2000000000 is `2s`."""
    unit = "s" if ns % 1_000_000_000 == 0 and ns else "ms" if ns % 1_000_000 == 0 else "us"
    return f"{ns / _UNITS_NS[unit]:g}{unit}"


@dataclass(frozen=True, slots=True)
class DelayModel:
    """A distribution of delays; `first` and `second` are nanoseconds, except for the sigma of `lognormal`."""

    kind: str
    first: int
    """The value of `fixed`, the median of `lognormal`, the lower end of `uniform`, the mean of `exponential`."""
    second: float = 0.0
    """The sigma of `lognormal` (of the logarithm), the upper end of `uniform`."""

    @classmethod
    def parse(cls, text: str) -> DelayModel:
        """Read one of the written forms.

        Raises:
            ValueError: none of the forms; the text names them.
        """
        if _DURATION.fullmatch(text.strip()):
            return cls("fixed", parse_duration(text))
        match = _CALL.fullmatch(text.strip())
        arguments = match[2].split(",") if match else []
        match (match[1] if match else "", *arguments):
            case ("fixed" | "exponential" as kind, value):
                return cls(kind, parse_duration(value))
            case ("lognormal", median, sigma) if re.fullmatch(r"\d+(\.\d+)?", sigma.strip()):
                return cls("lognormal", parse_duration(median), float(sigma))
            case ("uniform", low, high) if parse_duration(low) <= parse_duration(high):
                return cls("uniform", parse_duration(low), parse_duration(high))
        raise ValueError(f"{text.strip()!r} is not a delay: write {_FORMS}")

    def draw(self, generator: random.Random) -> int:
        """The next delay in nanoseconds."""
        match self.kind:
            case "lognormal":
                return round(self.first * math.exp(generator.gauss(0.0, self.second)))
            case "uniform":
                return round(generator.uniform(self.first, self.second))
            case "exponential":
                return round(generator.expovariate(1.0) * self.first)
        return self.first

    def __str__(self) -> str:
        first = format_duration(self.first)
        match self.kind:
            case "lognormal":
                return f"lognormal({first}, {self.second:g})"
            case "uniform":
                return f"uniform({first}, {format_duration(round(self.second))})"
        return f"{self.kind}({first})"
