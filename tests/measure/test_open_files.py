"""Users that a process cannot give a connection each do not start; a limit that can be raised is raised."""

from __future__ import annotations

import resource

import pytest

from pytest_rtmedload.measure.open_files import Room, make_room


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """What the system would allow, and what it was told: the process itself keeps its limits."""
    set_to = [(1024, 4096)]
    monkeypatch.setattr(resource, "getrlimit", lambda _: set_to[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, limit: set_to.append(limit))
    return set_to


def test_nothing_is_done_where_there_is_room(limits: list[tuple[int, int]]) -> None:
    assert make_room(200) == Room()
    assert len(limits) == 1


def test_what_helps_is_raised_and_said(limits: list[tuple[int, int]]) -> None:
    assert make_room(500) == Room("open files of this process: limit raised from 1,024 to 2,100 for 500 users")
    assert limits[-1] == (2100, 4096)


def test_what_cannot_be_raised_is_refused_in_one_line(limits: list[tuple[int, int]]) -> None:
    room = make_room(5000)
    assert limits[-1] == (4096, 4096)
    assert room.refusal is not None
    assert "which may have 4,096: raise the limit with 'ulimit -n 20100'" in room.refusal
    assert "\n" not in room.refusal


def test_a_limit_on_what_is_in_flight_refuses_nothing(limits: list[tuple[int, int]]) -> None:
    assert make_room(5000, certain=False).refusal is None


def test_a_limit_that_may_not_be_raised_is_used_as_it_is(
    limits: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(_: int, __: tuple[int, int]) -> None:
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(resource, "setrlimit", forbidden)
    assert make_room(500) == Room()
    assert make_room(2000).refusal is not None
