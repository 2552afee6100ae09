"""Several processes: how much more load they make, how close together they begin, and what shipping results costs.

Must reach, on two idle cores: `-n 2` makes at least 1.8 times the rate of one process with a body that needs the
processor, first iterations within 10 ms, shipping at most 2 % of a generator's processor time.
"""

from __future__ import annotations

import json
import os
import pickle
import random
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from pytest_rtmedload.measure.recorder import NS, Recorder, warm_up
from pytest_rtmedload.results.names import ITERATION
from pytest_rtmedload.results.recording import Outcome, Phase, SeriesKey

if TYPE_CHECKING:
    from pathlib import Path

SECONDS, RATE = 3, 10_000
BODY = """
import asyncio, pytest

@pytest.mark.load(users=8, think=0)
async def test_busy(load):
    sum(range(40_000))
    await asyncio.sleep(0)
"""


def run(folder: Path, *how: str) -> dict[str, Any]:
    """The JSON entry of a load test with a body that needs the processor."""
    (folder / "test_busy.py").write_text(BODY)
    (folder / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    sizes = ["--load-ramp=0", "--load-warmup=0", f"--load-duration={SECONDS}s", "--load-evidence=point"]
    command = [sys.executable, "-m", "pytest", "-q", "-m", "load", "-p", "no:cacheprovider", *sizes, *how]
    subprocess.run(command, cwd=folder, check=False, stdout=subprocess.DEVNULL)
    report = json.loads((folder / "results" / "load_test_report_latest.json").read_text())
    test: dict[str, Any] = report["tests"][-1]
    return test


def per_cpu_second(test: dict[str, Any]) -> float:
    """Iterations for each second of processor time: what a busy machine does not spoil."""
    shards = test["generator"]["shards"] or [test["generator"]]
    return float(test["rate"]) / sum(shard["thread_cpu_percent"] / 100 for shard in shards)


def test_two_processes_make_more_load_than_one(tmp_path: Path) -> None:
    one, two = run(tmp_path, "-n0"), run(tmp_path, "-n2")
    ratio, skew = two["rate"] / one["rate"], two["generator"]["skew_ms"]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(
        f"\ntwo processes on {cores} cores: {two['rate']:,.0f} iterations/s, {ratio:.2f} times the {one['rate']:,.0f} "
        f"of one; per processor second {per_cpu_second(two) / per_cpu_second(one):.2f} times; first iterations within "
        f"{skew:.2f} ms"
    )
    assert two["shards"] == 2
    assert ratio > 1.0


def test_shipping() -> None:
    warm_up()
    source, recorder = random.Random(1), Recorder()
    recorder.start(0, {Phase.MEASURE: (0.0, 60.0)})
    appenders = [recorder.appender(SeriesKey(name, "", Outcome.OK)) for name in (ITERATION, "GET /a", "GET /b")]
    spent = size = 0
    for second in range(SECONDS):
        for number in range(RATE):
            start = second * NS + number * NS // RATE
            appenders[number % 3]((start, start, start + round(source.lognormvariate(16.5, 0.7))))
        delta = recorder.drain((second + 1) * NS)
        begin = time.thread_time_ns()
        shipped = pickle.dumps(("samples", {"recording": delta}))
        spent, size = spent + time.thread_time_ns() - begin, len(shipped)
    share = spent / (SECONDS * NS)
    print(f"\nshipping {RATE:,} samples/s: {size / 1000:.0f} kB a second, {share:.2%} of a core")
    assert share < 0.02
