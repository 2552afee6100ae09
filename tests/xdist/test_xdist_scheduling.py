"""Whatever `--dist` says: every worker gets its ordinary tests, then every load test, then the shutdown."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from xdist.scheduler import (
    EachScheduling,
    LoadFileScheduling,
    LoadGroupScheduling,
    LoadScopeScheduling,
    WorkStealingScheduling,
)
from xdist.scheduler import LoadScheduling as XdistLoadScheduling

from pytest_rtmedload.xdist.scheduling import LoadScheduling

ORDINARY = [f"tests/test_{module}.py::test_{number}" for module in "abc" for number in range(4)]
LOAD = ["tests/test_a.py::test_load_1", "tests/test_c.py::test_load_2"]
COLLECTED = [*ORDINARY[:3], LOAD[0], *ORDINARY[3:], LOAD[1]]


class Gateway:
    def __init__(self, name: str) -> None:
        self.id = name
        self.spec = name


class Node:
    """A worker that does at once what it is told."""

    def __init__(self, name: str) -> None:
        self.gateway = Gateway(name)
        self.torun: list[int] = []
        self.asked_back: list[list[int]] = []
        self.shutting_down = False

    def send_runtest_some(self, indices: list[int]) -> None:
        self.torun += indices

    def send_steal(self, indices: list[int]) -> None:
        self.asked_back.append(list(indices))

    def give_back(self) -> list[int]:
        """What the worker has not begun of what it was asked for: all or nothing, as pytest-xdist's workers do."""
        wanted = self.asked_back.pop()
        if not set(wanted) <= set(self.torun[1:]):
            return []
        self.torun = [index for index in self.torun if index not in wanted]
        return wanted

    def shutdown(self) -> None:
        self.shutting_down = True


class Controller:
    """Knows which tests are load tests, and notes who left them."""

    def __init__(self) -> None:
        self.begun: set[str] = set()
        self.who_left: list[tuple[str, str]] = []
        self.assignment: dict[str, str] = {}
        """Load test → its only worker; empty: every worker drives all."""
        self.ran: dict[str, list[str]] = {}
        self.ran_when_quiet: list[str] | None = None

    def announced(self, _node: Any) -> set[str]:
        return set(LOAD)

    def decided(self, nodeid: str) -> bool:
        return nodeid in self.begun

    def share(self, node: Any, nodes: list[Any], nodeids: list[str]) -> list[str]:
        assert node in nodes
        return [nodeid for nodeid in nodeids if self.assignment.get(nodeid, node.gateway.id) == node.gateway.id]

    def given(self, node: Any, nodeids: list[str]) -> None:
        """Nothing to note."""

    def quiet(self) -> None:
        if self.ran_when_quiet is None:
            self.ran_when_quiet = sorted(test for ran in self.ran.values() for test in ran if test not in LOAD)

    def left(self, node: Any, nodeid: str) -> None:
        self.who_left.append((node.gateway.id, nodeid))

    def reconsider(self) -> None:
        """Nothing to reconsider."""


class Session:
    """pytest-xdist's loop, without processes."""

    def __init__(self, inner: Any) -> None:
        self.controller = Controller()
        self.scheduling = LoadScheduling(inner, self.controller)
        self.ran = self.controller.ran

    def start(self, *nodes: Node) -> None:
        for node in nodes:
            self.scheduling.add_node(node)
            self.ran[node.gateway.id] = []
        for node in nodes:
            self.scheduling.add_node_collection(node, COLLECTED)
            if self.scheduling.collection_is_completed:
                self.scheduling.schedule()

    def work_off(self, *nodes: Node, until_load: bool = False) -> None:
        """Let workers run their tests, one of each in turn; a worker begins one only when it knows the next."""
        progress = True
        while progress:
            progress = False
            for node in nodes:
                if node.asked_back:
                    self.scheduling.remove_pending_tests_from_node(node, node.give_back())
                    progress = True
                if len(node.torun) > (0 if node.shutting_down else 1):
                    if until_load and COLLECTED[node.torun[0]] in LOAD:
                        continue
                    index = node.torun.pop(0)
                    self.ran[node.gateway.id].append(COLLECTED[index])
                    self.controller.begun |= {COLLECTED[index]} & set(LOAD)
                    self.scheduling.mark_test_complete(node, index, 0.0)
                    progress = True


