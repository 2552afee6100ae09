"""A load test as it will run: the marker with every default filled in."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil
from typing import Final

from pytest_rtmedload.results.names import ITERATION
from pytest_rtmedload.results.plan import Evidence, Target
from pytest_rtmedload.spec.shapes import Kind, Shape

MOST_IN_FLIGHT: Final = 10_000
DEFAULT_TIMEOUT_S: Final = 30.0
"""Longest wait for one operation and for one iteration, unless the marker says otherwise."""


@dataclass(frozen=True, slots=True)
class LoadSpec:
    """One load test, resolved. Durations are seconds."""

    nodeid: str
    group: str
    users: int
    """Concurrent users; where the shape changes them, those it begins with."""
    duration: float
    """Length of the measured phase."""
    ramp: float = 0.0
    """Users are added evenly over this time."""
    warmup: float = 0.0
    """Full load, not judged."""
    think: float = 0.0
    """Mean of the exponential pause between two iterations of a user; 0 saturates."""
    iterations: int | None = None
    """Iterations of each user; the test then ends when all are done instead of after `duration`."""
    timeout: float = DEFAULT_TIMEOUT_S
    grace: float = DEFAULT_TIMEOUT_S
    """How long iterations still in flight at the end may take before they are cut off and counted as censored."""
    shape: Shape = field(default_factory=Shape)
    rate: float | None = None
    """Arrivals per second over all shards: the open model."""
    max_in_flight: int | None = None
    """Iterations that may be in flight at once in the open model; arrivals beyond are dropped, as censored samples."""
    evidence: Evidence = Evidence.STRICT
    targets: tuple[Target, ...] = ()
    metric: str = ITERATION
    critical: bool = False
    negative: bool = False
    after: str | None = None
    """Why this is a second run: the reason for which the first was INVALID."""

    @property
    def open(self) -> bool:
        """True for the open model: iterations are due at a rate, and are judged from when they were due."""
        return self.shape.open or self.rate is not None

    @property
    def most_users(self) -> int:
        """Most users at once in the closed model; of a search, as many as it may try."""
        peak = self.shape.peak if self.shape.kind is Kind.SPIKE and not self.open else None
        return max(self.users, round(peak or 0), *(self.shape.users or ()))

    @property
    def in_flight_limit(self) -> int:
        """Most iterations in flight at once: what the rate piles up within one timeout, unless the marker says."""
        if self.max_in_flight is not None:
            return self.max_in_flight
        rate = max(self.shape.rates or (self.rate or 0.0, self.shape.peak or 0.0))
        return max(1, min(MOST_IN_FLIGHT, ceil(rate * self.timeout)))

    @property
    def estimated_s(self) -> float | None:
        """Seconds from the start line to the end of the measured phase, as planned.

        None where nobody knows before: a number of iterations, a capacity search, a conductor of the project's own.
        """
        if self.iterations is not None or self.shape.kind in (Kind.CAPACITY, Kind.CUSTOM):
            return None
        return self.load_begins + self.shape.lasts(self.duration)

    @property
    def load_begins(self) -> float:
        """Begin of the measured phase, in seconds since the start line."""
        return self.ramp + self.warmup
