"""Load tests under pytest-xdist: judged once, and reported once by the controller.

Each is driven by all workers together, or with `--parallel` by that of its group.

The coordinator lives in the controller. Each worker reaches it over an execnet channel of its own, handed over in
`workerinput`: no port, no extra authentication, and it works for every kind of gateway. Nothing is imported and no
coordinator made before a worker has announced its first load test.
"""

from __future__ import annotations

import pickle
import threading
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import pytest

from pytest_rtmedload.shards.messages import Gone
from pytest_rtmedload.shards.multi_coordinator import MultiCoordinator
from pytest_rtmedload.xdist.reports import as_one, never_ran
from pytest_rtmedload.xdist.scheduling import LoadScheduling

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_rtmedload.shards.messages import ToCoordinator, ToWorker
    from pytest_rtmedload.shards.multi_coordinator import Coordination
    from pytest_rtmedload.xdist.group_assignment import GroupAssignment

Sent = TypeVar("Sent")
Heard = TypeVar("Heard")


class ChannelLink(Generic[Sent, Heard]):
    """An execnet channel as a link. Both ends run the same code, so messages travel as they are, pickled.

    Args:
        channel: this process's end.
        end_other: ends the process at the other end.
    """

    def __init__(self, channel: Any, end_other: Callable[[], object] = lambda: None) -> None:
        self._channel = channel
        self._end_other = end_other
        self._callback: Callable[[Heard], None] | None = None
        self._unread: list[Heard] = []
        self._lock = threading.Lock()
        channel.setcallback(self._arrived, endmarker=None)

    @property
    def has_spoken(self) -> bool:
        """True once the other end has sent a message that waits to be read."""
        return bool(self._unread)

    def send(self, message: Sent, /) -> None:
        """Hand a message to the other end; does nothing if that has ended."""
        try:
            self._channel.send(pickle.dumps(message))
        except OSError:
            return

    def setcallback(self, callback: Callable[[Heard], None], /) -> None:
        """Call this with every message that arrives, in a thread of execnet's."""
        with self._lock:  # messages that arrive now must wait for earlier ones
            for message in self._unread:
                callback(message)
            self._unread.clear()
            self._callback = callback

    def hang_up(self) -> None:
        """End the process at the other end: it is asked to exit, and exits on its own if it cannot respond."""
        self._end_other()

    def _arrived(self, data: bytes | None) -> None:
        message: Any = Gone() if data is None else pickle.loads(data)  # noqa: S301 - our own worker's
        with self._lock:
            if self._callback is None:
                self._unread.append(message)
                return
        self._callback(message)


