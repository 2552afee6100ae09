"""`--load-samples`: every sample of every process, and what a killed run had."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import LoadRun
from tests.plugin.test_endings import begin, wait_for

FILE = """
import asyncio, pytest

@pytest.mark.load(users=4, iterations=50)
async def test_closed(load):
    load.tag("kind", "a")
    with load.measure("wait"):
        await asyncio.sleep(0.001)

@pytest.mark.load(rate=100, duration="300ms")
async def test_open(load):
    with load.measure("wait"):
        await asyncio.sleep(0.001)
"""


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "results" / "load_test_report_latest_samples.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_every_sample_of_every_process_is_a_row(load_run_of: LoadRun) -> None:
    load_run_of.file(test_it=FILE)
    sizes = ("--suite=smoke", "--load-samples", "-p", "xdist", "-n2")
    load_run_of("-m", "load", sizes=sizes, subprocess=True).assert_outcomes(passed=2)
    found = rows(load_run_of.pytester.path)
    counted = Counter((row["nodeid"], row["metric"]) for row in found if row["phase"] == "measure")
    tests = load_run_of.result()["tests"]
    assert counted == {(t["nodeid"], name): m["count"] for t in tests for name, m in t["metrics"].items()}
    closed = [row for row in found if row["nodeid"] == "test_it.py::test_closed"]
    assert {row["user"] for row in closed} == {"0", "1", "2", "3"}
    assert {row["tag"] for row in closed} == {"kind=a"}
    assert {row["response_ms"] == "" for row in closed} == {True}
    assert all(float(row["response_ms"]) >= float(row["latency_ms"]) for row in found if row not in closed)


def test_without_the_option_there_is_no_such_file(load_run_of: LoadRun) -> None:
    load_run_of.file(test_it=FILE)
    load_run_of("-m", "load", "-k", "closed", sizes=("--suite=smoke",)).assert_outcomes(passed=1)
    assert not list((load_run_of.pytester.path / "results").glob("*_samples.csv"))


@pytest.mark.slow
def test_a_run_that_is_killed_keeps_whole_rows(tmp_path: Path) -> None:
    process = begin(tmp_path, "await asyncio.sleep(0.001)", "--load-samples")
    found = tmp_path / "results"
    wait_for(lambda: any(path.read_bytes().count(b"\n") > 100 for path in found.glob("*_samples.csv")), process)
    process.kill()
    process.communicate(timeout=20)
    (file,) = found.glob("*_samples.csv")
    assert {line.count(",") for line in file.read_text().splitlines()} == {10}
