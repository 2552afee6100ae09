"""Shapes as users write them: `"steady"`, `"steps(5..50 by 5, 20s)"`, `"spike(50, 10s)"`, `"capacity(2..40)"`.

A shape is the parsed text and nothing more; the conductor applies it to a test of a given size.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from pytest_rtmedload.spec.durations import some_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    LoadProfile = Callable[..., Any]
    """Makes a `Conductor` from the `LoadSpec` and the arguments that are written in the shape, as texts."""

FORMS: Final = (
    "steady, sustained, ramp, ramp(5..50), steps(5..50 by 5, 20s), spike(50, 10s), "
    "arrivals(steady), arrivals(poisson), arrivals(10..200), arrivals(poisson, 10..200), capacity(2..40, 30s)"
)
"""All accepted forms, for messages and help."""
RAMP_STEPS: Final = 5
"""Steps of a ramp: enough to show where latency begins to rise, few enough to have evidence in each."""
SHORTEST_STAGE_S: Final = 3.0
"""A stage lasts at least this long: with less, nothing would be left to judge."""
SPIKE_SHARE: Final = 3
"""The measured time of a spike test is at least this many times the spike: before it, and after it to recover."""

NAME: Final = re.compile(r"[a-z][a-z0-9_-]*")
"""What the name of a load profile looks like."""
_CALL = re.compile(rf"\s*({NAME.pattern})\s*(?:\(\s*(.*?)\s*\))?\s*")
_RANGE = re.compile(r"(\d+(?:\.\d+)?)\s*\.\.\s*(\d+(?:\.\d+)?)")
_USERS = re.compile(r"(\d+)\s*\.\.\s*(\d+)(?:\s+by\s+(\d+))?")


class ShapeKind(StrEnum):
    """Families of shapes."""

    STEADY = "steady"
    SUSTAINED = "sustained"
    """Like steady, but the test fails if its last third is slower than its first."""
    RAMP = "ramp"
    STEPS = "steps"
    SPIKE = "spike"
    ARRIVALS = "arrivals"
    CAPACITY = "capacity"
    CUSTOM = "custom"
    """A custom conductor."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Change of users or arrivals over the measured time."""

    kind: ShapeKind = ShapeKind.STEADY
    poisson: bool = False
    """Random arrivals, like those of independent callers, instead of evenly spaced ones."""
    rates: tuple[float, float] | None = None
    """Arrivals per second at the start and the end of the measured time; None: the test's constant `rate`."""
    users: tuple[int, int] | None = None
    """Fewest and most users of a ramp, steps or a capacity search; None: from the test's users."""
    by: int | None = None
    """Users that each step adds."""
    peak: float | None = None
    """Peak of a spike: users, or arrivals per second if the test has a rate."""
    seconds: float | None = None
    """Length of each step or of the spike, or longest level of a search; None: from the test's duration."""
    conductor: Any = field(default=None, compare=False)
    """The custom `Conductor`."""
    profile: LoadProfile | None = field(default=None, compare=False)
    """Makes the conductor from the `LoadSpec`, where a hook provides the load profile."""
    text: str = field(default="steady", compare=False)
    """The shape as the user wrote it."""

    @property
    def open(self) -> bool:
        """True if the shape implies the open model."""
        return self.kind is ShapeKind.ARRIVALS

    @property
    def of_users(self) -> bool:
        """True if the shape changes the number of users."""
        return self.kind in (ShapeKind.RAMP, ShapeKind.STEPS, ShapeKind.CAPACITY)

    @property
    def levels(self) -> tuple[int, ...]:
        """Users of each step, ascending; empty for shapes without fixed steps."""
        if self.users is None or self.kind not in (ShapeKind.RAMP, ShapeKind.STEPS):
            return ()
        first, last = self.users
        if self.by is None:
            steps = min(RAMP_STEPS, last - first + 1)
            return tuple(round(first + (last - first) * n / max(steps - 1, 1)) for n in range(steps))
        return (*range(first, last, self.by), last)

    @property
    def spike_s(self) -> float:
        """Length of a spike in seconds."""
        return max(self.seconds or 0.0, SHORTEST_STAGE_S)

    def step_s(self, duration: float) -> float:
        """Length of each step, in seconds, of a test with this duration.

        A ramp divides the duration among its steps; for `steps` the duration is that of each step.
        """
        share = duration / (1 if self.by is not None else len(self.levels))
        return max(self.seconds or share, SHORTEST_STAGE_S)

    def lasts(self, duration: float) -> float:
        """Length of the measured phase, in seconds, of a test with this duration; not for capacity searches."""
        if self.kind in (ShapeKind.RAMP, ShapeKind.STEPS) and self.levels:
            return len(self.levels) * self.step_s(duration)
        return max(duration, SPIKE_SHARE * self.spike_s) if self.kind is ShapeKind.SPIKE else duration

    def capped(self, most: int) -> Shape:
        """The same shape with at most `most` users."""
        if self.users is not None:
            first, last = self.users
            return replace(self, users=(min(first, most), min(last, most)))
        return replace(self, peak=min(self.peak, most)) if self.peak is not None else self


