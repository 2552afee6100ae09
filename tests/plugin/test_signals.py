"""Runs ended by SIGTERM, SIGHUP or SIGKILL: reports are written or recovered, fixtures are left, no process stays."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.conftest import LoadRun

PROJECT = """
import asyncio, pathlib, pytest
from pytest_rtmedload import user_fixture

HERE = pathlib.Path(__file__).parent

def note(what):
    with (HERE / "log").open("a") as file:
        file.write(f"{what} ")

@pytest.fixture(scope="session")
def environment():
    yield
    note("environment")

@user_fixture
async def account(load):
    yield
    note("account")

@pytest.mark.load(iterations=20, users=1, group="one")
async def test_short(load, environment):
    await asyncio.sleep(0.001)

@pytest.mark.load(users=2, duration="60s", think="10ms", group="two", p95=1000)
async def test_long(load, environment, account):
    AGENT
    if load.user == 1 and load.iteration == 20:
        (HERE / "begun").touch()
"""
ARGUMENTS = ("-m", "load", "-p", "no:cacheprovider", "-p", "no:valkey", "--load-ramp=0", "--load-warmup=0", "-q")


def start(path: Path, *arguments: str, agent: bool = False, conftest: str = "", sigint: Any = signal.SIG_DFL) -> Any:
    """Start pytest on the project and wait until its second test has measured something."""
    waits = 'await load.http.get("/health")' if agent else "await asyncio.sleep(0.01)"
    (path / "test_it.py").write_text(PROJECT.replace("AGENT", waits))
    (path / "conftest.py").write_text(conftest)
    (path / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", *ARGUMENTS, "--junitxml=junit.xml", *arguments],
        cwd=path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, sigint),  # noqa: PLW1509 - no threads here
    )
    deadline = time.monotonic() + 30
    while not (path / "begun").exists():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            pytest.fail(f"the load test did not begin:\n{process.communicate()[0]}")
        time.sleep(0.02)
    return process


def result(path: Path) -> dict[str, Any]:
    return json.loads((path / "results" / "load_test_report_latest.json").read_text())  # type: ignore[no-any-return]


def assert_interrupted(path: Path, process: Any, output: str, by: str = "SIGTERM") -> None:
    """What Ctrl-C leaves: both results, left fixtures, JUnit, exit code 2."""
    assert process.returncode == pytest.ExitCode.INTERRUPTED, output
    document = result(path)
    assert (document["summary"]["complete"], document["run"]["ended_by"]) == (False, by)
    short, long = document["tests"]
    assert (short["complete"], short["iterations"]) == (True, 20)
    assert (long["complete"], long["failed"]) == (False, 0)
    assert long["iterations"] >= 20
    assert f"PARTIAL: the run was cut short; what stands here was measured until then ({by})" in " ".join(
        output.split()
    )
    left = (path / "log").read_text().split()
    assert (left.count("account"), set(left)) == (2, {"account", "environment"})
    assert left[-1] == "environment", "the user fixtures were left first"
    assert list(ET.parse(path / "junit.xml").getroot().iter("testcase")), "pytest's own reports are written, too"  # noqa: S314
    assert not list((path / "results").glob("*.partial.jsonl"))


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_leaves_what_ctrl_c_leaves(tmp_path: Path, name: str) -> None:
    process = start(tmp_path)
    process.send_signal(signal.Signals[name])
    output, _ = process.communicate(timeout=20)
    assert_interrupted(tmp_path, process, output, by=name)


def test_where_sigint_is_ignored_as_in_the_background_of_a_script(tmp_path: Path) -> None:
    process = start(tmp_path, sigint=signal.SIG_IGN)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGTERM)  # a second one costs nothing
    output, _ = process.communicate(timeout=20)
    assert_interrupted(tmp_path, process, output)


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [(), ("-n2",), ("--parallel",)], ids=" ".join)
@pytest.mark.parametrize("group", [False, True])
def test_sigterm_leaves_no_process_behind(tmp_path: Path, arguments: tuple[str, ...], group: bool) -> None:
    process = start(tmp_path, *arguments, agent=True)
    family = psutil.Process(process.pid).children(recursive=True)
    assert family, "the embedded agent runs in processes of its own"
    for _ in range(2):
        (os.killpg if group else os.kill)(process.pid, signal.SIGTERM)
        time.sleep(0.3)  # as a CI server does that loses its patience
    output, _ = process.communicate(timeout=30)
    assert process.returncode == pytest.ExitCode.INTERRUPTED, output
    _, alive = psutil.wait_procs(family, timeout=5)
    assert not alive
    document = result(tmp_path)
    tests = {test["nodeid"]: test for test in document["tests"]}
    assert document["run"]["ended_by"] == "SIGTERM"
    assert tests["test_it.py::test_long"]["complete"] is False
    assert tests["test_it.py::test_short"]["complete"] or arguments == ("--parallel",), (
        "the other one had not yet ended"
    )
    assert tests["test_it.py::test_long"]["iterations"] >= 20
    left = (tmp_path / "log").read_text().split()
    assert left.count("environment") == {(): 1, ("-n2",): 2, ("--parallel",): 2}[arguments]
    assert (tmp_path / "junit.xml").exists()


def test_a_handler_that_is_there_stays(tmp_path: Path) -> None:
    own = """
