"""Calls kept turn by turn, to show a typical and a slow one of them.

The rule: keep a random sample of all calls, and the slowest few. Each call draws a number that depends on the seed and
its id alone; those with the smallest numbers are the sample, whichever shard made them, so that merging is the same as
having seen all calls in one place.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from pytest_rtmedload.results.details import ConversationResult

MOST: Final = 200
"""Calls in the sample: enough for the median of their medians, and some 200 kB."""
MOST_SLOW: Final = 3
"""The slowest calls, kept in addition to the sample."""


class Conversed(NamedTuple):
    """A call that has ended."""

    draw: float
    """A random number, 0 … 1."""
    loop_ms: float
    """Median of its `voice.loop` over all answered turns."""
    told: ConversationResult


@dataclass(slots=True)
class Conversations:
    """Examples of the calls of a load test."""

    sample: list[Conversed] = field(default_factory=list)
    """Smallest draw first."""
    slow: list[Conversed] = field(default_factory=list)
    """Slowest first."""

    def add(self, call: Conversed) -> None:
        """Keep a call if it belongs to the sample, or is among the slowest."""
        self._keep([call], [call])

    def admits(self, call: Conversed) -> bool:
        """True if this call would be kept when added."""
        if len(self.sample) < MOST or len(self.slow) < MOST_SLOW:
            return True
        return call.draw < self.sample[-1].draw or call.loop_ms > self.slow[-1].loop_ms

    def merge(self, other: Conversations) -> None:
        """Add those of another shard."""
        if other.sample:
            self._keep(other.sample, other.slow)

    def examples(self) -> list[ConversationResult]:
        """A typical and the slowest call; of a single call only the typical one, and nothing where there was none."""
        if not self.sample:
            return []
        middle = statistics.median(call.loop_ms for call in self.sample)
        typical = min(self.sample, key=lambda call: (abs(call.loop_ms - middle), call.draw))
        chosen = [replace(typical.told, kind="typical")]
        if self.slow[0].told != typical.told:
            chosen.append(replace(self.slow[0].told, kind="slow"))
        return chosen

    def _keep(self, drawn: list[Conversed], slow: list[Conversed]) -> None:
        self.sample = sorted([*self.sample, *drawn], key=lambda call: call.draw)[:MOST]
        self.slow = sorted([*self.slow, *slow], key=lambda call: (-call.loop_ms, call.draw))[:MOST_SLOW]
