"""Under pytest-xdist: ordinary tests first, then every load test on all workers together; one verdict, one report."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import psutil
import pytest

from tests.conftest import LoadRun

QUICKLY = ("--suite=smoke", "--load-ramp=0", "--load-warmup=0", "--load-think=0")
"""Smoke does not judge the generator: the machine that runs these tests may be busy."""

FILE = """
import asyncio, os, pathlib, pytest, time
from pytest_rtmedload import user_fixture

ME = os.environ.get("PYTEST_XDIST_WORKER", "main")

def note(what):
    with pathlib.Path(__file__).with_name("log").open("a") as file:
        file.write(f"{what} {ME}\\n")

@pytest.mark.parametrize("number", range(4))
def test_ordinary(number):
    time.sleep(0.05)
    note("ordinary")

@pytest.fixture
def broken_in_one():
    assert ME != "gw1", "boom in gw1"

@pytest.mark.load(iterations=30, users=4)
async def test_setup_error(load, broken_in_one):
    pass

@user_fixture
async def place(load):
    return f"user {load.user} {load.data['patient_id']}"

@pytest.mark.load(iterations=30, users=4)
async def test_agent(load, agent, place):
    response = await load.http.get("/health")
    assert response.status_code == 200
    load.count(place)
    if load.user == load.iteration == 0:
        note(f"load:{agent.url}")

@pytest.mark.load(iterations=30, users=1)
async def test_one_user(load):
    await asyncio.sleep(0.001)

async def body(load):
    await asyncio.sleep(0.001 * (load.user + 1))

async def test_explicit(load_run):
    result = await load_run(body, users=4, iterations=20)
    note(f"explicit:{result.n}:{result.p(50)}:{result.p(99)}")

@pytest.mark.load(iterations=10_000, users=4)
async def test_told_so(load):
    await asyncio.sleep(0.001)
    if load.user == 3 and load.iteration == 5:
        pytest.fail("told so")

@pytest.mark.load(iterations=10_000, users=4)
async def test_skipped(load):
    await asyncio.sleep(0.001)
    if load.user == 3 and load.iteration == 5:
        pytest.skip("not today")
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
    return load_run_of


def log_of(load_run_of: LoadRun) -> list[list[str]]:
    """(what, worker) in order of time."""
    return [line.rsplit(" ", 1) for line in (load_run_of.pytester.path / "log").read_text().splitlines()]


def test_every_load_test_runs_on_all_workers_and_is_reported_once(with_xdist: LoadRun) -> None:
    with_xdist.file(test_it=FILE)
    before = {child.pid for child in psutil.Process(os.getpid()).children(recursive=True)}
    result = with_xdist("-n2", *QUICKLY, "-rs", "--junitxml=junit.xml", sizes=(), subprocess=True)
    result.assert_outcomes(passed=7, errors=1, failed=1, skipped=1)
    result.stdout.fnmatch_lines(["*boom in gw1*", "*Failed: told so", "SKIPPED*not today"])
    assert {child.pid for child in psutil.Process(os.getpid()).children(recursive=True)} <= before

    log = log_of(with_xdist)
    whats = [what.partition(":")[0] for what, _ in log]
    assert whats == ["ordinary"] * 4 + ["load"] + ["explicit"] * 2
    assert len({what for what, _ in log[-2:]}) == 1  # the same merged data in both processes
    assert {worker for _, worker in log[-2:]} == {"gw0", "gw1"}

    report = with_xdist.result()
    tests = {test["nodeid"].split("::")[1]: test for test in report["tests"]}
    assert list(tests) == ["test_agent", "test_one_user", "test_explicit", "test_told_so"]
    assert report["run"]["agent"]["embedded"] is True
    agent = tests["test_agent"]
    assert (agent["shards"], agent["users"], agent["iterations"]) == (2, 4, 120)
    assert agent["metrics"]["GET /health"]["count"] == 120
    assert agent["counts"] == {f"user {n} synthetic-{n:06d}": 30 for n in range(4)}
    assert [(s["name"], s["iterations"]) for s in agent["generator"]["shards"]] == [("gw0", 60), ("gw1", 60)]
    assert 0 <= agent["generator"]["skew_ms"] < 1000
    assert [shard["users"] for shard in tests["test_one_user"]["generator"]["shards"]] == [1, 0]
    assert "1 of 2 shards had nothing to do: the test has 1 user" in tests["test_one_user"]["notes"]
    result.stdout.re_match_lines([r"PASS .*test_one_user .*1 user, .*1 of 2 shards"])
    assert len(list((with_xdist.pytester.path / "results").glob("load_test_report_2*.json"))) == 1

    cases = re.findall('<testcase [^>]*name="([^"]+)"', (with_xdist.pytester.path / "junit.xml").read_text())
    assert sorted(name for name in cases if name.startswith("test_") and "ordinary" not in name) == sorted(
        ["test_setup_error", "test_skipped", *tests]
    )


