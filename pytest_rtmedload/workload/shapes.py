"""Shapes as people write them: `"steady"`, `"arrivals(poisson)"`, `"arrivals(10..200)"`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

FORMS: Final = "steady, arrivals(steady), arrivals(poisson), arrivals(10..200), arrivals(poisson, 10..200)"
"""Every form that is understood, for messages and help."""

_CALL = re.compile(r"\s*([a-z]+)\s*(?:\(\s*(.*?)\s*\))?\s*")
_RANGE = re.compile(r"(\d+(?:\.\d+)?)\s*\.\.\s*(\d+(?:\.\d+)?)")


@dataclass(frozen=True, slots=True)
class Shape:
    """How users or arrivals change over the measured time."""

    kind: str = "steady"
    """`steady` (closed model: a constant number of users) or `arrivals` (open model)."""
    poisson: bool = False
    """Arrivals at random, as of independent callers, instead of evenly spaced."""
    rates: tuple[float, float] | None = None
    """Arrivals per second at the begin and the end of the measured time; None: the test's `rate` throughout."""

    @property
    def open(self) -> bool:
        """True for the open model."""
        return self.kind == "arrivals"


def parse_shape(text: object) -> Shape:
    """The shape a text stands for.

    Raises:
        ValueError: not one of `FORMS`.
    """
    match = _CALL.fullmatch(text.lower()) if isinstance(text, str) else None
    if match is not None and match[1] == "steady" and not match[2]:
        return Shape()
    if match is not None and match[1] == "arrivals":
        return _arrivals(str(text), match[2] or "")
    raise ValueError(f"{text!r} is not a shape: write one of {FORMS}")


def _arrivals(text: str, arguments: str) -> Shape:
    poisson, rates = False, None
    for argument in filter(None, (part.strip() for part in arguments.split(","))):
        span = _RANGE.fullmatch(argument)
        if span is not None:
            rates = float(span[1]), float(span[2])
        elif argument in ("steady", "poisson"):
            poisson = argument == "poisson"
        else:
            raise ValueError(f"{text!r} is not a shape: {argument!r} is not understood; write one of {FORMS}")
    if rates is not None and not sum(rates):
        raise ValueError(f"{text!r} is not a shape: nobody would arrive")
    return Shape("arrivals", poisson, rates)
