"""The live view: what one update costs the event loop that makes the load. Must reach: below 2 ms and 1 % of a core.

An update is one shipment of a second's samples, added up, and the rows painted of it, on a terminal that takes them at
once. Processor time, as wall time on a busy machine varies by more. Shipments come once a second from each test; at
most 4 updates are painted a second.
"""

from __future__ import annotations

import io
import os
import random
import statistics
import time

import numpy as np  # noqa: F401 - as where load is made: not a part of the first update

from pytest_rtmedload.live.observer import RunWatch
from pytest_rtmedload.live.terminal import SHORTEST_INTERVAL_S, TerminalView
from pytest_rtmedload.results.histogram import Histogram
from pytest_rtmedload.results.plan import Target
from pytest_rtmedload.results.recording import Cell, Phase, Recording, SeriesKey
from pytest_rtmedload.spec.load_spec import LoadSpec

SECONDS, RATE, TESTS = 120, 2000, 4
METRICS = ("iteration", "POST /api/call", "GET /api/call/{id}", "voice.loop")


class Terminal(io.StringIO):
    """Takes everything at once."""

    encoding = "utf-8"


def shipment(second: int, draw: random.Random) -> Recording:
    """What a test with four metrics ships in a second."""
    recording = Recording()
    for metric in METRICS:
        histogram = Histogram()
        for _ in range(RATE // len(METRICS)):
            histogram.record(int(50_000 * draw.lognormvariate(0, 0.5)))
        recording.cells(SeriesKey(metric))[Cell(Phase.MEASURE, second)] = histogram
    recording.health.lag.record(1_400, 100)
    recording.health.measured_ns = 1_000_000_000
    return recording


def updates_ms(tests: int) -> list[float]:
    """Milliseconds of processor time of each update, with so many tests under way."""
    draw, now = random.Random(1), 0.0
    targets = tuple(Target(metric, name, 150.0) for metric in METRICS for name in ("p95", "p99"))
    targets += (Target("", "errors", 0.05),)
    specs = [LoadSpec(f"a.py::test_{i}", "api", 10, float(SECONDS), targets=targets) for i in range(tests)]
    shipments = [shipment(second, draw) for second in range(SECONDS)]
    watch = RunWatch(TerminalView(Terminal(), clock=lambda: now, size=lambda: os.terminal_size((120, 40))))
    for spec in specs:
        watch.started(spec, float(SECONDS))
    spent = []
    for second, delta in enumerate(shipments):
        for spec in specs:
            now += SHORTEST_INTERVAL_S
            begin = time.thread_time()
            watch.progressed(spec, "measure", float(second + 1), 10, delta)
            spent.append(1000 * (time.thread_time() - begin))
    return spent


def test_an_update() -> None:
    for tests in (1, TESTS):
        spent = updates_ms(tests)
        middle, most = statistics.median(spent), sorted(spent)[int(0.99 * len(spent))]
        share = sum(spent) / (10 * SECONDS)  # ms of SECONDS, as per cent
        print(
            f"\n{tests} under way: an update takes {middle:.2f} ms (99 % below {most:.2f} ms), {share:.2f} % of a core"
        )
        assert share < 5