def parse_shape(value: object, profiles: Callable[[], Mapping[str, LoadProfile]] = dict) -> Shape:
    """The shape for a text or a custom conductor.

    Args:
        value: text or conductor.
        profiles: gives the load profiles of hooks by name; called for names that are not built in.

    Raises:
        ValueError: not one of `FORMS`, nor the name of a load profile.
    """
    if all(callable(getattr(value, name, None)) for name in ("phases", "commands", "arrivals")):
        return Shape(ShapeKind.CUSTOM, conductor=value, text=type(value).__name__)
    match = _CALL.fullmatch(value.lower()) if isinstance(value, str) else None
    text = str(value).strip()
    if match is None or match[1] not in _READERS:
        own = {} if match is None else profiles()
        if match is not None and match[1] in own:
            made = functools.partial(_make, own[match[1]], tuple(_split(match[2] or "")))
            return Shape(ShapeKind.CUSTOM, profile=made, text=text)
        raise ValueError(f"{value!r} is not a shape: write one of {', '.join([FORMS, *own])}")
    try:
        return replace(_READERS[match[1]](match[2] or ""), text=text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not a shape: {error}") from None


def _make(profile: LoadProfile, arguments: tuple[str, ...], spec: Any) -> Any:
    return profile(spec, *arguments)


def _plain(kind: ShapeKind) -> Callable[[str], Shape]:
    def read(arguments: str) -> Shape:
        if arguments:
            raise ValueError(f"{kind} takes nothing; write one of {FORMS}")
        return Shape(kind)

    return read


def _arrivals(arguments: str) -> Shape:
    poisson, rates = False, None
    for argument in _split(arguments):
        span = _RANGE.fullmatch(argument)
        if span is not None:
            rates = float(span[1]), float(span[2])
        elif argument in ("steady", "poisson"):
            poisson = argument == "poisson"
        else:
            raise ValueError(f"{argument!r} is not valid; write one of {FORMS}")
    if rates is not None and not sum(rates):
        raise ValueError("there would be no arrivals")
    return Shape(ShapeKind.ARRIVALS, poisson, rates)


def _ramp(arguments: str) -> Shape:
    users, by, seconds = _span(arguments)
    if by is not None:
        raise ValueError("a ramp has five steps; for others write steps(5..50 by 5, 20s)")
    return Shape(ShapeKind.RAMP, users=users, seconds=seconds)


def _steps(arguments: str) -> Shape:
    users, by, seconds = _span(arguments)
    if users is None or by is None:
        raise ValueError("write the first and last number of users and the step: steps(5..50 by 5, 20s)")
    if by > users[1] - users[0]:
        raise ValueError(f"steps by {by} do not fit between {users[0]} and {users[1]} users")
    return Shape(ShapeKind.STEPS, users=users, by=by, seconds=seconds)


def _capacity(arguments: str) -> Shape:
    users, by, seconds = _span(arguments)
    if by is not None:
        raise ValueError("a search chooses its own levels: capacity(2..40, 30s)")
    return Shape(ShapeKind.CAPACITY, users=users, seconds=seconds)


def _spike(arguments: str) -> Shape:
    match _split(arguments):
        case [peak, length] if re.fullmatch(r"\d+(\.\d+)?", peak) and float(peak) > 0:
            return Shape(ShapeKind.SPIKE, peak=float(peak), seconds=some_seconds(length))
    raise ValueError("write the users (or arrivals per second) and the length of the spike: spike(50, 10s)")


def _span(arguments: str) -> tuple[tuple[int, int] | None, int | None, float | None]:
    """First and last number of users, step and length; None for each that is missing."""
    users, by, seconds = None, None, None
    for argument in _split(arguments):
        span = _USERS.fullmatch(argument)
        if span is None:
            seconds = some_seconds(argument)
            continue
        users, by = (int(span[1]), int(span[2])), int(span[3]) if span[3] else None
        if not 0 < users[0] < users[1] or by == 0:
            raise ValueError(f"{argument!r} does not rise from at least 1 user: write 5..50")
    return users, by, seconds


def _split(arguments: str) -> list[str]:
    return [part for part in (part.strip() for part in arguments.split(",")) if part]


_READERS: Final[dict[str, Callable[[str], Shape]]] = {
    "steady": _plain(ShapeKind.STEADY),
    "sustained": _plain(ShapeKind.SUSTAINED),
    "ramp": _ramp,
    "steps": _steps,
    "spike": _spike,
    "arrivals": _arrivals,
    "capacity": _capacity,
}
BUILT_IN: Final = frozenset(_READERS)
"""Names of shapes that hooks cannot give to load profiles."""
