"""Under pytest-xdist: ordinary tests first, then all load tests on one worker, one result written by the controller."""

from __future__ import annotations

import os

import pytest

from tests.conftest import LoadRun

FILE = """
import os, pathlib, pytest, time

def note(what):
    with pathlib.Path("log").open("a") as file:
        file.write(f"{what} {os.getpid()} {time.time()}\\n")

@pytest.mark.parametrize("number", range(5))
def test_ordinary(number):
    time.sleep(0.05)
    note("ordinary")

@pytest.mark.parametrize("number", range(3))
@pytest.mark.load(iterations=5, users=2)
async def test_load(load, agent, number):
    if load.user == load.iteration == 0:
        note("load")
    response = await load.http.get("/health")
    assert response.status_code == 200
"""


@pytest.fixture
def with_xdist(load_run_of: LoadRun) -> LoadRun:
    load_run_of.pytester.makeini(
        """
        [pytest]
        asyncio_default_fixture_loop_scope = function
        addopts = -p pytest_asyncio.plugin -p xdist -p rtmedload -p no:cacheprovider
        """
    )
    load_run_of.file(test_it=FILE)
    return load_run_of


def log_of(load_run_of: LoadRun) -> list[tuple[str, str]]:
    """(what, process) in order of time."""
    lines = [line.split() for line in (load_run_of.pytester.path / "log").read_text().splitlines()]
    return [(what, process) for what, process, _ in sorted(lines, key=lambda line: float(line[2]))]


@pytest.mark.parametrize("how", [("-n2",), ("-n2", "--dist=worksteal"), ("-n2", "--dist=loadfile"), ("-n1",)])
def test_load_tests_run_last_on_one_worker_and_are_reported_once(with_xdist: LoadRun, how: tuple[str, ...]) -> None:
    result = with_xdist("--suite=quick", "--load-ramp=0", *how, sizes=(), subprocess=True)
    result.assert_outcomes(passed=8)
    log = log_of(with_xdist)
    assert [what for what, _ in log] == ["ordinary"] * 5 + ["load"] * 3
    assert len({process for what, process in log if what == "load"}) == 1
    report = with_xdist.result()
    assert len(report["tests"]) == 3
    assert {test["iterations"] for test in report["tests"]} == {10}
    assert len(list((with_xdist.pytester.path / "results").glob("load_test_report_2*.json"))) == 1


@pytest.mark.parametrize(
    ("how", "passed"),
    [
        (("-n2", "-m", "load"), 3),
        (("-n2", "-m", "not load"), 5),
        (("-n0", "--suite=smoke"), 8),
        (("-p", "no:xdist", "--suite=smoke"), 8),
    ],
)
def test_selection_is_as_without_it(with_xdist: LoadRun, how: tuple[str, ...], passed: int) -> None:
    result = with_xdist("--load-ramp=0", *how, sizes=(), subprocess=True)
    assert result.parseoutcomes()["passed"] == passed


def test_a_failed_target_fails_its_test_with_its_line_and_properties(with_xdist: LoadRun) -> None:
    with_xdist.file(
        test_it="""
        import asyncio, pytest

        @pytest.mark.load(iterations=40, users=2, p95=1)
        async def test_slow(load):
            await asyncio.sleep(0.01)
        """
    )
    result = with_xdist("-n2", "-m", "load", "--junitxml=junit.xml", sizes=(), subprocess=True)
    result.assert_outcomes(failed=1)
    result.stdout.re_match_lines([r".*iteration p95 [\d.]+ ms > 1 ms .*FAIL"])
    junit = (with_xdist.pytester.path / "junit.xml").read_text()
    assert '<property name="load.verdict" value="FAIL"' in junit


def test_a_killed_worker_costs_its_test_and_not_the_run(with_xdist: LoadRun) -> None:
    with_xdist.file(
        test_it="""
        import asyncio, os, pytest, signal

        @pytest.mark.load(users=2, duration="30s")
        async def test_dies(load):
            await asyncio.sleep(0.02)
            if load.iteration > 60:
                os.kill(os.getpid(), signal.SIGKILL)

        @pytest.mark.load(iterations=3, users=2)
        async def test_lives(load):
            pass
        """
    )
    result = with_xdist("-n2", "-m", "load", "--load-think=0", "--load-ramp=0", sizes=(), subprocess=True)
    outcomes = result.parseoutcomes()
    assert (outcomes["failed"], outcomes["passed"]) == (1, 1)
    tests = {test["nodeid"].split("::")[1]: test for test in with_xdist.result()["tests"]}
    assert tests["test_dies"]["complete"] is False
    assert tests["test_dies"]["iterations"] > 20
    assert tests["test_lives"]["complete"] is True


def test_a_dead_agent_is_one_error_for_all_workers(with_xdist: LoadRun) -> None:
    result = with_xdist("-n2", "-m", "load", "--load-host=http://127.0.0.1:9", sizes=(), subprocess=True)
    outcomes = result.parseoutcomes()
    assert (outcomes.get("failed", 0) + outcomes.get("errors", 0), outcomes["skipped"]) == (1, 2)


def test_no_process_stays_behind(with_xdist: LoadRun) -> None:
    import psutil

    before = {child.pid for child in psutil.Process(os.getpid()).children(recursive=True)}
    with_xdist("-n2", "-m", "load", sizes=(), subprocess=True)
    assert {child.pid for child in psutil.Process(os.getpid()).children(recursive=True)} <= before
