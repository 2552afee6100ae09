"""The pool of an open model: arrivals come when they are due, and users that are free take them.

An arrival for which no user is free waits for the next one; at the in-flight limit it is dropped. A dropped
arrival is a sample: its caller got no answer, so it is above every limit.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING

from pytest_rtmedload.results.names import ITERATION
from pytest_rtmedload.results.recording import Health, Outcome, Phase, SeriesKey
from pytest_rtmedload.results.samples import NOBODY

if TYPE_CHECKING:
    from pytest_rtmedload.measure.recorder import Recorder
    from pytest_rtmedload.spec.load_spec import LoadSpec


class Pool:
    """Users and arrivals of one shard, waiting for each other.

    Args:
        spec: the load test.
        recorder: takes the samples of dropped arrivals.
        late_ns: an arrival that begins later than this counts as late.
        places: iterations that may be in flight at once: this shard's share of the test's limit.
    """

    def __init__(self, spec: LoadSpec, recorder: Recorder, late_ns: int, places: int) -> None:
        self._spec = spec
        self._recorder = recorder
        self._late_ns = late_ns
        self._places = places
        self._idle: list[asyncio.Future[int]] = []
        self._due: deque[int] = deque()
        self._starts = Health()
        self.in_flight = 0
        """Arrivals that were begun, or wait for a user."""

    @property
    def spare(self) -> int:
        """Users that wait for an arrival, less the arrivals that wait for a user."""
        return len(self._idle) - len(self._due)

    def arrive(self, due_ns: int) -> None:
        """An iteration is due: a user begins it, or it is dropped at the in-flight limit."""
        measured = self._recorder.phase_at(due_ns) is Phase.MEASURE
        self._starts.planned_starts += measured
        if self.in_flight >= self._places:
            self._starts.dropped_starts += measured
            limit = self._spec.in_flight_limit
            self._drop(due_ns, f"arrival dropped: {limit} iterations in flight, the limit")
            return
        self.in_flight += 1
        while self._idle:
            waiting = self._idle.pop()  # who waited shortest has the warmest connections
            if not waiting.done():  # done: its user was cut off
                waiting.set_result(due_ns)
                return
        self._due.append(due_ns)

    async def next(self) -> int:
        """The next arrival for a user that is free: when it was due, in nanoseconds."""
        if self._due:
            due = self._due.popleft()
        else:
            waiting: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            self._idle.append(waiting)
            due = await waiting
        if self._recorder.phase_at(due) is Phase.MEASURE:
            self._starts.achieved_starts += 1
            self._starts.late_starts += time.perf_counter_ns() - due > self._late_ns
        return due

    def miss(self, due_ns: int) -> None:
        """An iteration was due and could not even arrive: this process was too slow."""
        self._starts.planned_starts += self._recorder.phase_at(due_ns) is Phase.MEASURE

    def give_up(self) -> None:
        """No user is left: arrivals that still wait for one got no answer."""
        while self._due:
            self._drop(self._due.popleft(), "arrival dropped: no virtual user was left to begin it")
            self.in_flight -= 1

    def ended(self) -> None:
        """An iteration has ended."""
        self.in_flight -= 1

    def take_starts(self) -> Health:
        """Arrivals planned, begun, begun late and dropped since the last call."""
        taken, self._starts = self._starts, Health()
        return taken

    def _drop(self, due_ns: int, why: str) -> None:
        for metric in {ITERATION, self._spec.metric}:
            self._recorder.appender(SeriesKey(metric, "", Outcome.CENSORED))((due_ns, due_ns, due_ns, NOBODY))
        self._recorder.error(why)
