"""Runs that do not end as planned: Ctrl-C, a dead agent, SIGKILL. Partial results survive; nothing is left behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.conftest import LoadRun

LONG = """
import asyncio, pathlib, pytest
from pytest_rtmedload import user_fixture

@user_fixture
async def resource(load):
    yield
    with pathlib.Path("closed").open("a") as file:
        file.write("x")

@pytest.mark.load(users=5, duration="60s", think="10ms")
async def test_long(load, resource):
    {body}
    pathlib.Path("begun").touch()
"""
ONE_REQUEST = """
import pytest

@pytest.mark.load(iterations=1)
async def test_it(load):
    await load.http.get("/health")
"""
ARGUMENTS = ("-m", "load", "-p", "no:cacheprovider", "-p", "no:valkey", "--load-ramp=0", "--load-warmup=0")


def begin(path: Path, body: str, *arguments: str) -> subprocess.Popen[str]:
    """Start pytest on a load test of a minute and wait until it runs."""
    (path / "test_long.py").write_text(LONG.format(body=body))
    (path / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", *ARGUMENTS, *arguments],
        cwd=path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    wait_for((path / "begun").exists, process)
    return process


def wait_for(condition, process: subprocess.Popen[str] | None = None, at_most: float = 30) -> None:  # noqa: ANN001
    deadline = time.monotonic() + at_most
    while not condition():
        if process is not None and process.poll() is not None:
            pytest.fail(f"pytest ended early:\n{process.stdout.read()}")
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_ctrl_c_keeps_the_partial_result_and_closes_fixtures(tmp_path: Path) -> None:
    process = begin(tmp_path, "await asyncio.sleep(0.01)")
    time.sleep(1.2)  # the run itself: samples of at least a second
    os.kill(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=20)
    assert process.returncode == pytest.ExitCode.INTERRUPTED, output
    assert "Traceback" not in output.replace("to show a full traceback", "")
    result = json.loads((tmp_path / "results" / "load_test_report_latest.json").read_text())
    assert result["summary"]["complete"] is False
    assert result["tests"][0]["iterations"] > 50
    assert (tmp_path / "closed").read_text() == "x" * 5


@pytest.mark.slow
def test_ctrl_c_twice_ends_at_once_with_what_was_shipped(tmp_path: Path) -> None:
    process = begin(
        tmp_path, "await asyncio.sleep(0.01)\n    if load.iteration > 100: await asyncio.shield(asyncio.sleep(0.01))"
    )
    time.sleep(1.5)
    os.kill(process.pid, signal.SIGINT)
    time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=20)
    assert process.returncode == pytest.ExitCode.INTERRUPTED, output
    result = json.loads((tmp_path / "results" / "load_test_report_latest.json").read_text())
    assert result["summary"]["complete"] is False
    assert result["tests"][0]["iterations"] > 0


@pytest.mark.slow
def test_killing_pytest_leaves_no_process_and_no_port(tmp_path: Path) -> None:
    process = begin(tmp_path, 'await load.http.get("/health")')
    family = psutil.Process(process.pid).children(recursive=True)
    assert family, "the embedded agent runs in processes of its own"
    process.kill()
    process.wait()
    process.stdout.close()
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not alive


@pytest.mark.slow
def test_an_embedded_agent_that_dies_is_said_and_ends_the_run_soon(tmp_path: Path) -> None:
    process = begin(tmp_path, 'await load.http.get("/health")')
    for child in psutil.Process(process.pid).children(recursive=True):
        child.kill()
    output, _ = process.communicate(timeout=30)
    assert process.returncode == pytest.ExitCode.TESTS_FAILED
    assert re.search(r"FAIL: the embedded agent.* with status -9", output), output
    result = json.loads((tmp_path / "results" / "load_test_report_latest.json").read_text())
    assert result["tests"][0]["verdict"] == "FAIL"
    assert result["tests"][0]["complete"] is False


def test_a_named_agent_that_does_not_answer_is_one_error(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import pytest

        @pytest.mark.load(iterations=1)
        @pytest.mark.parametrize("number", range(4))
        async def test_it(load, number):
            await load.http.get("/health")

        def test_ordinary():
            pass
        """
    )
    result = load_run_of("--load-host=http://127.0.0.1:9", "-rs")
    result.assert_outcomes(failed=1, skipped=3, passed=1)
    result.stdout.fnmatch_lines(
        ["*the agent at http://127.0.0.1:9 does not answer: connection refused; start it, correct its URL*"]
    )


def test_an_unknown_host_is_one_error(load_run_of: LoadRun) -> None:
    load_run_of.file(test_it=ONE_REQUEST)
    result = load_run_of("--load-host=http://no-such-host.invalid")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*no-such-host.invalid does not answer: the host name cannot be resolved*"])


def test_a_port_that_is_taken_is_one_line(load_run_of: LoadRun) -> None:
    import socket

    load_run_of.file(test_it=ONE_REQUEST)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = load_run_of(f"--load-embedded=port={port}")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"*the embedded agent could not be started: *{port}*"])


def test_a_wrong_setting_of_the_embedded_agent_is_one_line(load_run_of: LoadRun) -> None:
    load_run_of.file(test_it=ONE_REQUEST)
    result = load_run_of("--load-embedded=http.dely=3ms")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*http.dely*http.delay*"])
