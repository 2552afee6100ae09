"""The offset between two processes' monotonic clocks: a start line must mean the same moment to all shards.

Processes of one machine share that clock. An offset that cannot be distinguished from 0 is therefore taken as 0: the
round trip of a message between two busy processes is longer than any error that could be corrected by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

EXCHANGES: Final = 5
"""Questions asked; the answer that came back fastest counts, as it leaves the least room for error."""


class ClockExchange(NamedTuple):
    """The other process's clock, read between two readings of the own one. Nanoseconds."""

    asked: int
    answered: int
    heard: int

    @property
    def round_trip(self) -> int:
        """How long the answer took; half of it is the largest possible error."""
        return self.heard - self.asked


def offset_ns(exchanges: Iterable[ClockExchange]) -> int:
    """The other clock minus the own one, in nanoseconds (Cristian's algorithm); 0 within the uncertainty."""
    best = min(exchanges, key=lambda exchange: exchange.round_trip)
    offset = best.answered - (best.asked + best.heard) // 2
    return offset if abs(offset) > best.round_trip // 2 + 1 else 0
