"""Two tables for spreadsheets: metrics, and the time line. Columns never change order; no value is an empty cell."""

from __future__ import annotations

import csv
import io
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_rtmedload.results.model import MetricResult, RunResult, TestResult

Cell = str | int | float | None

_LATENCIES = ("min_ms", "mean_ms", "p50_ms", "p90_ms", "p95_ms", "p99_ms", "p999_ms", "max_ms")
METRIC_COLUMNS = (
    "nodeid",
    "group",
    "verdict",
    "metric",
    "tag",
    "count",
    "failed",
    "censored",
    "rate_per_s",
    *_LATENCIES,
)
_SECOND = ("count", "failed", "censored", "p50_ms", "p95_ms", "p99_ms", "max_ms")
TIMELINE_COLUMNS = ("nodeid", "second", "phase", "users", "metric", *_SECOND)


def metrics_csv(run: RunResult) -> str:
    """One row per test, metric and tag (empty: over all tags). Latencies in ms, `rate_per_s` of ok and failed."""
    return _table(METRIC_COLUMNS, (row for test in run.tests for row in _metric_rows(test)))


def timeline_csv(run: RunResult) -> str:
    """One row per test, second and metric. A second without samples keeps one row: its users count."""
    return _table(TIMELINE_COLUMNS, (row for test in run.tests for row in _timeline_rows(test)))


def metric_rate(test: TestResult, metric: MetricResult) -> float | None:
    """Operations that ended, well or not, per second of the measured phase."""
    return (metric.count + metric.failed) / test.duration_s if test.duration_s > 0 else None


def _metric_rows(test: TestResult) -> Iterator[list[Cell]]:
    for tag, metrics in {"": test.metrics, **test.tags}.items():
        for name, metric in metrics.items():
            yield [
                test.nodeid,
                test.group,
                test.verdict.value,
                name,
                tag,
                metric.count,
                metric.failed,
                metric.censored,
                metric_rate(test, metric),
                *(getattr(metric, column) for column in _LATENCIES),
            ]


def _timeline_rows(test: TestResult) -> Iterator[list[Cell]]:
    for point in test.timeline:
        start: list[Cell] = [test.nodeid, point.second, point.phase, point.users]
        if not point.metrics:
            yield [*start, *[None] * (len(TIMELINE_COLUMNS) - len(start))]
        for name, metric in point.metrics.items():
            yield [*start, name, *(getattr(metric, column) for column in _SECOND)]


def _table(header: Iterable[str], rows: Iterable[list[Cell]]) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue()


def _cell(value: Cell) -> Cell:
    if not isinstance(value, float):
        return value
    return round(value, 6) if math.isfinite(value) else None
