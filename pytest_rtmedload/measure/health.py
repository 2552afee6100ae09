"""The generator watches itself: event loop lag, processor time of the loop's thread, garbage collection.

Lag is the lateness of a ticker with *absolute* deadlines; ticks that were missed are filled in with the lateness they
would have had. A ticker that merely sleeps between ticks would report one late tick for a stall of any length.
"""

from __future__ import annotations

import gc
import time
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.results.recording import Health

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

JUMP_NS: Final = 60_000_000_000
"""Lateness beyond a minute is filled in with the ticks of a minute."""
TICK_NS: Final = 10_000_000
"""10 ms: half the length of an audio frame."""


class HealthProbe:
    """Observes one event loop while `measuring`.

    Args:
        loop: the loop to watch; all methods are called in its thread.
        limit_ns: lag above this is too much for the targets at hand.
        lagged: called with begin and end (ns) of every stretch of such lag.
        clock: nanoseconds, monotonic.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        limit_ns: int,
        lagged: Callable[[int, int], None],
        clock: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        self._loop = loop
        self._limit_ns = limit_ns
        self._lagged = lagged
        self._clock = clock
        self._health = Health()
        self._due = 0
        self._timer: asyncio.TimerHandle | None = None
        self._since: tuple[int, int] | None = None  # measured time and thread time are counted from here
        self._gc_began: int | None = None

    def start(self) -> None:
        """Begin to tick."""
        self._due = self._clock() + TICK_NS
        self._schedule()
        gc.callbacks.append(self._on_gc)

    def stop(self) -> None:
        """End ticking; calling it again does nothing."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            gc.callbacks.remove(self._on_gc)
        self.measure(on=False)

    def measure(self, *, on: bool) -> None:
        """The measured phase begins or ends: only meanwhile observations count."""
        self._account()
        self._since = (self._clock(), time.thread_time_ns()) if on else None

    @property
    def measuring(self) -> bool:
        """True between `measure(on=True)` and `measure(on=False)`."""
        return self._since is not None

    def take(self) -> Health:
        """Observations since the last call."""
        self._account()
        taken, self._health = self._health, Health()
        return taken

    @property
    def current(self) -> Health:
        """Where others add what they know about planned and late starts; part of the next `take`."""
        return self._health

    def tick(self, now_ns: int) -> None:
        """A tick that was due at the current deadline happens now."""
        late = now_ns - self._due
        if late > self._limit_ns:
            self._lagged(self._due, now_ns)
            if self._since is not None:
                self._health.lagging_ns += now_ns - max(self._due, self._since[0])
        if late > JUMP_NS:  # the machine slept, or the clock jumped: a mark of it, not a million ticks
            self._due = now_ns - JUMP_NS
        while self._due <= now_ns:
            if self._since is not None:
                late_us = (now_ns - self._due) // 1000
                self._health.lag.record(late_us)
                self._health.late_us += late_us if late > self._limit_ns else 0
            self._due += TICK_NS

    def _schedule(self) -> None:
        wait = max(0, self._due - self._clock()) / 1e9
        self._timer = self._loop.call_later(wait, self._on_timer)

    def _on_timer(self) -> None:
        now = self._clock()
        if now >= self._due:  # event loops round timers up or down by their resolution
            self.tick(now)
        self._schedule()

    def _account(self) -> None:
        if self._since is not None:
            now = self._clock(), time.thread_time_ns()
            self._health.measured_ns += now[0] - self._since[0]
            self._health.thread_cpu_ns += now[1] - self._since[1]
            self._since = now

    def _on_gc(self, phase: str, _info: dict[str, int]) -> None:
        now = self._clock()
        if phase == "start":
            self._gc_began = now
        elif self._since is not None and self._gc_began is not None:
            self._health.gc_pause_ns += now - self._gc_began
            self._health.gc_longest_ns = max(self._health.gc_longest_ns, now - self._gc_began)
