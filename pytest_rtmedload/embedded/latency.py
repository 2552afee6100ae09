"""When each answer is sent, and which faults are injected: a seeded model of the agent's behaviour.

The rule: an answer is sent at *request received + drawn delay*, on an absolute schedule, so the agent's own work is
part of the delay unless it takes longer. Each operation and each fault draws from its own random stream, so the delays
of one kind of request do not depend on how other traffic is interleaved with it.
"""

from __future__ import annotations

import random
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from pytest_rtmedload.dialects import Operation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_rtmedload.embedded.keys import Pause
    from pytest_rtmedload.embedded.settings import EmbeddedSettings


_SECOND_NS = 1_000_000_000


class RequestFault(Enum):
    """How a request fails instead of being answered."""

    ERROR = "error"
    CUT = "cut"
    DEATH = "death"


class Plan(NamedTuple):
    """When and how one request is answered."""

    drawn: int
    """The delay in nanoseconds, including the drift."""
    due: int
    """When the answer is sent, on `time.perf_counter_ns`; later than received + drawn during a pause or at capacity."""
    fault: RequestFault | None


class LatencyModel:
    """Draws a plan for each request."""

    def __init__(self, settings: EmbeddedSettings) -> None:
        self._settings = settings
        self._streams = {
            (kind, operation): random.Random(f"{settings.seed}/{kind}/{operation}")
            for kind in ("delay", "error", "cut")
            for operation in Operation
        }
        self._requests = 0
        self._first: int | None = None
        self._free = 0  # when the next request is taken on

    def restart_clock(self) -> None:
        """Count pauses from the next request. The random streams continue."""
        self._first, self._free = None, 0

    def plan(self, operation: Operation, received: int) -> Plan:
        """The plan for a request that was fully received at `received` (`time.perf_counter_ns`)."""
        drawn = self._settings.delays[operation].draw(self._streams["delay", operation])
        if self._first is None:
            self._first = received
        drawn += self._settings.drift * ((received - self._first) // _SECOND_NS)
        begin = max(received, self._free)
        self._free = begin + self._settings.turn
        due = self._first + finish(begin - self._first, drawn, self._settings.pauses)
        return Plan(drawn, due, self._fault(operation))

    def _fault(self, operation: Operation) -> RequestFault | None:
        self._requests += 1
        if self._settings.die_after is not None and self._requests > self._settings.die_after:
            return RequestFault.DEATH
        # Both are drawn for every request, so that raising one rate does not change which requests the other hits.
        cut = self._streams["cut", operation].random() < self._settings.cut_rates[operation]
        error = self._streams["error", operation].random() < self._settings.error_rates[operation]
        return RequestFault.CUT if cut else RequestFault.ERROR if error else None


def finish(begin: int, work: int, pauses: Sequence[Pause]) -> int:
    """When work begun at `begin` is done, if nothing proceeds during the pauses (in order of their start)."""
    due = begin + work
    for pause in pauses:
        end = pause.start + pause.length
        if pause.start <= begin < end:
            begin, due = end, end + work
        elif begin < pause.start < due:
            due += pause.length
    return due
