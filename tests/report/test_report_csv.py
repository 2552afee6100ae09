from __future__ import annotations

import csv
import dataclasses
import io
from typing import TYPE_CHECKING

import pytest

from pytest_rtmedload.report.csv_report import METRIC_COLUMNS, TIMELINE_COLUMNS, metrics_csv, timeline_csv

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_rtmedload.results.model import RunResult, TestResult


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_headers_are_stable() -> None:
    assert ",".join(METRIC_COLUMNS) == (
        "nodeid,group,verdict,metric,tag,count,failed,censored,rate_per_s,"
        "min_ms,mean_ms,p50_ms,p90_ms,p95_ms,p99_ms,p999_ms,max_ms"
    )
    assert ",".join(TIMELINE_COLUMNS) == (
        "nodeid,second,phase,users,metric,count,failed,censored,p50_ms,p95_ms,p99_ms,max_ms"
    )


def test_one_row_per_test_metric_and_tag(failing: RunResult) -> None:
    table = rows(metrics_csv(failing))
    mine = [row for row in table if row["nodeid"].endswith("test_start_call")]
    assert [(row["metric"], row["tag"]) for row in mine] == [
        ("iteration", ""),
        ("POST /api/call", ""),
        ("iteration", "chest pain"),
    ]
    expected = failing.tests[3].metrics["iteration"].p95_ms
    assert float(mine[0]["p95_ms"]) == expected
    assert float(mine[0]["rate_per_s"]) == pytest.approx((1099 + 98) / 16)
    assert (mine[0]["verdict"], mine[0]["failed"], mine[0]["censored"]) == ("FAIL", "98", "3")


def test_what_was_not_measured_is_an_empty_cell(nothing: RunResult) -> None:
    row = rows(metrics_csv(nothing))[0]
    assert (row["count"], row["rate_per_s"], row["min_ms"], row["p95_ms"]) == ("0", "", "", "")


def test_time_line_has_every_second_of_every_metric(failing: RunResult) -> None:
    table = rows(timeline_csv(failing))
    assert len(table) == sum(len(point.metrics) for test in failing.tests for point in test.timeline)
    second = next(row for row in table if row["nodeid"].endswith("test_start_call") and row["second"] == "13")
    assert (second["phase"], second["users"], second["metric"]) == ("measure", "10", "iteration")
    assert int(second["failed"]) == failing.tests[3].timeline[13].metrics["iteration"].failed


def test_a_second_without_samples_keeps_its_users(
    build_run: Callable[..., RunResult], build_test: Callable[..., TestResult], green: RunResult
) -> None:
    silent = dataclasses.replace(green.tests[0].timeline[0], metrics={}, users=7)
    table = rows(timeline_csv(build_run([build_test(timeline=[silent])])))
    assert [(row["users"], row["metric"], row["count"]) for row in table] == [("7", "", "")]


def test_strange_names_survive(hostile: RunResult) -> None:
    assert rows(metrics_csv(hostile))[0]["nodeid"] == hostile.tests[0].nodeid
    assert rows(timeline_csv(hostile))[0]["metric"] == "<script>alert('x')</script>"


def test_an_empty_run_is_a_header(empty: RunResult) -> None:
    assert metrics_csv(empty) == ",".join(METRIC_COLUMNS) + "\n"
    assert timeline_csv(empty) == ",".join(TIMELINE_COLUMNS) + "\n"
