"""Which process drives which group of load tests: each group has exactly one, so that its tests run one by one.

Groups are dealt out once, the largest first, each to the worker with the least to do; with as many workers as groups
every worker has one. The replacement of a lost worker takes over its remaining tests.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence


class GroupAssignment:
    """The groups and their workers.

    Args:
        group_of: node id of a load test → its group.
    """

    def __init__(self, group_of: Mapping[str, str]) -> None:
        self._group_of = group_of
        self._worker_of: dict[str, Hashable | None] = {}
        self._known: set[Hashable] = set()

    @property
    def sizes(self) -> dict[str, int]:
        """Group → how many load tests it has, in the order in which they were collected."""
        return dict(Counter(self._group_of.values()))

    def share(self, worker: Hashable, workers: Sequence[Hashable], nodeids: Iterable[str]) -> list[str]:
        """Those of the load tests that this worker drives.

        Args:
            worker: the asking worker.
            workers: all that there are; the first call deals the groups out to these.
            nodeids: the load tests that no worker has begun yet.
        """
        if not self._worker_of:
            self._deal(workers)
        elif worker not in self._known:
            self._take_over(worker)
        return [nodeid for nodeid in nodeids if self._driver(nodeid) == worker]

    def lose(self, worker: Hashable) -> None:
        """A worker is gone, at the end of its work or before: its groups wait for another."""
        for group, driver in self._worker_of.items():
            if driver == worker:
                self._worker_of[group] = None

    def _deal(self, workers: Sequence[Hashable]) -> None:
        self._known = set(workers)
        load = dict.fromkeys(workers, 0)
        for group, tests in sorted(self.sizes.items(), key=lambda sized: -sized[1]):
            idlest = min(load, key=lambda worker: load[worker])
            self._worker_of[group] = idlest
            load[idlest] += tests

    def _take_over(self, worker: Hashable) -> None:
        self._known.add(worker)
        for group, driver in self._worker_of.items():
            if driver is None:
                self._worker_of[group] = worker

    def _driver(self, nodeid: str) -> Hashable | None:
        """The worker that drives a load test; a test unknown to the controller counts as one of the first group."""
        group = self._group_of.get(nodeid, next(iter(self._worker_of), None))
        return self._worker_of.get(group) if group is not None else None
