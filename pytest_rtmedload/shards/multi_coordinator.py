"""Several load tests at once: every worker has its own coordinator, and together they act as one.

Each load test then belongs to exactly one worker and one coordinator, as in a run without pytest-xdist; what the
tests have in common is the agent, the live view and the time at which the run began.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_rtmedload.results.model import TestResult
    from pytest_rtmedload.shards.coordinator import Coordinator
    from pytest_rtmedload.shards.link import Link
    from pytest_rtmedload.shards.messages import Ended, Judged, ToCoordinator, ToWorker


class Coordination(Protocol):
    """What a run needs of its coordinator, or of several."""

    stopping: Callable[[], str | None]

    @property
    def results(self) -> list[TestResult]:
        """Results so far."""

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""

    @property
    def announced(self) -> set[str]:
        """Node ids of the load tests that workers have collected."""

    @property
    def misfit(self) -> str | None:
        """Why a worker cannot take part."""

    def connect(self, link: Link[ToWorker, ToCoordinator], name: str = "main", *, remote: bool = False) -> None:
        """A worker has started."""

    def finish(self) -> None:
        """The run is over."""

    def decided(self, nodeid: str) -> bool:
        """True once it is settled which workers have a part in this load test."""

    def outcome(self, nodeid: str) -> tuple[list[Ended], list[str], Judged | None]:
        """What workers reported of a load test, why some could not, and the last result."""

    def reported(self, nodeid: str) -> None:
        """A load test was reported to pytest."""

    def reconsider(self) -> None:
        """Something outside has changed."""


class MultiCoordinator:
    """One coordinator per worker, with the interface of a single one.

    Args:
        coordinator: makes one, given what it is to wait for as `holding`. All share the agent's provider, observer,
            journal and the beginning of the run; each acts in the thread in which its worker's messages arrive.
    """

    def __init__(self, coordinator: Callable[..., Coordinator]) -> None:
        self._make = coordinator
        self._first = coordinator()  # has no worker: it knows when the run began, and how to answer for an unknown test
        self._coordinators = [self._first]
        self.stopping: Callable[[], str | None] = lambda: None
        """Says why no further test may begin, such as `-x`; None while it may."""
        self.holding: Callable[[], bool] = lambda: False
        """True while load tests wait for something other than workers; `reconsider` is called when that changes."""

    @property
    def results(self) -> list[TestResult]:
        """Results so far, in the order in which the tests began; each names the tests that ran at the same time."""
        results = [result for each in self._coordinators for result in each.results]
        return with_neighbours(sorted(results, key=lambda result: result.started_s))

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return self._first.elapsed

    @property
    def announced(self) -> set[str]:
        """Node ids of the load tests that workers have collected."""
        return set().union(*(each.announced for each in self._coordinators))

    @property
    def misfit(self) -> str | None:
        """Why a worker cannot take part: another version of this plugin."""
        return next((each.misfit for each in self._coordinators if each.misfit is not None), None)

    def connect(self, link: Link[ToWorker, ToCoordinator], name: str = "main", *, remote: bool = False) -> None:
        """A worker has started, at the other end of this link; `remote` when it is a process of its own."""
        coordinator = self._make(holding=self._must_wait)
        coordinator.stopping = self._why_stop
        self._coordinators.append(coordinator)
        coordinator.connect(link, name, remote=remote)

    def finish(self) -> None:
        """The run is over: tests that never came to an end are stopped together and judged by what they shipped."""
        with ThreadPoolExecutor(len(self._coordinators)) as pool:
            list(pool.map(lambda each: each.finish(), self._coordinators))

    def decided(self, nodeid: str) -> bool:
        """True once a worker has begun this load test."""
        return any(each.decided(nodeid) for each in self._coordinators)

    def outcome(self, nodeid: str) -> tuple[list[Ended], list[str], Judged | None]:
        """What its worker reported of a load test, why it could not, and the last result."""
        return self._of(nodeid).outcome(nodeid)

    def reported(self, nodeid: str) -> None:
        """A load test was reported to pytest: the next of its group may begin."""
        self._of(nodeid).reported(nodeid)

    def reconsider(self) -> None:
        """Something outside has changed, such as a failure that ends the run."""
        for each in self._coordinators:
            each.reconsider()

    def _why_stop(self) -> str | None:
        return self.stopping()

    def _must_wait(self) -> bool:
        return self.holding()

    def _of(self, nodeid: str) -> Coordinator:
        return next((each for each in self._coordinators if each.decided(nodeid)), self._first)


def with_neighbours(results: Sequence[TestResult]) -> list[TestResult]:
    """The same results, each with the node ids of those whose time overlapped its own, in the order given."""
    return [
        replace(one, beside=list(dict.fromkeys(other.nodeid for other in results if _at_once(one, other))))
        for one in results
    ]


def _at_once(one: TestResult, other: TestResult) -> bool:
    if one.nodeid == other.nodeid or not one.phases or not other.phases:
        return False  # a test without phases never ran
    (begin, end), (its_begin, its_end) = _span(one), _span(other)
    return begin < its_end and its_begin < end


def _span(result: TestResult) -> tuple[float, float]:
    """Start line and end of a test, in seconds after the run began."""
    return result.started_s, result.started_s + max(end for _, end in result.phases.values())