import pathlib, signal, sys
def drain(number, frame):
    pathlib.Path("drained").touch()
signal.signal(signal.SIGTERM, drain)
"""
    process = start(tmp_path, conftest=own)
    process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + 10
    while not (tmp_path / "drained").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert process.poll() is None, "the project's handler has not ended the run"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == pytest.ExitCode.INTERRUPTED


def test_signals_do_again_what_they_did_before(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import signal, pytest

        @pytest.mark.load(iterations=1)
        async def test_it(load):
            assert signal.getsignal(signal.SIGTERM) != signal.SIG_DFL
        """
    )
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)]
    load_run_of("-m", "load").assert_outcomes(passed=1)
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)] == before


NEXT = """
import pytest

@pytest.mark.load(iterations=3)
async def test_next(load):
    pass
"""


def test_the_next_run_recovers_what_a_killed_one_had_finished(tmp_path: Path) -> None:
    process = start(tmp_path)
    process.kill()
    process.communicate()
    results = tmp_path / "results"
    (partial,) = results.iterdir()
    (tmp_path / "test_it.py").write_text(NEXT)
    again = subprocess.run(
        [sys.executable, "-m", "pytest", *ARGUMENTS], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert again.returncode == 0, again.stdout
    page = partial.name.replace(".partial.jsonl", ".html")
    (line,) = [line for line in again.stdout.splitlines() if line.startswith("recovered")]
    assert line == f"recovered: {page}, marked PARTIAL: an earlier run ended without finishing (was it killed?)"
    recovered = json.loads((results / page).with_suffix(".json").read_text())
    assert (recovered["summary"]["complete"], recovered["summary"]["tests"]) == (False, 1)
    assert recovered["run"]["ended_by"] == (
        "it ended without finishing: was it killed? The samples of test_it.py::test_long, then under way, are lost"
    )
    (short,) = recovered["tests"]
    assert (short["nodeid"], short["complete"], short["iterations"]) == ("test_it.py::test_short", True, 20)
    assert "was it killed?" in (results / page).read_text()
    assert not partial.exists()
    assert result(tmp_path)["tests"][0]["nodeid"] == "test_it.py::test_next", "latest is the latest"


def test_a_watchdog_that_ends_the_process_leaves_what_had_finished(load_run_of: LoadRun) -> None:
    """As pytest-timeout's thread method does."""
    load_run_of.file(
        test_it="""
        import os, pytest

        @pytest.mark.load(iterations=20)
        async def test_first(load):
            pass

        @pytest.mark.load(iterations=20)
        async def test_hangs(load):
            os._exit(1)
        """
    )
    assert load_run_of("-m", "load", subprocess=True).ret == 1
    (partial,) = (load_run_of.pytester.path / "results").iterdir()
    command = [sys.executable, "-m", "pytest_rtmedload", "report", str(partial)]
    report = subprocess.run(command, capture_output=True, text=True, check=False)
    assert report.returncode == 0, report.stderr
    assert re.findall(r"written: (.*)", report.stdout)[0] == str(partial).replace(".partial.jsonl", ".html")
    assert [test["nodeid"] for test in load_run_of.result()["tests"]] == ["test_it.py::test_first"]
    assert not partial.exists()


def test_a_finished_run_leaves_no_file_for_recovery(load_run_of: LoadRun) -> None:
    load_run_of.file(test_it=NEXT)
    result = load_run_of("-m", "load")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*recovered*")
    assert not list((load_run_of.pytester.path / "results").glob("*.partial.jsonl"))
