"""The health probe: a ticker with absolute deadlines, moved by hand."""

import asyncio
import gc

import pytest

from pytest_rtmedload.measure.health import TICK_NS, HealthProbe

MS = 1_000_000


class Clock:
    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def probe_at_work(loop: asyncio.AbstractEventLoop, clock: Clock, windows: list[tuple[int, int]]) -> HealthProbe:
    probe = HealthProbe(loop, 15 * MS, lambda begin, end: windows.append((begin, end)), clock=clock)
    probe.start()
    probe.measure(on=True)
    return probe


def test_missed_ticks_are_filled_in_with_the_lateness_they_would_have_had(loop: asyncio.AbstractEventLoop) -> None:
    clock, windows = Clock(), []
    probe = probe_at_work(loop, clock, windows)
    for _ in range(10):
        clock.now += TICK_NS
        probe.tick(clock.now)
    clock.now += 600 * MS  # one block of 600 ms
    probe.tick(clock.now)
    lag = probe.take().lag
    assert lag.count == 70  # 700 ms, a tick for each 10 ms
    assert lag.percentile(0.99) == pytest.approx(590_000, rel=0.02)
    assert lag.percentile(0.5) == pytest.approx(240_000, rel=0.1)
    probe.stop()


def test_lag_above_the_limit_is_reported_with_its_window_and_its_length(loop: asyncio.AbstractEventLoop) -> None:
    clock, windows = Clock(), []
    probe = probe_at_work(loop, clock, windows)
    clock.now = 20 * MS  # 10 ms late: below the limit
    probe.tick(clock.now)
    clock.now = 90 * MS  # due at 30 ms
    probe.tick(clock.now)
    assert windows == [(30 * MS, 90 * MS)]
    assert probe.take().lagging_ns == 60 * MS
    probe.stop()


def test_only_the_measured_phase_counts(loop: asyncio.AbstractEventLoop) -> None:
    clock, windows = Clock(), []
    probe = HealthProbe(loop, 15 * MS, lambda begin, end: windows.append((begin, end)), clock=clock)
    probe.start()
    clock.now = 300 * MS
    probe.tick(clock.now)
    health = probe.take()
    assert (health.lag.count, health.lagging_ns, health.measured_ns) == (0, 0, 0)
    assert windows  # samples of other phases are marked all the same
    probe.stop()


def test_garbage_collections_are_timed_and_the_callback_is_removed(loop: asyncio.AbstractEventLoop) -> None:
    before = list(gc.callbacks)
    clock, windows = Clock(), []
    probe = probe_at_work(loop, clock, windows)
    gc.callbacks[-1]("start", {})
    clock.now += 7 * MS
    gc.callbacks[-1]("stop", {})
    health = probe.take()
    assert health.gc_pause_ns >= 7 * MS
    assert health.gc_longest_ns >= 7 * MS
    probe.stop()
    assert gc.callbacks == before


def test_a_blocked_event_loop_is_seen() -> None:
    async def block() -> float:
        probe = HealthProbe(asyncio.get_running_loop(), 15 * MS, lambda _begin, _end: None)
        probe.start()
        probe.measure(on=True)
        await asyncio.sleep(0.03)
        deadline = asyncio.get_running_loop().time() + 0.2
        while asyncio.get_running_loop().time() < deadline:
            pass
        await asyncio.sleep(0.03)
        probe.stop()
        return probe.take().lag.max_us / 1000

    assert asyncio.run(block()) >= 150


def test_a_clock_that_jumps_is_seen_and_does_not_hang_the_probe(loop: asyncio.AbstractEventLoop) -> None:
    clock, windows = Clock(), []
    probe = probe_at_work(loop, clock, windows)
    clock.now += 10**15  # eleven days
    probe.tick(clock.now)
    assert windows == [(TICK_NS, 10**15)]
    health = probe.take()
    assert health.lag.count <= 6_001
    assert health.lagging_ns >= 9 * 10**14
    clock.now += TICK_NS
    probe.tick(clock.now)
    assert probe.take().lag.count == 1
    probe.stop()
