"""The service's limits: connections or requests at a time, and a second.

The rule: a connection of a recognition, and each request of a synthesis, counts once towards both limits. A new
connection is refused while one of them is reached (429); a request over the limit on an open connection closes it
(4429), which the SDK reports as the same error.
"""

from __future__ import annotations

from collections import deque
from typing import Final

WINDOW_NS: Final = 1_000_000_000


class Quota:
    """The limits of one service; None: no limit. Times are `time.perf_counter_ns`."""

    def __init__(self, concurrency: int | None, per_second: int | None) -> None:
        self._concurrency = concurrency
        self._per_second = per_second
        self._active = 0
        self._begun: deque[int] = deque()

    def reached(self, now: int) -> bool:
        """True if one more would exceed a limit."""
        while self._begun and self._begun[0] <= now - WINDOW_NS:
            self._begun.popleft()
        over_rate = self._per_second is not None and len(self._begun) >= self._per_second
        return over_rate or (self._concurrency is not None and self._active >= self._concurrency)

    def enter(self, now: int) -> bool:
        """Count one more, which has to `leave`; returns False, without counting it, if that would exceed a limit."""
        if self.reached(now):
            return False
        self._active += 1
        if self._per_second is not None:
            self._begun.append(now)
        return True

    def leave(self) -> None:
        """One that was counted has ended."""
        self._active -= 1
