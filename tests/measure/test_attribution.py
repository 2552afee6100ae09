"""What a delay was spent on, from numbers; `test_injected_causes.py` has real delays."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rtmedload.measure.attribution import Delay, attribute
from pytest_rtmedload.measure.watchdog import Look
from pytest_rtmedload.results.causes import Cause

MS = 1_000_000


def delay(**changes: Any) -> Delay:
    """100 ms between two ticks, of which the tick was late by all."""
    facts: dict[str, Any] = {
        "late": 100,
        "began": 0,
        "ran_before": 0,
        "span": 100,
        "running": 0,
        "waiting": 0,
        "others": 0,
        "stolen": 0,
        "throttled": 0,
        "collecting": 0,
        "bookkeeping": 0,
    } | changes
    looks = facts.pop("looks", ())
    return Delay(**{name: None if ms is None else ms * MS for name, ms in facts.items()}, looks=looks)


def look(at_ms: int, running_ms: int = 0, *, late_ms: int = 0, task: int = 1, place: str = "f", **more: Any) -> Look:
    by_tool, thread_place = more.get("by_tool", False), more.get("thread_place", "")
    wanted, had, late = (at_ms - late_ms) * MS, at_ms * MS, late_ms * MS
    return Look(wanted, had, late, running_ms * MS, task, place, by_tool, thread_place)


def told(one: Delay) -> dict[tuple[str, str], int]:
    return {key: round(ns / MS) for key, ns in attribute(one).items()}


SLEEPING = [look(10), look(50), look(90)]
COMPUTING = [look(10, 10), look(50, 50), look(90, 90)]


@pytest.mark.parametrize(
    ("one", "causes"),
    [
        (delay(waiting=70, running=30), {(Cause.PROCESSOR, ""): 70, (Cause.BUSY, ""): 30}),
        (delay(throttled=70, running=30), {(Cause.THROTTLED, ""): 70, (Cause.BUSY, ""): 30}),
        (delay(throttled=70, waiting=70, running=30), {(Cause.THROTTLED, ""): 70, (Cause.BUSY, ""): 30}),
        (delay(throttled=40, waiting=60), {(Cause.THROTTLED, ""): 40, (Cause.PROCESSOR, ""): 60}),
        (delay(stolen=90, running=10), {(Cause.STOLEN, ""): 90, (Cause.BUSY, ""): 10}),
        (delay(stolen=500, running=10), {(Cause.STOLEN, ""): 90, (Cause.BUSY, ""): 10}),
        (delay(collecting=80, running=100, looks=COMPUTING), {(Cause.COLLECTION, ""): 80, (Cause.BODY, "f"): 20}),
        (delay(bookkeeping=80, running=100), {(Cause.TOOL, ""): 80, (Cause.BUSY, ""): 20}),
        (delay(looks=SLEEPING), {(Cause.BODY, "f"): 100}),
        (delay(running=100, looks=COMPUTING), {(Cause.BODY, "f"): 100}),
        (delay(looks=[look(50, place="", task=0, late_ms=9)], others=90), {(Cause.THREADS, ""): 100}),
        (delay(others=15), {(Cause.THREADS, ""): 100}),
        (delay(others=1), {(Cause.STOPPED, ""): 100}),
        (delay(looks=[look(99, place="", task=0, late_ms=80)]), {(Cause.STOPPED, ""): 100}),
        (delay(waiting=None, looks=SLEEPING), {(Cause.UNKNOWN, "f"): 100}),
        (delay(waiting=None, running=100, looks=COMPUTING), {(Cause.BODY, "f"): 100}),
    ],
)  # fmt: skip
def test_causes(one: Delay, causes: dict[tuple[str, str], int]) -> None:
    assert told(one) == causes


def test_only_the_late_part_of_the_span_is_explained() -> None:
    assert told(delay(late=50, waiting=40, running=60)) == {(Cause.PROCESSOR, ""): 20, (Cause.BUSY, ""): 30}


def test_many_users_are_not_one_piece_of_code() -> None:
    looks = [look(10 * n, 10 * n, task=n) for n in range(1, 10)]
    assert told(delay(running=100, looks=looks)) == {(Cause.BUSY, ""): 100}


def test_one_call_that_never_gives_the_lock_away_is_seen_once_and_late() -> None:
    looks = [look(98, 98, late_ms=85)]
    assert told(delay(running=100, looks=looks)) == {(Cause.BODY, "f"): 100}


def test_a_late_look_alone_does_not_prove_that() -> None:
    """The thread that had the lock did not run either: it waited for a processor with the lock."""
    looks = [look(98, 20, late_ms=85)]
    assert told(delay(running=20, waiting=80, looks=looks)) == {(Cause.PROCESSOR, ""): 80, (Cause.BUSY, ""): 20}


def test_code_of_this_package_is_the_tools() -> None:
    looks = [look(10, 10, by_tool=True), look(90, 90, by_tool=True)]
    assert told(delay(running=100, looks=looks)) == {(Cause.TOOL, "f"): 100}


def test_a_plain_body_that_computes_is_named() -> None:
    looks = [look(50, place="", task=0, late_ms=9, thread_place="body (test_it.py:3)")]
    assert told(delay(others=90, looks=looks)) == {(Cause.THREADS, "body (test_it.py:3)"): 100}


SPENT = st.integers(0, 200)


@given(st.integers(1, 100), SPENT, st.none() | SPENT, SPENT, SPENT, SPENT, SPENT, SPENT)
def test_together_the_causes_explain_the_lag_and_no_more(
    late: int, running: int, waiting: int | None, others: int, stolen: int, throttled: int, collecting: int, books: int
) -> None:
    one = delay(
        late=late,
        running=min(running, 100),
        waiting=waiting,
        others=others,
        stolen=stolen,
        throttled=throttled,
        collecting=collecting,
        bookkeeping=books,
    )
    found = attribute(one)
    assert all(ns > 0 for ns in found.values())
    assert 0 <= one.late - sum(found.values()) < 10
