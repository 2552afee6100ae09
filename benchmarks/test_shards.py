"""Several processes: how much more load they make, how close together they begin, and what shipping results costs.

Must reach, on two idle cores: `-n 2` makes at least 1.8 times the rate of one process with a body that needs the
processor and 1.3 times with `load.http`, whose server takes its share of the same two cores; first iterations within
10 ms; shipping at most 2 % of a generator's processor time.
"""

from __future__ import annotations

import json
import os
import pickle
import random
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_rtmedload.measure.recorder import NS, Recorder, warm_up
from pytest_rtmedload.results.names import ITERATION
from pytest_rtmedload.results.recording import Outcome, Phase, SeriesKey

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVER = Path(__file__).parent / "servers" / "canned_http.py"
SECONDS, RATE = 3, 10_000
BODIES = {
    "a busy body": """
import asyncio, pytest

@pytest.mark.load(users=8, think=0)
async def test_work(load):
    sum(range(40_000))
    await asyncio.sleep(0)
""",
    "load.http": """
import os, pytest

@pytest.mark.load(users=50, think=0)
async def test_work(load):
    await load.http.get(os.environ["CANNED"] + "/health")
""",
}


@contextmanager
def serving() -> Iterator[str]:
    """The address of a server that answers every request alike, in a process of its own."""
    command = [sys.executable, str(SERVER)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        process.stdin.close()


def run(folder: Path, body: str, *how: str) -> dict[str, Any]:
    """The JSON entry of a load test with the body."""
    (folder / "test_work.py").write_text(BODIES[body])
    (folder / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    sizes = ["--load-ramp=0", "--load-warmup=0", f"--load-duration={SECONDS}s", "--load-evidence=point"]
    command = [sys.executable, "-m", "pytest", "-q", "-m", "load", "-p", "no:cacheprovider", *sizes, *how]
    with serving() as url:
        subprocess.run(command, cwd=folder, check=False, stdout=subprocess.DEVNULL, env=os.environ | {"CANNED": url})
    report = json.loads((folder / "results" / "load_test_report_latest.json").read_text())
    test: dict[str, Any] = report["tests"][-1]
    return test


def per_cpu_second(test: dict[str, Any]) -> float:
    """Iterations for each second of processor time: what a busy machine does not spoil."""
    shards = test["generator"]["shards"] or [test["generator"]]
    return float(test["rate"]) / sum(shard["thread_cpu_percent"] / 100 for shard in shards)


@pytest.mark.parametrize(("body", "must_reach"), [("a busy body", 1.8), ("load.http", 1.3)])
def test_two_processes_make_more_load_than_one(tmp_path: Path, body: str, must_reach: float) -> None:
    one, two = run(tmp_path, body, "-n0"), run(tmp_path, body, "-n2")
    ratio, skew = two["rate"] / one["rate"], two["generator"]["skew_ms"]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(
        f"\n{body}, two processes on {cores} cores (must reach {must_reach} times): {two['rate']:,.0f} iterations/s, "
        f"{ratio:.2f} times the {one['rate']:,.0f} of one; per processor second "
        f"{per_cpu_second(two) / per_cpu_second(one):.2f} times; first iterations within {skew:.2f} ms"
    )
    assert two["shards"] == 2
    assert not one["errors"]
    assert not two["errors"]
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
            appenders[number % 3]((start, start, start + round(source.lognormvariate(16.5, 0.7)), number % 50))
        delta = recorder.drain((second + 1) * NS)
        begin = time.thread_time_ns()
        shipped = pickle.dumps(("samples", {"recording": delta}))
        spent, size = spent + time.thread_time_ns() - begin, len(shipped)
    share = spent / (SECONDS * NS)
    print(f"\nshipping {RATE:,} samples/s: {size / 1000:.0f} kB a second, {share:.2%} of a core")
    assert share < 0.02
