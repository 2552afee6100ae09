"""Every group has one worker, workers have groups alike, and nothing is forgotten when one is lost."""

from __future__ import annotations

import pytest

from pytest_rtmedload.xdist.group_assignment import GroupAssignment

GROUP_OF = {
    "api/a": "api",
    "api/b": "api",
    "api/c": "api",
    "ws/a": "ws",
    "ws/b": "ws",
    "night/a": "night",
}
ALL = list(GROUP_OF)


def test_as_many_workers_as_groups_have_one_each() -> None:
    assignment = GroupAssignment(GROUP_OF)
    workers = ["gw0", "gw1", "gw2"]
    shares = [assignment.share(worker, workers, ALL) for worker in workers]
    assert shares == [["api/a", "api/b", "api/c"], ["ws/a", "ws/b"], ["night/a"]]
    assert assignment.sizes == {"api": 3, "ws": 2, "night": 1}


@pytest.mark.parametrize(
    ("workers", "shares"), [(1, [ALL]), (2, [["api/a", "api/b", "api/c"], ["ws/a", "ws/b", "night/a"]])]
)
def test_fewer_workers_share_the_groups_evenly(workers: int, shares: list[list[str]]) -> None:
    names = [f"gw{number}" for number in range(workers)]
    assignment = GroupAssignment(GROUP_OF)
    assert [assignment.share(name, names, ALL) for name in names] == shares


def test_a_replacement_takes_over_what_the_lost_worker_had_left() -> None:
    assignment = GroupAssignment(GROUP_OF)
    workers = ["gw0", "gw1", "gw2"]
    for worker in workers:
        assignment.share(worker, workers, ALL)
    assignment.lose("gw0")
    left = ["api/b", "api/c", "ws/b", "night/a"]
    assert assignment.share("gw1", workers, left) == ["ws/b"]  # who has a group takes no other
    assert assignment.share("gw3", ["gw1", "gw2", "gw3"], left) == ["api/b", "api/c"]
    assert assignment.share("gw4", ["gw1", "gw2", "gw3", "gw4"], left) == []


def test_what_only_workers_have_collected_is_run_too() -> None:
    assignment = GroupAssignment(GROUP_OF)
    assert assignment.share("gw0", ["gw0", "gw1"], ["new/a"]) == ["new/a"]
    assert assignment.share("gw1", ["gw0", "gw1"], ["new/a"]) == []
