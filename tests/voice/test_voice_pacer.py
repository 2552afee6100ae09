from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_rtmedload.voice.pacer import FRAME_NS, SLOTS, Pacer

MS = 1_000_000
START = 12_345_678_901


@dataclass
class Timer:
    due_ns: int
    callback: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


@dataclass
class FakeLoop:
    """An event loop whose clock goes on when the test says so."""

    now: int = START
    timers: list[Timer] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)
    most_timers: int = 0

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        self.timers.append(Timer(self.now + max(round(seconds * 1e9), 0), callback))
        self.most_timers = max(self.most_timers, len(self.pending))
        return self.timers[-1]

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.errors.append(context)

    @property
    def pending(self) -> list[Timer]:
        self.timers = [timer for timer in self.timers if not timer.cancelled]
        return self.timers

    def run_until(self, end: int, late: Callable[[], int] = lambda: 0) -> None:
        """Ring what is due, each timer so much too late."""
        while self.pending and min(timer.due_ns for timer in self.pending) <= end:
            timer = min(self.pending, key=lambda one: one.due_ns)
            self.timers.remove(timer)
            self.now = max(self.now, timer.due_ns + late())
            timer.callback()
        self.now = max(self.now, end)


@dataclass(eq=False)
class Speaker:
    """Somebody who speaks, and may do something else when it is his turn."""

    loop: FakeLoop
    then: Callable[[], None] = lambda: None
    sent: list[int] = field(default_factory=list)

    def frame_due(self, now_ns: int, stamp: bytes) -> None:
        assert now_ns == self.loop.now
        assert len(stamp) == len(b"2026-01-31T12:00:00.020Z")
        self.sent.append(now_ns)
        self.then()


@dataclass
class Stage:
    """A pacer on a fake loop, and what it reports."""

    loop: FakeLoop = field(default_factory=FakeLoop)
    reports: list[tuple[int, int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.pacer = Pacer(
            cast("asyncio.AbstractEventLoop", self.loop),
            lambda *report: self.reports.append(report),
            lambda: self.loop.now,
        )

    def speaker(self, then: Callable[[], None] = lambda: None) -> Speaker:
        speaker = Speaker(self.loop, then)
        self.pacer.join(speaker)
        return speaker


def test_ten_thousand_frames_do_not_drift() -> None:
    stage = Stage()
    speaker = stage.speaker()
    stage.loop.run_until(START + 10_000 * FRAME_NS, late=lambda: 700_000)
    sent = speaker.sent[:10_000]
    assert len(sent) == 10_000
    assert {at - sent[0] - k * FRAME_NS for k, at in enumerate(sent)} == {0}
    assert stage.loop.most_timers == 1


def test_a_stall_is_made_up_for_and_its_lateness_told() -> None:
    stage = Stage()
    speaker = stage.speaker()
    stage.loop.run_until(START + 100 * FRAME_NS)
    before, stage.reports = len(speaker.sent), []
    stage.loop.now += 1_000 * MS  # nothing runs
    stage.loop.run_until(stage.loop.now + 1)
    assert len(speaker.sent) - before == 50
    lateness = [sent - due for due, sent, _ in stage.reports]
    assert max(lateness) >= 980 * MS
    assert lateness == sorted(lateness, reverse=True)
    assert [count for *_, count in stage.reports] == [1] * 50


def test_reading_has_its_turn_even_when_sending_can_never_keep_up() -> None:
    """Each frame costs more than it lasts: every round still ends, and leaves a timer to go on with."""
    stage = Stage()

    def costly() -> None:
        stage.loop.now += 30 * MS

    speaker = stage.speaker(costly)
    for _ in range(5):
        (timer,) = stage.loop.pending
        stage.loop.timers.clear()
        before = len(speaker.sent)
        stage.loop.now = max(stage.loop.now, timer.due_ns)
        timer.callback()
        assert len(speaker.sent) - before <= SLOTS
    assert speaker.sent


def test_calls_are_spread_over_the_20_ms() -> None:
    stage = Stage()
    speakers = [stage.speaker() for _ in range(2 * SLOTS)]
    stage.loop.run_until(START + 1_000 * MS)
    times = [speaker.sent[-1] % FRAME_NS for speaker in speakers]
    assert sorted(times.count(time) for time in set(times)) == [2] * SLOTS
    assert stage.loop.most_timers == 1


def test_nobody_speaks_no_timer() -> None:
    stage = Stage()
    one, other = stage.speaker(), stage.speaker()
    stage.pacer.leave(one)
    assert len(stage.loop.pending) == 1
    stage.pacer.leave(other)
    stage.pacer.leave(other)
    assert stage.loop.pending == []
    late = stage.speaker()
    stage.loop.run_until(START + 1_000 * MS)
    assert (one.sent, other.sent) == ([], [])
    assert len(late.sent) in (50, 51)


def test_to_leave_and_to_join_while_it_is_ones_turn() -> None:
    stage = Stage()
    joined: list[Speaker] = []

    def replaced() -> None:
        stage.pacer.leave(speaker)
        joined.append(stage.speaker())

    speaker = stage.speaker(replaced)
    stage.loop.run_until(START + 200 * MS)
    assert len(speaker.sent) == len(joined) == 1
    assert len(joined[0].sent) >= 9
    assert stage.loop.most_timers == 1


def test_who_joins_after_a_stall_owes_nothing_for_it() -> None:
    stage = Stage()
    old = stage.speaker()
    stage.loop.run_until(START + 100 * MS)
    before = len(old.sent)
    stage.loop.now += 500 * MS
    new = stage.speaker()
    joined = stage.loop.now
    stage.loop.run_until(joined + 100 * MS)
    assert len(old.sent) - before == 30
    assert len(new.sent) == 5
    assert all(late - early == FRAME_NS for early, late in zip(new.sent, new.sent[1:], strict=False))


def test_one_who_fails_silences_nobody_else() -> None:
    stage = Stage()

    def broken() -> None:
        raise ZeroDivisionError

    failing, other = stage.speaker(broken), stage.speaker()
    stage.loop.run_until(START + 1_000 * MS)
    assert len(failing.sent) == 1
    assert len(other.sent) >= 49
    assert [type(error["exception"]) for error in stage.loop.errors] == [ZeroDivisionError]


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["join", "leave", "wait", "stall"]), st.integers(0, 90)), max_size=40))
def test_whatever_happens_each_has_all_frames_since_it_joined(steps: list[tuple[str, int]]) -> None:
    stage = Stage()
    present: list[tuple[Speaker, int]] = []
    for step, number in steps:
        if step == "join":
            present.append((stage.speaker(), stage.loop.now))
        elif step == "leave" and present:
            stage.pacer.leave(present.pop(number % len(present))[0])
        elif step == "wait":
            stage.loop.run_until(stage.loop.now + number * MS)
        elif step == "stall":
            stage.loop.now += number * MS
    stage.loop.run_until(stage.loop.now)
    for speaker, since in present:
        assert len(speaker.sent) in ((stage.loop.now - since) // FRAME_NS, (stage.loop.now - since) // FRAME_NS + 1)
    assert len(stage.loop.pending) == bool(present)
    assert stage.loop.most_timers <= 1
    assert all(sent >= due and count for due, sent, count in stage.reports)
