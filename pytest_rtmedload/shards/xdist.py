"""Load tests under pytest-xdist: after all ordinary tests, on one worker, judged and reported by the controller.

The coordinator lives in the controller. Each worker reaches it over an execnet channel of its own, handed over in
`workerinput`: no port, no extra authentication, and it works for every kind of gateway. Whatever scheduler `--dist`
chose sees ordinary tests only: load tests are hidden from it, and sent to one worker when that one has nothing else
left to do. They begin when the last ordinary test of all workers has ended.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_rtmedload.run import Run
    from pytest_rtmedload.shards.coordinator import Coordinator
    from pytest_rtmedload.shards.link import Message


class ChannelLink:
    """An execnet channel as a link. Both ends run the same code, so messages travel as they are, pickled."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel

    def send(self, message: Message, /) -> None:
        """Hand a message to the other end; a worker that is gone gets nothing."""
        try:
            self._channel.send(pickle.dumps(message))
        except OSError:
            return

    def setcallback(self, callback: Callable[[Message], None], /) -> None:
        """Call this with every message that arrives, in a thread of execnet's."""
        self._channel.setcallback(lambda data: callback(pickle.loads(data)))  # noqa: S301 - our own worker's


class ControllerPlugin:
    """Hooks of the controller, registered where pytest-xdist is at work.

    Args:
        run: begins the run; called when the first worker starts.
        key: of `workerinput`, under which a worker finds its end of the link.
    """

    def __init__(self, run: Callable[[], Run], key: str) -> None:
        self._run = run
        self._key = key

    def pytest_configure_node(self, node: Any) -> None:
        """Give a new worker its link."""
        channel = node.gateway.newchannel()
        node.workerinput[self._key] = channel
        coordinator = self._run().coordinator
        coordinator.hold()
        coordinator.connect(ChannelLink(channel))

    @pytest.hookimpl(wrapper=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:  # noqa: ARG002 - the hook's names
        """Hide load tests from the scheduler that was chosen."""
        inner = yield
        return None if inner is None else LoadScheduling(inner, self._run().coordinator)


class _OrdinaryNode:
    """A worker as the inner scheduler sees it: its tests are the ordinary ones, numbered without the load tests."""

    def __init__(self, scheduling: LoadScheduling, node: Any) -> None:
        self._scheduling = scheduling
        self._node = node
        self.released = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._node, name)

    @property
    def shutting_down(self) -> bool:
        return self.released or bool(self._node.shutting_down)

    def send_runtest_some(self, indices: Sequence[int]) -> None:
        self._node.send_runtest_some([self._scheduling.ordinary[index] for index in indices])

    def send_runtest_all(self) -> None:
        self._node.send_runtest_some(list(self._scheduling.ordinary))

    def send_steal(self, indices: Sequence[int]) -> None:
        self._node.send_steal([self._scheduling.ordinary[index] for index in indices])

    def shutdown(self) -> None:
        self._scheduling.release(self._node)


class LoadScheduling:
    """Wraps the scheduler of `--dist`: same interface, load tests apart."""

    def __init__(self, inner: Any, coordinator: Coordinator) -> None:
        self._inner = inner
        self._coordinator = coordinator
        self._proxies: dict[Any, _OrdinaryNode] = {}
        self._collection: list[str] = []
        self._load: list[int] = []
        self._pending: list[int] = []
        self._load_node: Any = None
        self._late: set[Any] = set()
        self.ordinary: list[int] = []
        """Index of an ordinary test among ordinary tests → its index among all."""
        self._number: dict[int, int] = {}

    @property
    def nodes(self) -> list[Any]:
        """All workers."""
        return list(self._proxies)

    @property
    def collection_is_completed(self) -> bool:
        """True when all workers have collected."""
        return bool(self._inner.collection_is_completed)

    @property
    def tests_finished(self) -> bool:
        """True when nothing is left to run."""
        released = all(proxy.released for proxy in self._proxies.values())
        return bool(self._inner.tests_finished) and released and not self._pending

    @property
    def has_pending(self) -> bool:
        """True while tests wait for a worker."""
        return bool(self._inner.has_pending or self._pending)

    def add_node(self, node: Any) -> None:
        """A worker has started."""
        self._proxies[node] = _OrdinaryNode(self, node)
        if self._collection and self._inner.tests_finished:
            self._late.add(node)  # replaces one that crashed in a load test: the inner scheduler has nothing for it
        else:
            self._inner.add_node(self._proxies[node])

    def add_node_collection(self, node: Any, collection: Sequence[str]) -> None:
        """A worker has collected."""
        load = self._coordinator.announced
        if not self._collection:
            self._collection = list(collection)
            self._load = [index for index, nodeid in enumerate(collection) if nodeid in load]
            self._pending = list(self._load)
            self.ordinary = [index for index, nodeid in enumerate(collection) if nodeid not in load]
            self._number = {index: number for number, index in enumerate(self.ordinary)}
        if node not in self._late:
            ordinary = [nodeid for nodeid in collection if nodeid not in load]
            self._inner.add_node_collection(self._proxies[node], ordinary)

    def schedule(self) -> None:
        """Distribute tests."""
        self._inner.schedule()
        self._go_on()

    def release(self, node: Any) -> None:
        """A worker has been given its last ordinary test: one of them gets the load tests behind it."""
        proxy = self._proxies[node]
        if proxy.released:
            return
        proxy.released = True
        if self._load_node is None and self._pending:
            self._load_node = node
            node.send_runtest_some(list(self._pending))
        node.shutdown()

    def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:
        """A test has ended."""
        if item_index in self._number:
            self._inner.mark_test_complete(self._proxies[node], self._number[item_index], duration)
            self._go_on()
        elif item_index in self._pending:
            self._pending.remove(item_index)

    def mark_test_pending(self, item: str) -> None:
        """An ordinary test must be run again elsewhere."""
        self._inner.mark_test_pending(item)

    def remove_pending_tests_from_node(self, node: Any, indices: Sequence[int]) -> None:
        """Ordinary tests were taken back from a worker."""
        self._inner.remove_pending_tests_from_node(self._proxies[node], [self._number[index] for index in indices])

    def remove_node(self, node: Any) -> str | None:
        """A worker is gone; returns the test it was running when it crashed."""
        proxy, crashed = self._proxies.pop(node), None
        if node not in self._late:
            crashed = self._inner.remove_node(proxy)
        if node is self._load_node:
            self._load_node = None
            if self._pending:
                crashed = self._collection[self._pending.pop(0)]
        self._go_on()
        return crashed

    def _go_on(self) -> None:
        if self._inner.collection_is_completed and self._inner.tests_finished:
            for node in list(self._proxies):
                self.release(node)
            self._coordinator.ordinary_tests_ended()