FAILS_FIRST = """
import asyncio, pytest

@pytest.mark.load(iterations=10, users=2, max=1)
async def test_too_slow(load):
    await asyncio.sleep(0.01)

@pytest.mark.load(iterations=10, users=2)
async def test_fast(load):
    pass
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "passed", "shards"),
    [(("-n1",), 1, 1), (("-n0",), 1, 1), (("-p", "no:xdist"), 1, 1), (("-n2", "-x"), 0, 2)],
)
def test_how_many_processes_drive_it(with_xdist: LoadRun, how: tuple[str, ...], passed: int, shards: int) -> None:
    with_xdist.file(test_it=FAILS_FIRST)
    result = with_xdist(*how, "-m", "load", "--load-ramp=0", "--junitxml=junit.xml", sizes=(), subprocess=True)
    result.assert_outcomes(failed=1, passed=passed)
    result.stdout.re_match_lines([r".*iteration max [\d.]+ ms > 1 ms .*FAIL"])
    assert [test["shards"] for test in with_xdist.result()["tests"]] == [shards] * (1 + passed)
    assert '<property name="load.verdict" value="FAIL"' in (with_xdist.pytester.path / "junit.xml").read_text()


@pytest.mark.slow
def test_workers_of_other_gateways(with_xdist: LoadRun) -> None:
    """As for remote hosts: another directory, and arguments that pytest-xdist passes on."""
    with_xdist.file(test_it=FAILS_FIRST)
    gateways = f"2*popen//chdir={with_xdist.pytester.path}"
    result = with_xdist("--dist=each", "--tx", gateways, "-m", "load", "--load-ramp=0", sizes=(), subprocess=True)
    result.assert_outcomes(failed=1, passed=1)
    assert [test["shards"] for test in with_xdist.result()["tests"]] == [2, 2]


KILLED = """
import asyncio, os, pytest, signal

@pytest.mark.load(users=4, duration="30s")
async def test_dies(load):
    await asyncio.sleep(0.01)
    if load.user == 1 and load.iteration > 150:
        os.kill(os.getpid(), signal.SIGKILL)

@pytest.mark.load(iterations=3, users=4)
async def test_lives(load):
    await asyncio.sleep(0.01)
