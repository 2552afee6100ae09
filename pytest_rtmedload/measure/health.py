"""The generator watches itself: event loop lag and its causes, processor time, garbage collection.

Lag is the lateness of a ticker with *absolute* deadlines; ticks that were missed are filled in with the lateness they
would have had. A ticker that merely sleeps between ticks would report one late tick for a stall of any length. Each
tick reads the counters of the thread, so that a late one knows what the time since the last was spent on.
"""

from __future__ import annotations

import gc
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.measure.attribution import Delay, attribute
from pytest_rtmedload.measure.kernel import Kernel
from pytest_rtmedload.measure.processes import Family, Usage, usage
from pytest_rtmedload.measure.watchdog import Watchdog
from pytest_rtmedload.results.recording import Health

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator

JUMP_NS: Final = 60_000_000_000
"""Lateness beyond a minute is filled in with the ticks of a minute."""
TICK_NS: Final = 10_000_000
"""10 ms: half the length of an audio frame."""
MACHINE_TICKS: Final = 10
"""How often steal and throttling are read without lag, in ticks: with many processors that takes some time."""


class HealthProbe:
    """Observes one event loop while `measuring`.

    Args:
        loop: the loop to watch; all methods are called in its thread.
        limit_ns: lag above this is too much for the targets at hand.
        lagged: called with begin and end (ns) of every stretch of such lag.
        family: the processes of this run, to tell their processor time from that of others.
        clock: nanoseconds, monotonic.
        kernel: tells about time in which the thread could not run.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        limit_ns: int,
        lagged: Callable[[int, int], None],
        family: Family | None = None,
        clock: Callable[[], int] = time.perf_counter_ns,
        kernel: Kernel | None = None,
    ) -> None:
        self._loop = loop
        self._limit_ns = limit_ns
        self._lagged = lagged
        self._family = family
        self._clock = clock
        self._kernel = kernel or Kernel()
        self._watchdog = Watchdog(loop, limit_ns, lambda: self._due)
        self._health = Health()
        self._due = 0
        self._timer: asyncio.TimerHandle | None = None
        self._since: tuple[int, int] | None = None  # measured time and thread time are counted from here
        self._used: Usage | None = None  # processor time of the machine's processes when the measured time began
        self._gc_began: int | None = None
        self._collected_ns = self._kept_books_ns = 0  # since the last tick
        self._ticks = 0

    def start(self) -> None:
        """Begin to tick."""
        self._last = self._clock()
        self._times, self._machine = self._kernel.thread(), self._kernel.machine()
        self._due = self._last + TICK_NS
        self._schedule()
        self._watchdog.start()
        gc.callbacks.append(self._on_gc)

    def stop(self) -> None:
        """End ticking; calling it again does nothing."""
        self.measure(on=False)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._watchdog.stop()
            self._kernel.close()
            gc.callbacks.remove(self._on_gc)

    def measure(self, *, on: bool) -> None:
        """The measured phase begins or ends: only meanwhile observations count."""
        self._account()
        if on and self._family is not None:
            self._watchdog.soon(self._note_usage)
        elif self._used is not None:
            self._account_usage(self._used)
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

    @contextmanager
    def bookkeeping(self) -> Iterator[None]:
        """What is done here is the load generator's own work on what it has measured, and no user's."""
        begin = self._clock()
        try:
            yield
        finally:
            self._kept_books_ns += self._clock() - begin

    def tick(self, now_ns: int) -> None:
        """A tick that was due at the current deadline happens now."""
        late = now_ns - self._due
        if late > self._limit_ns:
            self._explain(self._delay(now_ns))
            self._lagged(self._due, now_ns)
        elif self._ticks % MACHINE_TICKS == 0:
            self._machine = self._kernel.machine()
        self._ticks += 1
        self._last, self._times = now_ns, self._kernel.thread()
        self._collected_ns = self._kept_books_ns = 0
        if late > JUMP_NS:  # the machine slept, or the clock jumped: a mark of it, not a million ticks
            self._due = now_ns - JUMP_NS
        while self._due <= now_ns:
            if self._since is not None:
                late_us = (now_ns - self._due) // 1000
                self._health.lag.record(late_us)
                self._health.late_us += late_us if late > self._limit_ns else 0
            self._due += TICK_NS

    def _delay(self, now_ns: int) -> Delay:
        """What happened since the last tick."""
        before, after = self._times, self._kernel.thread()
        machine, self._machine = self._machine, self._kernel.machine()
        stolen = throttled = 0
        if machine is not None and self._machine is not None:
            pairs = zip(machine.stolen, self._machine.stolen, strict=False)
            stolen = max((new - old for old, new in pairs), default=0)  # on whichever processor it was
            throttled = self._machine.throttled - machine.throttled
        running = after.running - before.running
        return Delay(
            late=now_ns - self._due,
            began=self._last,
            ran_before=before.running,
            span=now_ns - self._last,
            running=running,
            waiting=None if after.waiting is None or before.waiting is None else after.waiting - before.waiting,
            others=max(0, after.process - before.process - running),
            stolen=stolen,
            throttled=throttled,
            collecting=self._collected_ns,
            bookkeeping=self._kept_books_ns,
            looks=self._watchdog.take(),
        )

    def _explain(self, delay: Delay) -> None:
        """Lag of the measured time goes into the record, with its causes."""
        if self._since is not None:
            lag_ns = self._due + delay.late - max(self._due, self._since[0])
            self._health.lagging_ns += lag_ns
            for (cause, place), ns in attribute(delay._replace(late=lag_ns)).items():
                self._health.explain(cause, place, ns)

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

    def _note_usage(self) -> None:
        """Called by the watchdog: it takes milliseconds on a machine with many processes."""
        if self._family is not None:
            self._used = usage(self._kernel, self._family)

    def _account_usage(self, before: Usage) -> None:
        self._used = None
        now = usage(self._kernel, self._family) if self._family is not None else None
        if now is not None:
            watched_ns = now.at_ns - before.at_ns
            self._health.watched_ns += watched_ns
            self._health.cores_ns += watched_ns * (os.cpu_count() or 1)
            self._health.machine_ns += now.machine - before.machine
            self._health.run_ns += now.run - before.run
            self._health.agent_ns += now.agent - before.agent

    def _on_gc(self, phase: str, _info: dict[str, int]) -> None:
        now = self._clock()
        if phase == "start":
            self._gc_began = now
        elif self._gc_began is not None:
            pause, self._gc_began = now - self._gc_began, None
            self._collected_ns += pause
            if self._since is not None:
                self._health.gc_pause_ns += pause
                self._health.gc_longest_ns = max(self._health.gc_longest_ns, pause)
