"""An empty iteration: what the generator adds to every run of a body. Must reach: at most 5 µs."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from pytest_rtmedload.measure.recorder import Recorder
from pytest_rtmedload.results.names import ITERATION
from pytest_rtmedload.results.recording import Phase
from pytest_rtmedload.spec.load_spec import LoadSpec
from pytest_rtmedload.users.fan_out import LOAD, FanOut
from pytest_rtmedload.users.shared_context import SharedContext

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

USERS, ITERATIONS = 5, 4_000


async def empty(load: Any) -> None:
    pass


async def run_all() -> None:
    spec = LoadSpec("benchmark", "custom", users=USERS, duration=60, iterations=ITERATIONS)
    recorder = Recorder()
    users = FanOut(empty, {"load": LOAD}, spec, recorder, SharedContext(None, 1, 30.0))  # type: ignore[arg-type]
    recorder.start(time.perf_counter_ns(), {Phase.MEASURE: (0.0, 60.0)})
    users.allowed = USERS
    users.open_line()
    for index in range(USERS):
        users.start_user(index)
    while not users.finished:
        await users.changed(at_most=1.0)
    recording = recorder.drain(time.perf_counter_ns(), final=True)
    assert recording.histogram(ITERATION).count == USERS * ITERATIONS


def test_empty_iteration(benchmark: BenchmarkFixture) -> None:
    benchmark.pedantic(lambda: asyncio.run(run_all()), rounds=15, warmup_rounds=2)
    cost = benchmark.stats.stats.median / (USERS * ITERATIONS) * 1e6
    benchmark.extra_info["us_per_iteration"] = cost
    print(f"\nan empty iteration costs {cost:.2f} µs, drain included (must reach: 5 µs)")
