"""The cost of requests in request units (RU), and a container's budget.

The rule: the documented points hold (an item of 1 KB: 1 RU to read, 5 RU to write; of 100 KB: 10 and 50), with a line
between and beyond them. The service documents no numbers for queries; here one costs 2.3 RU plus, for each KB of the
items in its results, the cost of reading one more KB: as if every query were served by an index.
Source: "Optimize the cost of reads and writes" in the service's documentation.
"""

from __future__ import annotations

import math
from typing import Final

_KB: Final = 1024
_READ_SLOPE: Final = (10 - 1) / (100 - 1)
_WRITE_SLOPE: Final = (50 - 5) / (100 - 1)
QUERY_BASE: Final = 2.3
LOOK_UP: Final = 1.0
"""Cost of a point operation that found no item, or a different version."""
_SECOND: Final = 1_000_000_000


def read_charge(size: int) -> float:
    """RU to read an item of `size` bytes."""
    return 1.0 + _READ_SLOPE * (max(1, math.ceil(size / _KB)) - 1)


def write_charge(size: int) -> float:
    """RU to create, replace or delete an item of `size` bytes."""
    return 5.0 + _WRITE_SLOPE * (max(1, math.ceil(size / _KB)) - 1)


def query_charge(size: int) -> float:
    """RU of a page of a query whose results are made of `size` bytes of items."""
    return QUERY_BASE + _READ_SLOPE * size / _KB


class RuBudget:
    """A number of RU a second; RU not used within a second are lost.

    A request is admitted while anything is left, and may overdraw: its cost is known only afterwards. The next requests
    are refused until the debt is paid, as by the real service.
    """

    def __init__(self, rus: int) -> None:
        self.rus = rus
        self._left = float(rus)
        self._at: int | None = None

    def wait_ms(self, now: int) -> int:
        """Milliseconds until a request is admitted, 0: now. `now` is `time.perf_counter_ns`."""
        elapsed = 0 if self._at is None else max(0, now - self._at)
        self._at = now if self._at is None else max(now, self._at)
        self._left = min(float(self.rus), self._left + self.rus * elapsed / _SECOND)
        return 0 if self._left > 0 else math.floor(-self._left * 1000 / self.rus) + 1

    def spend(self, charge: float) -> None:
        """Deduct the cost of a request."""
        self._left -= charge