class Config:
    """The options that pytest-xdist's schedulers read."""

    def __init__(self, nodes: int) -> None:
        self.option = SimpleNamespace(
            tx=["popen"] * nodes, debug=False, maxschedchunk=None, loadscopereorder=True, verbose=0
        )

    def getvalue(self, name: str) -> Any:
        return getattr(self.option, name)

    getoption = getvalue


def session_of(kind: Any, nodes: int = 2, assignment: dict[str, str] | None = None) -> tuple[Session, list[Node]]:
    session = Session(kind(Config(nodes)))
    session.controller.assignment = assignment or {}
    workers = [Node(f"gw{number}") for number in range(nodes)]
    session.start(*workers)
    return session, workers


KINDS = [
    XdistLoadScheduling,
    LoadScopeScheduling,
    LoadFileScheduling,
    LoadGroupScheduling,
    WorkStealingScheduling,
    EachScheduling,
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("nodes", [1, 2, 5])
def test_load_tests_come_last_and_go_to_all(kind: Any, nodes: int) -> None:
    session, workers = session_of(kind, nodes)
    session.work_off(*workers)
    for ran in session.ran.values():
        assert ran[-2:] == LOAD
        assert not set(ran[:-2]) & set(LOAD)
    ordinary = sorted(test for ran in session.ran.values() for test in ran[:-2])
    assert ordinary == sorted(ORDINARY * (nodes if kind is EachScheduling else 1))
    assert session.scheduling.tests_finished
    assert all(worker.shutting_down for worker in workers)
    assert sorted(session.controller.who_left) == sorted((w.gateway.id, test) for w in workers for test in LOAD)


@pytest.mark.parametrize("kind", KINDS)
def test_a_worker_that_replaces_one_lost_in_a_load_test_joins_the_next(kind: Any) -> None:
    session, (one, other) = session_of(kind)
    session.work_off(one, other, until_load=True)
    session.controller.begun.add(LOAD[0])  # both are in it when one dies
    assert session.scheduling.remove_node(other) is None  # else xdist reports one more test
    assert session.controller.who_left == [("gw1", LOAD[0]), ("gw1", LOAD[1])]
    third = Node("gw2")
    session.start(third)
    assert not session.scheduling.tests_finished
    session.work_off(one, third)
    assert (session.ran["gw0"][-2:], session.ran["gw2"]) == (LOAD, [LOAD[1]])
    assert session.scheduling.tests_finished


def test_an_ordinary_test_that_kills_its_worker_is_xdists_business() -> None:
    session, (one, other) = session_of(XdistLoadScheduling)
    running = COLLECTED[other.torun[0]]
    assert session.scheduling.remove_node(other) == running
    third = Node("gw2")
    session.start(third)
    session.work_off(one, third)
    assert (session.ran["gw0"][-2:], session.ran["gw2"][-2:]) == (LOAD, LOAD)
    ran = [test for tests in session.ran.values() for test in tests if test not in LOAD]
    assert sorted([*ran, running]) == sorted(ORDINARY)


def test_load_tests_that_nobody_began_are_not_finished() -> None:
    session, workers = session_of(XdistLoadScheduling)
    session.work_off(*workers, until_load=True)
    for worker in workers:
        session.scheduling.remove_node(worker)
    assert not session.scheduling.tests_finished  # a worker that comes yet will run them


@pytest.mark.parametrize("kind", KINDS)
def test_a_load_test_with_a_worker_of_its_own_goes_to_that_one(kind: Any) -> None:
    session, workers = session_of(kind, 3, assignment={LOAD[0]: "gw1", LOAD[1]: "gw0"})
    session.work_off(*workers)
    loads = {name: [test for test in ran if test in LOAD] for name, ran in session.ran.items()}
    assert loads == {"gw0": [LOAD[1]], "gw1": [LOAD[0]], "gw2": []}
    assert sorted(session.controller.who_left) == [("gw0", LOAD[1]), ("gw1", LOAD[0])]
    assert session.controller.ran_when_quiet == sorted(ORDINARY * (3 if kind is EachScheduling else 1))
    assert session.scheduling.tests_finished
    assert all(worker.shutting_down for worker in workers)


def test_a_lost_worker_keeps_nobody_waiting() -> None:
    session, (one, other) = session_of(XdistLoadScheduling, assignment={LOAD[0]: "gw0", LOAD[1]: "gw0"})
    session.scheduling.remove_node(other)  # in an ordinary test
    session.work_off(one)
    assert session.controller.ran_when_quiet is not None
    assert session.ran["gw0"][-2:] == LOAD
