from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pytest_rtmedload.voice.playback import Playback

FRAME = 20


def test_what_comes_in_a_burst_sounds_one_after_the_other() -> None:
    playback = Playback()
    assert [playback.place(1000, FRAME) for _ in range(3)] == [1000, 1020, 1040]
    assert playback.end_ns == 1060


def test_what_comes_late_sounds_when_it_comes() -> None:
    playback = Playback()
    playback.place(1000, FRAME)
    assert playback.place(1500, FRAME) == 1500


def test_a_flush_forgets_what_has_not_sounded() -> None:
    playback = Playback()
    playback.place(1000, 500)
    assert playback.flush(1200) == 1200
    assert playback.place(1210, FRAME) == 1210


def test_a_flush_after_the_end_tells_when_the_end_was() -> None:
    playback = Playback()
    playback.place(1000, FRAME)
    assert playback.flush(3000) == 1020


def test_it_is_silent_once_all_has_sounded() -> None:
    playback = Playback()
    assert playback.silent(0)
    playback.place(1000, 100)
    assert [playback.silent(at) for at in (1000, 1099, 1100)] == [False, False, True]
    assert [playback.silent(at, for_ns=50) for at in (1149, 1150)] == [False, True]


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 300), st.booleans())))
def test_sounds_never_overlap_and_never_come_before_they_arrive(arrivals: list[tuple[int, int, bool]]) -> None:
    playback, now, heard_until = Playback(), 1, 0
    for gap, duration, flush in arrivals:
        now += gap
        if flush:
            heard_until = min(heard_until, now)
            assert playback.flush(now) == heard_until
        begin = playback.place(now, duration)
        assert begin == max(now, heard_until)
        heard_until = begin + duration
        assert playback.end_ns == heard_until
