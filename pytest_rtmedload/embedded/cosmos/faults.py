"""When each answer is sent, and which faults are injected: a seeded model of the service's behaviour.

The rule: as for the agent (see `latency`), an answer is sent at *request received + drawn delay*, and each operation
and each fault draws from its own random stream.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from pytest_rtmedload.embedded.cosmos.operations import CosmosOperation
from pytest_rtmedload.embedded.latency import Plan, RequestFault, finish

if TYPE_CHECKING:
    from pytest_rtmedload.embedded.cosmos.settings import CosmosSettings


class _Odds:
    """The delays and faults of one operation."""

    def __init__(self, operation: CosmosOperation, settings: CosmosSettings, seed: int) -> None:
        self.delay = settings.delays[operation]
        self.rates = settings.error_rates[operation], settings.cut_rates[operation]
        streams = (random.Random(f"{seed}/cosmos/{kind}/{operation}") for kind in ("delay", "error", "cut"))
        self.delays, self.errors, self.cuts = streams

    def fault(self) -> RequestFault | None:
        if self.rates == (0, 0):
            return None
        error, cut = self.rates
        # Both are drawn for every request, so that raising one rate does not change which requests the other hits.
        is_cut, is_error = self.cuts.random() < cut, self.errors.random() < error
        return RequestFault.CUT if is_cut else RequestFault.ERROR if is_error else None


class FateModel:
    """Draws a plan for each request."""

    def __init__(self, settings: CosmosSettings, seed: int) -> None:
        self._pauses = [settings.stall] if settings.stall else []
        self._odds = {operation: _Odds(operation, settings, seed) for operation in CosmosOperation}
        self._first: int | None = None

    def restart_clock(self) -> None:
        """Count the stall from the next request. The random streams continue."""
        self._first = None

    def plan(self, operation: CosmosOperation, received: int) -> Plan:
        """The plan for a request that was fully received at `received` (`time.perf_counter_ns`)."""
        odds = self._odds[operation]
        drawn = odds.delay.draw(odds.delays)
        if self._first is None:
            self._first = received
        due = self._first + finish(received - self._first, drawn, self._pauses)
        return Plan(drawn, due, odds.fault())
