"""The slowest operations of each metric: a handful out of millions.

The rule: the slowest of the whole are among the slowest of its parts, so each shard keeps and ships only those, and
merging loses none.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_rtmedload.results.details import SlowOperation

MOST: Final = 5
"""Operations kept of each metric."""


@dataclass(slots=True)
class Slowest:
    """The slowest operations recorded so far."""

    of: dict[str, list[SlowOperation]] = field(default_factory=dict)
    """Metric → at most `MOST`, slowest first."""

    def floor_ms(self, metric: str) -> float:
        """Operations that took no longer than this are not among them."""
        kept = self.of.get(metric, ())
        return kept[-1].ms if len(kept) == MOST else -1.0

    def add(self, operations: Iterable[SlowOperation]) -> None:
        """Keep those that belong there."""
        for operation in operations:
            if operation.ms > self.floor_ms(operation.metric):
                kept = [*self.of.get(operation.metric, ()), operation]
                self.of[operation.metric] = sorted(kept, key=_order)[:MOST]

    def merge(self, other: Slowest) -> None:
        """Add those of another shard."""
        for operations in other.of.values():
            self.add(operations)

    def rename(self, names: Mapping[str, str]) -> None:
        """Give metrics other names; some may get the same one."""
        found, self.of = self.of, {}
        for operations in found.values():
            self.add(replace(each, metric=names.get(each.metric, each.metric)) for each in operations)


def _order(operation: SlowOperation) -> tuple[float, int, int]:
    return -operation.ms, operation.second, operation.user
