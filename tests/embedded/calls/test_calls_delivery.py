from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from pytest_rtmedload.embedded.calls.delivery import pieces
from pytest_rtmedload.embedded.calls.lines import speech

REPLY = speech("chest_pain_1_reply")
CHUNK = 20_000_000
COUNT = -(-REPLY.length_ns // CHUNK)


@given(
    chunk=st.integers(1_000_000, 2 * REPLY.length_ns),
    realtime=st.booleans(),
    stall=st.integers(0, 5_000_000_000),
    half=st.booleans(),
)
def test_every_chunk_is_delivered_once_and_in_order(chunk: int, realtime: bool, stall: int, half: bool) -> None:
    found = list(pieces(REPLY, chunk, realtime=realtime, stall=stall, half=half))
    count = -(-REPLY.length_ns // chunk)
    assert found[0][1].first == 0
    assert found[-1][1].end == ((count + 1) // 2 if half else count)
    assert all(one.end == other.first for (_, one), (_, other) in itertools.pairwise(found))
    assert [due for due, _ in found] == sorted(due for due, _ in found)
    assert sum(piece.sound_ns for _, piece in found) == found[-1][1].end * chunk


def test_a_burst_is_one_piece() -> None:
    [(due, piece)] = pieces(REPLY, CHUNK)
    assert (due, piece.first, piece.end) == (0, 0, COUNT)


def test_in_real_time_a_chunk_is_due_when_it_sounds() -> None:
    assert [due for due, _ in pieces(REPLY, CHUNK, realtime=True)] == [index * CHUNK for index in range(COUNT)]


def test_a_stall_is_a_gap_in_the_middle() -> None:
    first, second = pieces(REPLY, CHUNK, stall=3_000_000_000)
    assert second[0] - first[0] == 3_000_000_000
    steady = [due for due, _ in pieces(REPLY, CHUNK, realtime=True)]
    stalled = [due for due, _ in pieces(REPLY, CHUNK, realtime=True, stall=1_000_000_000)]
    late = [after - before for before, after in zip(steady, stalled, strict=True)]
    assert late == [0] * ((COUNT + 1) // 2) + [1_000_000_000] * (COUNT // 2)
