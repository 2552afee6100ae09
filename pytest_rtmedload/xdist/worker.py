"""In a worker of pytest-xdist: load tests run like any test, but their reports go to the coordinator, not to xdist.

Every worker runs every load test; xdist would count each of their reports as a separate test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from _pytest.runner import runtestprotocol  # as pytest-rerunfailures and flaky do: the way to run a test unreported

from pytest_rtmedload.shards.messages import Begins, Ended

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_rtmedload.shards.worker import Worker


class WorkerPlugin:
    """Hooks of a worker that has load tests.

    Args:
        config: pytest's.
        worker: talks to the coordinator.
        nodeids: of the load tests.
    """

    def __init__(self, config: pytest.Config, worker: Worker, nodeids: Iterable[str]) -> None:
        self._config = config
        self._worker = worker
        self._nodeids = frozenset(nodeids)
        self._name: str = config.workerinput["workerid"]  # type: ignore[attr-defined]  # xdist's

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Run a load test and ship its reports."""
        if item.nodeid not in self._nodeids:
            return None
        self._worker.tell(Begins(item.nodeid))
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        hook = self._config.hook
        stopped = self._worker.told_to_stop
        self._worker.tell(
            Ended(
                name=self._name,
                stopped=stopped is not None,
                turned_away=self._worker.turned_away,
                reports=[hook.pytest_report_to_serializable(config=self._config, report=report) for report in reports],
            )
        )
        if stopped is not None:
            item.session.shouldstop = stopped
        return True
