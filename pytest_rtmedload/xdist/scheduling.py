"""Which worker of pytest-xdist gets which test: ordinary tests as `--dist` says, then its load tests.

Whatever scheduler `--dist` chose sees ordinary tests only, numbered without the load tests. When it has nothing more
for a worker and would shut it down, that worker is sent its load tests first: all of them, or with `--parallel` those
of its groups. A worker begins a test only when it knows the next one, so all are sent at once, then the shutdown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class Controller(Protocol):
    """The part that knows about load tests."""

    def announced(self, node: Any) -> set[str]:
        """Node ids of the load tests that this worker has collected."""

    def decided(self, nodeid: str) -> bool:
        """True once it is settled which workers drive this load test."""

    def share(self, node: Any, nodes: list[Any], nodeids: list[str]) -> list[str]:
        """Those of the load tests that this one of the workers drives."""

    def given(self, node: Any, nodeids: list[str]) -> None:
        """A worker was sent these load tests."""

    def left(self, node: Any, nodeid: str) -> None:
        """A worker has ended a load test, or will never run it."""

    def reconsider(self) -> None:
        """Something has happened that may end the run."""

    def quiet(self) -> None:
        """No ordinary test runs any more."""


class _OrdinaryNode:
    """A worker as the inner scheduler sees it: its tests are the ordinary ones, numbered without the load tests."""

    def __init__(self, scheduling: LoadScheduling, node: Any) -> None:
        self._scheduling = scheduling
        self._node = node
        self.released = False
        self.at_work: set[int] = set()
        """Ordinary tests it was sent and has not ended, by their index among all."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._node, name)

    @property
    def shutting_down(self) -> bool:
        return self.released or bool(self._node.shutting_down)

    def send_runtest_some(self, indices: Sequence[int]) -> None:
        given = [self._scheduling.ordinary[index] for index in indices]
        self.at_work.update(given)
        self._node.send_runtest_some(given)

    def send_runtest_all(self) -> None:
        self.send_runtest_some(range(len(self._scheduling.ordinary)))

    def send_steal(self, indices: Sequence[int]) -> None:
        self._node.send_steal([self._scheduling.ordinary[index] for index in indices])

    def shutdown(self) -> None:
        self._scheduling.release(self._node)


class LoadScheduling:
    """Wraps the scheduler of `--dist`: same interface, load tests apart."""

    def __init__(self, inner: Any, controller: Controller) -> None:
        self._inner = inner
        self._controller = controller
        self._proxies: dict[Any, _OrdinaryNode] = {}
        self._collection: list[str] = []
        self._load: list[int] = []
        self._left_to_do: dict[Any, list[int]] = {}
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
        under_way = any(self._left_to_do.values()) or any(map(self._open, self._load))
        return bool(self._inner.tests_finished) and released and not under_way

    @property
    def has_pending(self) -> bool:
        """True while tests wait for a worker."""
        return bool(self._inner.has_pending or any(self._left_to_do.values()))

    def add_node(self, node: Any) -> None:
        """A worker has started."""
        self._proxies[node] = _OrdinaryNode(self, node)
        if self._collection and self._inner.tests_finished:
            self._late.add(node)  # replaces one that crashed in a load test: the inner scheduler has nothing for it
        else:
            self._inner.add_node(self._proxies[node])

    def add_node_collection(self, node: Any, collection: Sequence[str]) -> None:
        """A worker has collected."""
        load = self._controller.announced(node)
        if not self._collection:
            self._collection = list(collection)
            self._load = [index for index, nodeid in enumerate(collection) if nodeid in load]
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
        """A worker has been given its last ordinary test: its load tests follow."""
        proxy = self._proxies[node]
        if proxy.released:
            return
        proxy.released = True
        still_to_do = [self._collection[index] for index in self._load if self._open(index)]
        share = self._controller.share(node, self.nodes, still_to_do)
        mine = [index for index in self._load if self._collection[index] in share]
        self._left_to_do[node] = list(mine)
        self._controller.given(node, share)
        if mine:
            node.send_runtest_some(mine)
        node.shutdown()

    def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:
        """A test has ended."""
        if item_index in self._number:
            self._proxies[node].at_work.discard(item_index)
            self._inner.mark_test_complete(self._proxies[node], self._number[item_index], duration)
            self._go_on()
        elif item_index in self._left_to_do.get(node, ()):
            self._left_to_do[node].remove(item_index)
            self._controller.left(node, self._collection[item_index])

    def mark_test_pending(self, item: str) -> None:
        """An ordinary test must be run again elsewhere."""
        self._inner.mark_test_pending(item)

    def remove_pending_tests_from_node(self, node: Any, indices: Sequence[int]) -> None:
        """Ordinary tests were taken back from a worker."""
        self._proxies[node].at_work.difference_update(indices)
        self._inner.remove_pending_tests_from_node(self._proxies[node], [self._number[index] for index in indices])

    def remove_node(self, node: Any) -> str | None:
        """A worker is gone; returns the ordinary test it was running when it crashed.

        A load test that it was driving is reported with those of the other workers, not as one more test.
        """
        proxy, crashed = self._proxies.pop(node), None
        if proxy in self._inner.nodes:  # some schedulers forget a worker when they shut it down
            crashed = self._inner.remove_node(proxy)
        for index in self._left_to_do.pop(node, ()):
            self._controller.left(node, self._collection[index])
        self._go_on()
        return crashed

    def _open(self, index: int) -> bool:
        """True for a load test that has not begun: workers that start now take part in it."""
        return not self._controller.decided(self._collection[index])

    def _go_on(self) -> None:
        self._controller.reconsider()
        if self._inner.collection_is_completed and self._inner.tests_finished:
            for node in list(self._proxies):
                self.release(node)
        if self._inner.collection_is_completed and not any(proxy.at_work for proxy in self._proxies.values()):
            self._controller.quiet()
