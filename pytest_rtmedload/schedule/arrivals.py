"""When the arrivals of an open model are due: a schedule that does not depend on how the agent answers.

The n-th arrival is due where the rate, summed up since the start line, reaches n (evenly spaced arrivals), or the sum
of n exponential steps (Poisson arrivals). Every shard draws the whole schedule from the same seed and takes its own
arrivals out of it, so sharding changes nothing about the load.
"""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class RateSpan(NamedTuple):
    """A stretch of time over which the rate changes linearly. Times in seconds, rates per second."""

    begin: float
    end: float
    first: float
    last: float

    @property
    def arrivals(self) -> float:
        """How many arrivals are due within."""
        return (self.end - self.begin) * (self.first + self.last) / 2

    def when(self, amount: float) -> float:
        """The time at which this number of arrivals is due, counted from the beginning of this span."""
        if not amount:
            return self.begin
        slope = (self.last - self.first) / (self.end - self.begin)
        if abs(slope) < 1e-12:
            return self.begin + amount / self.first
        # the root of first·t + slope·t²/2 = amount, written so that it stays exact for small slopes
        return self.begin + 2 * amount / (self.first + math.sqrt(max(0.0, self.first**2 + 2 * slope * amount)))


def due_times(spans: Sequence[RateSpan], seed: int | None) -> Iterator[float]:
    """Seconds since the start line at which arrivals are due, in order.

    Args:
        spans: the rate over time, without gaps.
        seed: makes arrivals random (Poisson); None spaces them evenly.
    """
    step = random.Random(f"arrivals:{seed}").expovariate if seed is not None else None
    due = 0.0 if step is None else step(1.0)
    before = 0.0
    for span in spans:
        while due < before + span.arrivals:
            yield span.when(due - before)
            due += 1.0 if step is None else step(1.0)
        before += span.arrivals
