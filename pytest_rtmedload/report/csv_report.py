"""Two tables for spreadsheets: metrics, and the time line. Columns never change order; no value is an empty cell."""

from __future__ import annotations

import csv
import io
import math
from typing import TYPE_CHECKING

from pytest_rtmedload.report import phrases

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_rtmedload.results.model import MetricResult, RunResult, TestResult
    from pytest_rtmedload.results.outcomes import TestOutcome

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
    """One row per test, metric and tag (empty: over all tags). Latencies in ms, `rate_per_s` of ok and failed.

    A test without measurements has one row without a metric. Runs that were superseded by a second one are left out, so
    that a sum over rows is one over operations.
    """
    rows = [row for test in _counting(run) for row in _metric_rows(test)]
    rest = [_row_of(outcome) for outcome in phrases.unmeasured(run)]
    return _table(METRIC_COLUMNS, [*rows, *rest])


def timeline_csv(run: RunResult) -> str:
    """One row per test, second and metric. A second without samples keeps one row: its users count."""
    return _table(TIMELINE_COLUMNS, (row for test in _counting(run) for row in _timeline_rows(test)))


def metric_rate(test: TestResult, metric: MetricResult) -> float | None:
    """Operations that ended, well or not, per second of the measured phase."""
    return (metric.count + metric.failed) / test.duration_s if test.duration_s > 0 else None


def _counting(run: RunResult) -> list[TestResult]:
    return [test for test in run.tests if not test.superseded]


def _row_of(outcome: TestOutcome) -> list[Cell]:
    start: list[Cell] = [outcome.nodeid, None, phrases.outcome_word(outcome)]
    return [*start, *[None] * (len(METRIC_COLUMNS) - len(start))]


def _metric_rows(test: TestResult) -> Iterator[list[Cell]]:
    if not test.metrics:
        yield [test.nodeid, test.group, phrases.word(test), *[None] * (len(METRIC_COLUMNS) - 3)]
    for tag, metrics in {"": test.metrics, **test.tags}.items():
        for name, metric in metrics.items():
            yield [
                test.nodeid,
                test.group,
                phrases.word(test),
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
