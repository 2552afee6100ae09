"""Beside a process that burns one core, tests that judge errors alone stay valid, and others' share is told."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import LoadRun

SUITE = """
import pytest

@pytest.mark.load(users=5, duration="3s", think=0)
async def test_without_a_pause(load):
    await load.http.get("/health")

@pytest.mark.load(users=10, duration="3s", think="50ms")
async def test_with_pauses(load):
    await load.http.get("/health")

@pytest.mark.load(users=5, duration="3s", think=0)
def test_on_threads(load):
    load.http.get("/health")
"""


@pytest.fixture
def burning() -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"])
    yield
    process.kill()
    process.wait()


@pytest.mark.alone  # what the burning process gets depends on who else wants the cores
@pytest.mark.usefixtures("burning")
@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells")
@pytest.mark.parametrize("workers", [(), ("-p", "xdist", "-n", "2")], ids=["alone", "xdist"])
def test_errors_alone_are_judged_beside_other_work(load_run_of: LoadRun, workers: tuple[str, ...]) -> None:
    load_run_of.file(test_it=SUITE)
    sizes = ("-m", "load", "--load-ramp=0", "--load-warmup=0", "-v")
    # in a process of its own: what this one starts would belong to the run
    result = load_run_of(*workers, sizes=sizes, subprocess=True)
    result.assert_outcomes(passed=3)
    tests: list[dict[str, Any]] = load_run_of.result()["tests"]
    assert [(test["verdict"], test["generator"]["verdict"]) for test in tests] == [("PASS", "PASS")] * 3
    for test in tests:
        lag = test["generator"]["lag"]
        assert 0.4 < lag["other_cores"] <= lag["cores"]  # at least what the burning process got of its core
        assert 0 < lag["agent_cores"] < lag["cores"]
    result.stdout.fnmatch_lines(["*other processes used * of * cores*"])
