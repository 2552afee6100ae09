"""The search, against agents that are nothing but a number of users."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from pytest_rtmedload.results.plan import Evidence
from pytest_rtmedload.schedule.capacity import Capacity, Search
from pytest_rtmedload.schedule.conductors import Standing
from pytest_rtmedload.spec.load_spec import LoadSpec
from pytest_rtmedload.spec.shapes import parse_shape

if TYPE_CHECKING:
    from collections.abc import Container


def search(capacity: int, first: int = 2, last: int = 40) -> tuple[list[int], Search]:
    """The levels that are tried on an agent which holds so many users."""
    found, tried = Search(first, last), []
    while (users := found.next()) is not None:
        tried.append(users)
        found.note(users, met=users <= capacity)
    return tried, found


@pytest.mark.parametrize("capacity", [1, 2, 3, 7, 12, 13, 39, 40, 41, 1000])
def test_the_largest_level_is_found_to_five_per_cent(capacity: int) -> None:
    tried, found = search(capacity)
    assert found.best == pytest.approx(min(capacity, 40), abs=max(0, 0.05 * min(capacity, 40)))
    assert len(tried) == len(set(tried)) <= 11


def test_doubling_then_halving() -> None:
    assert search(12)[0] == [2, 4, 8, 16, 12, 14, 13]


def test_nothing_is_met() -> None:
    tried, found = search(0)
    assert tried == [2, 1]
    assert found.best == 0
    assert found.missed == 1


def test_a_level_that_fails_later_takes_those_above_it_along() -> None:
    found = Search(1, 8)
    for users in (1, 2, 4):
        found.note(users, met=True)
    found.note(2, met=False)
    assert (found.best, found.missed, found.next()) == (1, 2, None)


@dataclass(frozen=True)
class Now:
    """An agent that holds so many users, seen at some moment."""

    elapsed: float
    users: int
    capacity: int
    needs_s: float
    """Evidence decides after so many seconds of a level."""
    spoiled_from: int = 10**9
    spoiled: Container[int] = ()
    """Numbers of users at which the load generator is the limit."""
    spoiled_when: tuple[float, float] = (0.0, float("inf"))
    """Only between these seconds."""

    def standing(self, begin: float, end: float) -> Standing:
        spoiled = self.users >= self.spoiled_from or (
            self.users in self.spoiled and self.spoiled_when[0] <= begin < self.spoiled_when[1]
        )
        return Standing(self.users <= self.capacity, end - begin >= self.needs_s and not spoiled, spoiled)


def conduct(capacity: int, needs_s: float = 5.0, evidence: Evidence = Evidence.PROVISIONAL, **now: Any) -> Capacity:
    """A whole search, second by second."""
    spec = LoadSpec("t", "ws", users=2, duration=10.0, shape=parse_shape("capacity(2..40, 10s)"), evidence=evidence)
    conductor = Capacity(spec)
    pending, users = conductor.commands(), 0
    for second in range(1, 2000):
        while pending and pending[0].at <= second:
            command = pending.pop(0)
            if command.kind == "end":
                return conductor
            users = round(command.value)
        pending += conductor.steer(Now(float(second), users, capacity, needs_s, **now))
    raise AssertionError("the search never ended")


def levels(conductor: Capacity) -> list[int]:
    return [stage.users for stage in conductor.stages()]


def test_levels_are_whole_seconds_that_do_not_overlap() -> None:
    stages = conduct(12).stages()
    assert levels(conduct(12)) == [2, 4, 8, 16, 12, 14, 13]
    assert all(later.begin >= earlier.end for earlier, later in pairwise(stages))
    assert all(stage.begin == int(stage.begin) and stage.end == int(stage.end) for stage in stages)
    assert all(5 <= stage.end - stage.begin <= 7 for stage in stages)


def test_a_level_that_nothing_decides_ends_after_its_time() -> None:
    stages = conduct(12, needs_s=1000).stages()
    assert [stage.users for stage in stages] == [2, 4, 8, 16, 12, 14, 13]
    assert all(10 <= stage.end - stage.begin <= 12 for stage in stages)


def test_strict_evidence_holds_the_level_that_was_found_until_it_is_proved() -> None:
    stages = conduct(12, needs_s=25, evidence=Evidence.STRICT).stages()
    assert [stage.users for stage in stages] == [2, 4, 8, 16, 12, 14, 13, 12]
    assert 25 <= stages[-1].end - stages[-1].begin <= 27


def test_a_proof_that_never_comes_ends_after_four_times_the_time() -> None:
    stages = conduct(12, needs_s=1000, evidence=Evidence.STRICT).stages()
    assert 40 <= stages[-1].end - stages[-1].begin <= 42


def test_beyond_what_the_generator_can_drive_the_search_does_not_go() -> None:
    assert levels(conduct(100, spoiled_from=16)) == [2, 4, 8, 16, 16, 12, 14, 15]


def test_a_level_that_was_spoiled_once_is_tried_again() -> None:
    stages = conduct(100, spoiled={8}, spoiled_when=(0.0, 20.0)).stages()
    assert [stage.users for stage in stages] == [2, 4, 8, 8, 16, 32, 40]


def test_the_search_goes_on_around_a_level_that_stays_unknown() -> None:
    assert levels(conduct(12, spoiled={12})) == [2, 4, 8, 16, 12, 12, 10, 11, 14, 13]
    assert levels(conduct(100, spoiled={2})) == [2, 2, 1]


def test_a_proof_that_the_generator_spoils_twice_ends_the_search() -> None:
    undisturbed = conduct(12, needs_s=25, evidence=Evidence.STRICT).stages()
    late = (undisturbed[-1].begin, float("inf"))
    assert levels(conduct(12, needs_s=25, evidence=Evidence.STRICT, spoiled={12}, spoiled_when=late))[-3:] == [
        13,
        12,
        12,
    ]


def test_the_search_waits_until_users_that_are_too_many_are_gone() -> None:
    conductor = Capacity(LoadSpec("t", "ws", users=2, duration=5.0, shape=parse_shape("capacity(2..40)")))
    for second in range(1, 30):
        assert conductor.steer(Now(float(second), 7, 1, 3.0)) == []
    assert conductor.stages() == []