"""


@pytest.mark.slow
@pytest.mark.parametrize("restarts", [None, 0])
def test_a_killed_worker_costs_its_test_and_not_the_run(with_xdist: LoadRun, restarts: int | None) -> None:
    with_xdist.file(test_it=KILLED)
    more = [] if restarts is None else [f"--max-worker-restart={restarts}"]
    sizes = ("--load-think=0", "--load-ramp=0")
    result = with_xdist("-n2", "-m", "load", *more, sizes=sizes, subprocess=True)
    result.assert_outcomes(failed=1, passed=1)
    tests = {test["nodeid"].split("::")[1]: test for test in with_xdist.result()["tests"]}
    dies, lives = tests["test_dies"], tests["test_lives"]
    assert (dies["verdict"], dies["complete"], dies["superseded"]) == ("INVALID", False, False)
    assert dies["reasons"][0].startswith("1 of 2 shards lost (gw1 ended unexpectedly)")
    assert dies["iterations"] > 20
    assert (lives["complete"], lives["iterations"]) == (True, 12)
    assert lives["shards"] == (2 if restarts is None else 1)


@pytest.mark.slow
def test_a_dead_agent_is_one_error_for_all_workers(with_xdist: LoadRun) -> None:
    with_xdist.file(
        test_it="""
        import pytest

        @pytest.mark.parametrize("number", range(3))
        @pytest.mark.load(iterations=5, users=2)
        async def test_load(load, number):
            await load.http.get("/health")
        """
    )
    result = with_xdist("-n2", "-m", "load", "--load-host=http://127.0.0.1:9", sizes=(), subprocess=True)
    result.assert_outcomes(failed=1, skipped=2)


@pytest.mark.slow
def test_ctrl_c_leaves_what_all_shards_measured(with_xdist: LoadRun) -> None:
    with_xdist.file(
        test_it="""
        import asyncio, pathlib, pytest

        @pytest.mark.load(users=4, duration="60s", think=0, warmup=0)
        async def test_long(load):
            await asyncio.sleep(0.01)
            if load.user == 1 and load.iteration == 20:
                pathlib.Path(__file__).with_name("begun").write_text("")
        """
    )
    command = [sys.executable, "-m", "pytest", "-n2", "-m", "load", "--load-ramp=0", "-q"]
    run = subprocess.Popen(
        command, cwd=with_xdist.pytester.path, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        wait_for(with_xdist, "begun")
        os.killpg(run.pid, signal.SIGINT)  # as a terminal does: to the workers, too
        output, _ = run.communicate(timeout=30)
    finally:
        run.kill()
        run.wait()
    (test,) = with_xdist.result()["tests"]
    assert (run.returncode, test["complete"], "KeyboardInterrupt" in output) == (2, False, True)
    assert [shard["iterations"] >= 20 for shard in test["generator"]["shards"]] == [True, True]


def wait_for(load_run_of: LoadRun, name: str) -> None:
    """Until a test has written this file."""
    import time

    deadline = time.monotonic() + 30
    while not (load_run_of.pytester.path / name).exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.slow
def test_a_worker_with_another_version_ends_the_run_with_one_line(with_xdist: LoadRun) -> None:
    with_xdist.file(
        test_it=FAILS_FIRST,
        conftest="""
        import os
        import pytest_rtmedload.plugin.load_tests

        if os.environ.get("PYTEST_XDIST_WORKER") == "gw1":
            pytest_rtmedload.plugin.load_tests.own_version = lambda: "0.0.9"
        """,
    )
    result = with_xdist("-n2", "-m", "load", sizes=(), subprocess=True)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: worker gw1 has pytest-rtmedload 0.0.9, this process has *"])
    assert "Traceback" not in result.stderr.str() + result.stdout.str()


@pytest.mark.slow
def test_a_shard_that_never_becomes_ready_is_named_and_ended(with_xdist: LoadRun) -> None:
    with_xdist.file(
        test_it="""
        import os, pytest, time

        @pytest.fixture
        def hangs():
            if os.environ.get("PYTEST_XDIST_WORKER") == "gw1":
                time.sleep(1000)

        @pytest.mark.load(iterations=10, users=2)
        async def test_waits(load, hangs):
            pass
        """,
        conftest="import pytest_rtmedload.shards.start_line as g; g.START_S = 0.5",
    )
    before = {child.pid for child in psutil.Process(os.getpid()).children(recursive=True)}
    result = with_xdist("-n2", "-m", "load", sizes=(), subprocess=True)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["gw1 did not reach the start line within 0.5 s of the others: does a fixture of *"])
    assert {child.pid for child in psutil.Process(os.getpid()).children(recursive=True)} <= before
