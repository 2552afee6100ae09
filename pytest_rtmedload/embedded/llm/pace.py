"""When each token of a request is sent, and which fault hits the request: a seeded model.

The rule: the n-th request draws from its own random generator, so that its delays do not depend on how many other
requests are running; every token is sent at an absolute time, so that a late token does not delay later ones.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, NamedTuple

from pytest_rtmedload.embedded.latency import finish

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_rtmedload.embedded.llm.settings import LlmSettings


class Step(NamedTuple):
    """When one token is sent."""

    drawn: int
    """Drawn nanoseconds since the previous step; for the first, since the request."""
    due: int
    """When it is sent, on `time.perf_counter_ns`; later than drawn during a stall."""


class Fate:
    """The delays and the fault of one request."""

    def __init__(self, generator: random.Random, settings: LlmSettings, clock: StallClock) -> None:
        self._generator = generator
        self._settings = settings
        self._clock = clock
        # All are drawn for every request, so that raising one rate does not change which requests the others hit.
        hit = [name for name, rate in settings.fault_rates.items() if generator.random() < rate]
        self.fault = hit[0] if hit else None
        """One of `settings.FAULTS`, or None."""

    def steps(self, received: int) -> Iterator[Step]:
        """An endless sequence of token steps for a request that was fully received at `received`."""
        drawn = self._settings.ttft.draw(self._generator)
        due = self._clock.finish(received, drawn)
        while True:
            yield Step(drawn, due)
            drawn = self._settings.inter_token.draw(self._generator)
            due = self._clock.finish(due, drawn)


class StallClock:
    """Counts the time of the stall from the first request."""

    def __init__(self, settings: LlmSettings) -> None:
        self._pauses = (settings.stall,) if settings.stall else ()
        self._first: int | None = None

    def restart(self) -> None:
        """Count from the next request."""
        self._first = None

    def finish(self, begin: int, work: int) -> int:
        """When work begun at `begin` is done."""
        if self._first is None:
            self._first = begin
        return self._first + finish(begin - self._first, work, self._pauses)


class PaceModel:
    """Draws the delays and the fault of each request."""

    def __init__(self, settings: LlmSettings, seed: int) -> None:
        self._settings = settings
        self._seed = seed
        self._requests = 0
        self.clock = StallClock(settings)

    def fate(self) -> Fate:
        """The delays and the fault of the next request."""
        self._requests += 1
        return Fate(random.Random(f"{self._seed}/llm/{self._requests}"), self._settings, self.clock)
