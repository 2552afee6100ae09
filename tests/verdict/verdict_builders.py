"""Recordings and plans for the tests of verdicts, without a load generator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_rtmedload.results.histogram import Histogram
from pytest_rtmedload.results.plan import Evidence, Target, TestPlan
from pytest_rtmedload.results.recording import Cell, Clock, Health, Outcome, Phase, Recording, SeriesKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

HEALTH = "GET /health"


class Builder:
    """Adds samples to a recording; latencies in milliseconds."""

    def __init__(self) -> None:
        self.recording = Recording()

    def add(
        self,
        metric: str,
        latencies_ms: Iterable[float],
        outcome: str = Outcome.OK,
        *,
        phase: str = Phase.MEASURE,
        clock: str = Clock.SERVICE,
        second: int = 0,
        lagged: bool = False,
        tag: str = "",
    ) -> Builder:
        """Add samples to one cell."""
        cells = self.recording.cells(SeriesKey(metric, tag, outcome, clock))
        histogram = cells.setdefault(Cell(phase, second, lagged), Histogram())
        for latency in latencies_ms:
            histogram.record(round(latency * 1000))
        return self

    def spread(self, metric: str, latencies_ms: Sequence[float], seconds: int, outcome: str = Outcome.OK) -> Builder:
        """Add samples in equal parts to consecutive seconds."""
        for second in range(seconds):
            self.add(metric, latencies_ms[second::seconds], outcome, second=second)
        return self


def plan(*targets: Target, **changes: Any) -> TestPlan:
    """A closed test with 10 s of measured time, judged strictly."""
    facts: dict[str, Any] = {
        "nodeid": "tests/load/api/test_health.py::test_health",
        "group": "api",
        "model": "closed",
        "users": 10,
        "phases": {Phase.RAMP: (0.0, 1.0), Phase.MEASURE: (1.0, 11.0)},
        "evidence": Evidence.STRICT,
        "targets": targets,
    }
    return TestPlan(**facts | changes)


def p(name: str, limit: float, metric: str = HEALTH) -> Target:
    """A limit on a metric."""
    return Target(metric, name, limit)


def lagging(lost: float, users: int = 10, seconds: int = 10) -> Health:
    """A closed test of back-to-back requests of 20 ms whose users lost this share of their time to lag."""
    requests, ticks = 50 * users * seconds, 100 * seconds
    late_us = round(lost * 20_000)  # of an event at any moment; each request ends with one
    health = Health(
        measured_ns=seconds * 10**9,
        lagging_ns=seconds * 9 * 10**8,
        late_us=late_us * ticks,
        iterations=requests,
        operations=requests,
        iterating_ns=requests * 20_000_000,
    )
    for _ in range(ticks):
        health.lag.record(late_us)
    return health


def errors(limit: float, metric: str = "") -> Target:
    """A limit on a share of errors."""
    return Target(metric, "errors", limit)
