"""Which workers must be at the start line before a load test begins, and what ends a wait that cannot succeed.

A load test begins when every worker that is alive has arrived at it: load tests come last on every worker, so by then
no ordinary tests are running. It does not begin on fewer workers than there are. A worker that ends the test before its
start line (a fixture failed or skipped), or dies in it, ends it for all; a worker that spends a minute longer in its
fixtures than the others is given up. The next test waits until the last one has been reported, so that `-x` works.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pytest_rtmedload.shards.link import Link
    from pytest_rtmedload.shards.messages import Ended, ToCoordinator, ToWorker
    from pytest_rtmedload.spec.load_spec import LoadSpec

START_S: Final = 60.0
"""Shards run the same fixtures: one that needs this much longer for them than another hangs."""
REPLACEMENT_S: Final = 1.0
"""After a worker was lost its replacement is announced at once, or there will be none."""


@dataclass(eq=False, slots=True)
class WorkerHandle:
    """A worker, as the coordinator knows it."""

    number: int
    name: str
    """Its name in reports: `gw0`."""
    link: Link[ToWorker, ToCoordinator]
    remote: bool = False
    """True for another process, which goes on when this one waits."""
    heard_s: float = 0.0
    """When its last message came."""
    item: str | None = None
    """Node id of its current load test."""
    arrived: LoadSpec | None = None
    """The load test that it waits to begin."""
    waits_since_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Begin:
    """These workers begin this load test."""

    spec: LoadSpec
    workers: list[WorkerHandle]


@dataclass(frozen=True, slots=True)
class TurnAway:
    """These workers do not begin the load test they wait for."""

    workers: list[WorkerHandle]
    reason: str
    skip: bool = False
    """True when the outcome of another worker or test says what went wrong."""
    stop: bool = False
    """True when the run is to end: their tests are no longer reported."""
    attempt: int | None = None
    """The attempt that ends, where they have begun."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The others no longer wait for this worker."""

    worker: WorkerHandle
    reason: str


@dataclass(slots=True)
class _Item:
    """A load test as pytest knows it; its body may run several of ours."""

    participants: list[WorkerHandle] | None = None
    """The workers that began it together; None until then."""
    ended: dict[WorkerHandle, Ended] = field(default_factory=dict)
    """The workers that have left it, and what they reported."""
    lost: list[str] = field(default_factory=list)
    """Why workers that were in it never came to its end."""
    reported: bool = False


class StartLine:
    """Knows all workers and where they are.

    Args:
        stopping: says why no further test may begin, such as `-x`; None while it may.
        holding: true while the workers that have arrived wait for something else.
    """

    def __init__(self, stopping: Callable[[], str | None], holding: Callable[[], bool] = lambda: False) -> None:
        self._stopping = stopping
        self._holding = holding
        self._items: dict[str, _Item] = {}
        self._replacement_by_s = 0.0
        self.alive: list[WorkerHandle] = []

    def join(self, worker: WorkerHandle) -> None:
        """A worker has started."""
        self.alive.append(worker)
        self._replacement_by_s = 0.0

    def begins(self, worker: WorkerHandle, nodeid: str) -> None:
        """A worker enters a load test: from now on its fixtures are set up."""
        worker.item = nodeid
        self._items.setdefault(nodeid, _Item())

    def arrives(self, worker: WorkerHandle, spec: LoadSpec, now_s: float) -> None:
        """A worker wants to begin a load test."""
        worker.arrived, worker.waits_since_s = spec, now_s

    def ends(self, worker: WorkerHandle, ended: Ended) -> None:
        """A worker has left a load test, however; `ended` is what it reports."""
        if worker.item is not None:
            self._items[worker.item].ended[worker] = ended
        worker.item = worker.arrived = None

    def loses(self, worker: WorkerHandle, reason: str, now_s: float) -> None:
        """A worker is gone."""
        if worker not in self.alive:
            return
        self.alive.remove(worker)
        self._replacement_by_s = now_s + REPLACEMENT_S
        if worker.item is not None:
            self._items[worker.item].lost.append(reason)
        worker.item = worker.arrived = None

    def decided(self, nodeid: str) -> bool:
        """True once it is settled who has a part in this load test: workers that start later have none."""
        item = self._items.get(nodeid)
        return item is not None and bool(item.participants or item.ended or item.lost)

    def outcome(self, nodeid: str) -> tuple[list[Ended], list[str]]:
        """What the workers reported of a load test, and why some could not."""
        item = self._items.get(nodeid, _Item())
        return [item.ended[worker] for worker in sorted(item.ended, key=lambda m: m.number)], list(item.lost)

    def reported(self, nodeid: str) -> None:
        """The test was reported to pytest."""
        self._items.setdefault(nodeid, _Item()).reported = True

    def next(self, now_s: float) -> Begin | TurnAway | GiveUp | None:
        """What to do about the waiting workers; None for nothing yet."""
        waiting = [worker for worker in self.alive if worker.arrived is not None]
        if not waiting:
            return None
        reason = self._stopping()
        if reason is not None:
            return TurnAway(waiting, reason, skip=True, stop=True)
        if now_s < self._replacement_by_s or self._holding():
            return None
        decisions = (self._at(nodeid, waiting, now_s) for nodeid in dict.fromkeys(m.item for m in waiting))
        return next((decision for decision in decisions if decision is not None), None)

    def _at(self, nodeid: str | None, waiting: list[WorkerHandle], now_s: float) -> Begin | TurnAway | GiveUp | None:
        """What to do about the workers waiting in one load test."""
        here = [worker for worker in waiting if worker.item == nodeid]
        item = self._items.setdefault(nodeid or "", _Item())
        expected = self.alive if item.participants is None else [m for m in self.alive if m in item.participants]
        if item.lost and item.participants is None:
            return TurnAway(here, item.lost[0])
        if item.ended:
            early = ", ".join(worker.name for worker in item.ended)
            return TurnAway(here, f"{early} ended this test before its start line", skip=True)
        absent = [worker for worker in expected if worker not in here]
        if absent:
            return _stuck(absent, here, now_s)
        if any(other.ended and not other.reported for other in self._items.values() if other is not item):
            return None
        return self._together(item, here)

    @staticmethod
    def _together(item: _Item, here: list[WorkerHandle]) -> Begin | TurnAway:
        specs = [worker.arrived for worker in here]
        first = specs[0]
        if first is None or any(spec != first for spec in specs):
            return TurnAway(here, disagreement(here))
        item.participants = item.participants or list(here)
        return Begin(first, here)


def _stuck(absent: Iterable[WorkerHandle], here: list[WorkerHandle], now_s: float) -> GiveUp | None:
    """A worker that is in a load test's fixtures for too long while others wait."""
    since = min(worker.waits_since_s for worker in here)
    for worker in absent:
        if worker.item is not None and now_s - max(since, worker.heard_s) > START_S:
            late = f"{worker.name} did not reach the start line within {START_S:g} s of the others"
            return GiveUp(worker, f"{late}: does a fixture of {worker.item} hang there?")
    return None


def disagreement(workers: list[WorkerHandle]) -> str:
    """One line on what shards understand differently."""
    one = workers[0].arrived
    for worker in workers[1:]:
        other = worker.arrived
        if one is None or other is None or one == other:
            continue
        for each in dataclasses.fields(one):
            ours, theirs = getattr(one, each.name), getattr(other, each.name)
            if ours != theirs:
                return (
                    f"shards disagree about {one.nodeid}: {each.name} is {ours!r} for {workers[0].name} and {theirs!r} "
                    f"for {worker.name}; give it on the command line, or make the test the same in every process"
                )
    return "shards disagree about what to run"