class ControllerPlugin:
    """Hooks of the controller, registered where pytest-xdist is at work.

    Args:
        config: pytest's.
        begin: begins the run and gives its coordination; called when a worker has announced a load test.
        key: of `workerinput`, under which a worker finds its end of the link.
        assignment: which worker drives which groups, once the controller has collected; None: every worker drives all.
    """

    def __init__(
        self,
        config: pytest.Config,
        begin: Callable[[], Coordination],
        key: str,
        assignment: Callable[[], GroupAssignment | None] = lambda: None,
    ) -> None:
        self._config = config
        self._begin = begin
        self._key = key
        self._assignment = assignment
        self._session: pytest.Session | None = None
        self._links: dict[Any, ChannelLink[ToWorker, ToCoordinator]] = {}
        self._coordinator: Coordination | None = None
        self._quiet = False
        self._driving: dict[str, set[Any]] = {}  # load test → workers that have not left it

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Know the session: it counts failures."""
        self._session = session

    def pytest_configure_node(self, node: Any) -> None:
        """Give a new worker its link."""
        channel = node.gateway.newchannel()
        node.workerinput[self._key] = channel
        self._links[node] = ChannelLink(channel, node.gateway.exit)
        if self._coordinator is not None:
            self._connect(node)

    @pytest.hookimpl(wrapper=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:  # noqa: ARG002 - the hook's names
        """Hide load tests from the scheduler that was chosen."""
        inner = yield
        return None if inner is None else LoadScheduling(inner, self)

    def announced(self, node: Any) -> set[str]:
        """Node ids of the load tests that this worker, or one before it, has collected.

        Raises:
            pytest.UsageError: the worker cannot take part; one line.
        """
        if self._coordinator is None and self._links[node].has_spoken:
            self._coordinator = self._begin()
            self._coordinator.stopping = self._why_stop
            if isinstance(self._coordinator, MultiCoordinator):  # otherwise workers wait for each other anyway
                self._coordinator.holding = lambda: not self._quiet
            for known in list(self._links):
                self._connect(known)
        if self._coordinator is None:
            return set()
        if self._coordinator.misfit is not None:
            raise pytest.UsageError(self._coordinator.misfit)
        return self._coordinator.announced

    def decided(self, nodeid: str) -> bool:
        """True once it is settled which workers drive this load test."""
        return self._coordinator is not None and self._coordinator.decided(nodeid)

    def share(self, node: Any, nodes: list[Any], nodeids: list[str]) -> list[str]:
        """Those of the load tests that this worker drives."""
        assignment = self._assignment()
        return nodeids if assignment is None else assignment.share(node, nodes, nodeids)

    def given(self, node: Any, nodeids: list[str]) -> None:
        """A worker was sent these load tests."""
        for nodeid in nodeids:
            self._driving.setdefault(nodeid, set()).add(node)

    def left(self, node: Any, nodeid: str) -> None:
        """A worker has ended a load test, or will never run it; after the last worker it is reported."""
        driving = self._driving.get(nodeid, set())
        driving.discard(node)
        if not driving and self.decided(nodeid):
            self._report(node, nodeid)

    def reconsider(self) -> None:
        """A failure elsewhere may have ended the run."""
        if self._coordinator is not None:
            self._coordinator.reconsider()

    def quiet(self) -> None:
        """No ordinary tests are running any more that would disturb the load tests."""
        if not self._quiet:
            self._quiet = True
            self.reconsider()

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """The load tests of a lost worker wait for its replacement."""
        assignment = self._assignment()
        if assignment is not None:
            assignment.lose(node)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """A load test that no worker was left to run is reported as an error."""
        ended = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        if self._coordinator is None or not ended or self._why_stop() is not None:
            return
        for nodeid in sorted(nodeid for nodeid in self._coordinator.announced if not self.decided(nodeid)):
            self._config.hook.pytest_runtest_logreport(report=never_ran(nodeid))
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _connect(self, node: Any) -> None:
        if self._coordinator is not None:
            self._coordinator.connect(self._links[node], node.gateway.id, remote=True)

    def _report(self, node: Any, nodeid: str) -> None:
        """Hand the reports of all workers to pytest as those of one test.

        The hooks are called and not, as xdist does, put in its queue: there they would come after the end of the last
        worker, and be dropped.
        """
        if self._coordinator is None:
            return
        reports, worker = as_one(self._config, nodeid, *self._coordinator.outcome(nodeid))
        if reports:
            hook = self._config.hook
            location = reports[0].location
            node = next((known for known in self._links if known.gateway.id == worker), node)
            hook.pytest_runtest_logstart(nodeid=nodeid, location=location)
            for report in reports:
                report.node = node  # type: ignore[attr-defined]  # as xdist does: reporters show the worker's name
                hook.pytest_runtest_logreport(report=report)
            hook.pytest_runtest_logfinish(nodeid=nodeid, location=location)
        self._coordinator.reported(nodeid)

    def _why_stop(self) -> str | None:
        """Why no further load test may begin: what pytest or pytest-xdist stops for."""
        distributed = self._config.pluginmanager.get_plugin("dsession")
        for who in (self._session, distributed):
            for reason in (getattr(who, "shouldfail", False), getattr(who, "shouldstop", False)):
                if reason:
                    return str(reason)
        return None
