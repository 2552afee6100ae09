"""The offset of two clocks is found to within half a round trip, and not imagined where there is none."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pytest_rtmedload.shards.clocks import ClockExchange, offset_ns

delays = st.integers(0, 50_000_000)


def exchange(offset: int, there: int, back: int) -> ClockExchange:
    return ClockExchange(asked=1_000, answered=1_000 + there + offset, heard=1_000 + there + back)


@given(st.lists(st.tuples(delays, delays), min_size=1, max_size=5))
def test_one_clock_has_no_offset(trips: list[tuple[int, int]]) -> None:
    assert offset_ns(exchange(0, there, back) for there, back in trips) == 0


@given(st.integers(-(10**18), 10**18), st.lists(st.tuples(delays, delays), min_size=1, max_size=5))
def test_two_clocks_are_known_to_half_the_shortest_round_trip(offset: int, trips: list[tuple[int, int]]) -> None:
    found = offset_ns(exchange(offset, there, back) for there, back in trips)
    assert abs(found - offset) <= min(there + back for there, back in trips) + 1
