"""A load test with all defaults resolved."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil
from typing import Final

from pytest_rtmedload.results.names import ITERATION
from pytest_rtmedload.results.plan import Evidence, Target
from pytest_rtmedload.spec.shapes import Shape, ShapeKind

MOST_IN_FLIGHT: Final = 10_000
DEFAULT_TIMEOUT_S: Final = 30.0
"""Default time limit of one operation and of one iteration."""


@dataclass(frozen=True, slots=True)
class LoadSpec:
    """One load test, resolved. Durations are seconds."""

    nodeid: str
    group: str
    users: int
    """Concurrent users; if the shape changes them, the initial number."""
    duration: float
    """Length of the measured phase."""
    ramp: float = 0.0
    """Users are added evenly over this time."""
    warmup: float = 0.0
    """Time under full load that is not judged."""
    think: float = 0.0
    """Mean of the exponential pause between two iterations of a user; 0 saturates."""
    iterations: int | None = None
    """Iterations of each user; the test then ends when all are done instead of after `duration`."""
    timeout: float = DEFAULT_TIMEOUT_S
    grace: float = DEFAULT_TIMEOUT_S
    """Time that iterations in flight at the end may still take; then they are cancelled and counted as censored."""
    shape: Shape = field(default_factory=Shape)
    rate: float | None = None
    """Arrivals per second over all shards: the open model."""
    max_in_flight: int | None = None
    """Most iterations in flight in the open model; further arrivals are dropped and counted as censored."""
    evidence: Evidence = Evidence.STRICT
    targets: tuple[Target, ...] = ()
    metric: str = ITERATION
    critical: bool = False
    negative: bool = False
    after: str | None = None
    """For a second run: the reason why the first was INVALID."""

    @property
    def open(self) -> bool:
        """True for the open model: iterations are due at a rate, and are judged from their due time."""
        return self.shape.open or self.rate is not None

    @property
    def saturates(self) -> bool:
        """True when users never pause: the rate they reach is what this generator can do, and at least that."""
        return self.think == 0 and self.iterations is None and not self.open

    @property
    def most_users(self) -> int:
        """Most concurrent users in the closed model; for a search, the most that it may try."""
        peak = self.shape.peak if self.shape.kind is ShapeKind.SPIKE and not self.open else None
        return max(self.users, round(peak or 0), *(self.shape.users or ()))

    @property
    def in_flight_limit(self) -> int:
        """Most iterations in flight: the marker's limit, else the arrivals within one timeout."""
        if self.max_in_flight is not None:
            return self.max_in_flight
        return max(1, min(MOST_IN_FLIGHT, ceil((self.peak_rate or 0.0) * self.timeout)))

    @property
    def peak_rate(self) -> float | None:
        """Most arrivals per second, as planned; None in the closed model."""
        return max(self.shape.rates or (self.rate or 0.0, self.shape.peak or 0.0)) if self.open else None

    @property
    def estimated_s(self) -> float | None:
        """Seconds from the start line to the end of the measured phase, as planned.

        None where it cannot be known: a number of iterations, a capacity search, a custom conductor.
        """
        if self.iterations is not None or self.shape.kind in (ShapeKind.CAPACITY, ShapeKind.CUSTOM):
            return None
        return self.load_begins + self.shape.lasts(self.duration)

    @property
    def load_begins(self) -> float:
        """Start of the measured phase, in seconds since the start line."""
        return self.ramp + self.warmup
