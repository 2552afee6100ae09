"""`--parallel`: groups at the same time, each in one process, and the tests of a group one after the other."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

import psutil
import pytest

import pytest_rtmedload.plugin.groups  # pytester forgets what a run imports, and with it what was patched there
from tests.conftest import LoadRun

ADDOPTS = "-p pytest_asyncio.plugin -p xdist -p rtmedload -p no:cacheprovider --import-mode=importlib"
INI = "[pytest]\nasyncio_default_fixture_loop_scope = function\naddopts = {}\n"
ONCE = ("--suite=smoke", "--parallel")
"""One user, one iteration: a test ends when its body does."""

COMMON = """
import asyncio, os, pathlib, pytest, time

HERE = pathlib.Path(__file__).parent
ME = os.environ.get("PYTEST_XDIST_WORKER", "main")

def note(what):
    with (HERE / "log").open("a") as file:
        file.write(f"{what} {ME}\\n")

async def meet(name, *others):
    '''Return when all have come.'''
    (HERE / f"{name}.here").touch()
    deadline = time.monotonic() + 30
    while not all((HERE / f"{other}.here").exists() for other in others):
        assert time.monotonic() < deadline, others
        await asyncio.sleep(0.005)
"""


@pytest.fixture
def parallel(load_run_of: LoadRun, monkeypatch: pytest.MonkeyPatch) -> LoadRun:
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)  # these tests may themselves be run by one
    load_run_of.pytester.makeini(INI.format(ADDOPTS))
    load_run_of.file(conftest=COMMON)
    return load_run_of


def write(parallel: LoadRun, **modules: str) -> None:
    """Test modules in the folders that give them their groups."""
    for group, text in modules.items():
        folder = parallel.pytester.path / group
        folder.mkdir()
        (folder / f"test_{group}.py").write_text(f"from conftest import *\n{text}")
    parallel.pytester.syspathinsert()


def log_of(parallel: LoadRun) -> list[list[str]]:
    """(what, worker) in order of time."""
    return [line.rsplit(" ", 1) for line in (parallel.pytester.path / "log").read_text().splitlines()]


def by_name(parallel: LoadRun) -> dict[str, dict[str, Any]]:
    return {test["nodeid"].split("::")[1]: test for test in parallel.result()["tests"]}


def children() -> set[int]:
    return {child.pid for child in psutil.Process(os.getpid()).children(recursive=True)}


API = """
@pytest.mark.parametrize("number", range(3))
def test_ordinary(number):
    time.sleep(0.02)
    note("ordinary")

@pytest.mark.load
async def test_together(load, agent):
    note(f"agent {agent.url}")
    await meet("api", "ws", "night")
    assert (await load.http.get("/health")).status_code == 200

@pytest.mark.load
async def test_next(load):
    note("next")
"""
WS = """
@pytest.fixture
def broken():
    raise RuntimeError("boom")

@pytest.mark.load
async def test_broken(load, broken):
    pass

@pytest.mark.load
async def test_skipped(load):
    pytest.skip("not today")

@pytest.mark.load
async def test_meets(load, agent):
    note(f"agent {agent.url}")
    await meet("ws", "api", "night")

@pytest.mark.load(group="night")
async def test_of_the_night(load):
    await meet("night", "api", "ws")
    assert load.user == 1, "told so"
"""


@pytest.mark.slow
def test_groups_run_at_the_same_time_each_in_one_process(parallel: LoadRun) -> None:
    write(parallel, api=API, ws=WS)
    before = children()
    result = parallel(*ONCE, "-rs", "--junitxml=junit.xml", sizes=(), subprocess=True)
    result.assert_outcomes(passed=6, errors=1, failed=1, skipped=1)
    result.stdout.fnmatch_lines(
        [
            "load tests: --parallel, each group in a process of its own",
            "load tests side by side: api (2), ws (3), night (1)",
            "created: 3/3 workers",
            "*boom*",
            "*told so*",
            "SKIPPED*not today",
        ]
    )
    assert "shards" not in result.stdout.str()
    assert children() <= before

    log = log_of(parallel)
    assert [what for what, _ in log[:3]] == ["ordinary"] * 3  # load tests wait for them
    assert len({what for what, _ in log if what.startswith("agent")}) == 1  # one agent for all
    (api,) = {worker for what, worker in log if what == "next"}
    assert [what.split()[0] for what, worker in log[3:] if worker == api] == ["agent", "next"]

    tests = by_name(parallel)
    assert set(tests) == {"test_together", "test_next", "test_meets", "test_of_the_night"}
    assert {test["shards"] for test in tests.values()} == {1}
    assert {"ws/test_ws.py::test_meets", "ws/test_ws.py::test_of_the_night"} <= set(tests["test_together"]["beside"])
    assert "api/test_api.py::test_next" not in tests["test_together"]["beside"]
    cases = re.findall('<testcase [^>]*name="(test_[^"]+)"', (parallel.pytester.path / "junit.xml").read_text())
    assert sorted(cases) == sorted([*(f"test_ordinary[{n}]" for n in range(3)), "test_broken", "test_skipped", *tests])


LOST = """
@pytest.mark.load(duration="30s")
async def test_dies(load):
    await asyncio.sleep(0.01)
    if load.iteration == 150:  # by then something has been shipped
        os.kill(os.getpid(), signal.SIGKILL)

@pytest.mark.load(iterations=1)
async def test_left(load):
    pass
"""
LIVES = """
@pytest.mark.load(iterations=1)
async def test_lives(load):
    note("alive")
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "outcomes", "left"),
    [
        ((), {"passed": 2, "failed": 1}, True),
        (("--max-worker-restart=0",), {"passed": 1, "failed": 1, "errors": 1}, False),
    ],
)
def test_a_killed_worker_costs_its_test_and_not_the_others(
    parallel: LoadRun, more: Sequence[str], outcomes: dict[str, int], left: bool
) -> None:
    write(parallel, api=f"import signal\n{LOST}", ws=LIVES)
    arguments = ("--parallel", "-m", "load", "--load-ramp=0", "--load-warmup=0", "--load-think=0", "--load-users=1")
    result = parallel(*arguments, *more, sizes=(), subprocess=True)
    result.assert_outcomes(**outcomes)
    tests = by_name(parallel)
    assert set(tests) == {"test_dies", "test_lives"} | ({"test_left"} if left else set())
    dies = tests["test_dies"]
    assert (dies["verdict"], dies["complete"], dies["iterations"] > 20) == ("INVALID", False, True)
    assert tests["test_lives"]["complete"] is True
    if not left:
        result.stdout.fnmatch_lines(["*it never ran: the worker that should have run it was lost and not replaced"])


@pytest.mark.slow
def test_after_a_failure_what_runs_is_finished_and_nothing_begins(parallel: LoadRun) -> None:
    write(
        parallel,
        api="""
@pytest.mark.load
async def test_fails(load):
    await meet("api", "ws")
    assert load.user == 1, "told so"
""",
        ws="""
@pytest.mark.load
async def test_goes_on(load):
    await meet("ws", "failed")

@pytest.mark.load
async def test_never_begins(load):
    note("begun")
""",
    )
    with (parallel.pytester.path / "conftest.py").open("a") as conftest:
        conftest.write(
            "\ndef pytest_runtest_logreport(report):\n"
            "    if report.failed and ME == 'main':\n        (HERE / 'failed.here').touch()\n"
        )
    result = parallel(*ONCE, "-x", sizes=(), subprocess=True)
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["*stopping after 1 failures*"])
    assert not (parallel.pytester.path / "log").exists()
    assert {name: test["complete"] for name, test in by_name(parallel).items()} == {
        "test_fails": True,
        "test_goes_on": True,
    }


@pytest.mark.slow
def test_ctrl_c_leaves_what_all_tests_have_measured(parallel: LoadRun) -> None:
    long = """
@pytest.mark.load(duration="60s", users=2)
async def test_long(load):
    await asyncio.sleep(0.01)
    if load.iteration == 20:
        await meet("{group}")
"""
    write(parallel, api=long.format(group="api"), ws=long.format(group="ws"))
    sizes = ("--load-ramp=0", "--load-warmup=0", "--load-think=0")
    run = subprocess.Popen(
        [sys.executable, "-m", "pytest", "--parallel", "-m", "load", "-q", *sizes],
        cwd=parallel.pytester.path,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        wait_for(parallel, "api", "ws")
        os.killpg(run.pid, signal.SIGINT)  # as a terminal does: to the workers, too
        output, _ = run.communicate(timeout=30)
    finally:
        run.kill()
        run.wait()
    tests = parallel.result()["tests"]
    assert (run.returncode, "KeyboardInterrupt" in output) == (2, True)
    assert [(test["complete"], test["iterations"] >= 20, len(test["beside"])) for test in tests] == [
        (False, True, 1)
    ] * 2


def wait_for(parallel: LoadRun, *names: str) -> None:
    """Until these have come to the meeting."""
    deadline = time.monotonic() + 30
    while not all((parallel.pytester.path / f"{name}.here").exists() for name in names):
        assert time.monotonic() < deadline, names
        time.sleep(0.02)


@pytest.mark.slow
def test_more_groups_than_workers_share_them(parallel: LoadRun) -> None:
    parallel.file(
        test_it="""
        import os, pytest

        GROUPS = [pytest.param(n, marks=pytest.mark.load(group=f"g{n}")) for n in range(5)]

        @pytest.mark.parametrize("number", GROUPS)
        async def test_load(load, number):
            load.count(os.environ["PYTEST_XDIST_WORKER"])
        """
    )
    result = parallel(*ONCE, "--maxprocesses=2", sizes=(), subprocess=True)
    result.assert_outcomes(passed=5)
    drivers = [name for test in parallel.result()["tests"] for name in test["counts"]]
    assert sorted(drivers.count(name) for name in ("gw0", "gw1")) == [2, 3]


ONE_GROUP = """
import os, pytest

@pytest.mark.parametrize("number", range(2))
async def test_load(load, number):
    load.count(os.environ.get("PYTEST_XDIST_WORKER", "main"))
"""


@pytest.mark.slow
def test_one_group_has_one_worker(parallel: LoadRun) -> None:
    parallel.file(test_it=ONE_GROUP)
    result = parallel(*ONCE, sizes=(), subprocess=True)
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["created: 1/1 worker"])
    assert [(test["counts"], test["beside"]) for test in parallel.result()["tests"]] == [({"gw0": 1}, [])] * 2


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("-n0",), "-n0 allows no further processes: one test after the other"),
        (("-p", "no:xdist"), "-p no:xdist switches its processes off: one test after the other"),
        (("--load-debug",), "--load-debug and --pdb show one test after the other"),
    ],
)
def test_without_processes_it_is_serial_and_says_so(parallel: LoadRun, arguments: tuple[str, ...], why: str) -> None:
    parallel.file(test_it=ONE_GROUP)
    if "no:xdist" in arguments:
        parallel.pytester.makeini(INI.format(ADDOPTS.replace("-p xdist ", "")))
    result = parallel(*ONCE, *arguments, "-p", "no:asyncio", sizes=())
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines([f"load tests: not --parallel, as {why}"])
    assert [test["counts"] for test in parallel.result()["tests"]] == [{"main": 1}] * 2


@pytest.mark.parametrize("how", ["-n2", "--tx=popen"])
def test_workers_that_share_each_test_exclude_it(parallel: LoadRun, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parallel.file(test_it=ONE_GROUP)
    result = parallel(*ONCE, how, sizes=())
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --parallel and -n (or --tx) exclude one another: *; leave one of them out"])
    monkeypatch.setenv("RTMEDLOAD_PARALLEL", "true")  # what stands there for good gives way to the command line
    result = parallel(how, "--collect-only", sizes=())
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(
        ["load tests: not --parallel, as -n (or --tx) shares each load test among its processes, *"]
    )


@pytest.mark.parametrize(
    ("installed", "line"),
    [
        (True, "ERROR: --parallel needs pytest-xdist, which is installed but not loaded: add -p xdist"),
        (False, "ERROR: --parallel needs pytest-xdist: pip install 'pytest-rtmedload[[]xdist]', or leave it out"),
    ],
)
def test_without_xdist_it_is_one_line(
    load_run_of: LoadRun, monkeypatch: pytest.MonkeyPatch, installed: bool, line: str
) -> None:
    monkeypatch.setattr(pytest_rtmedload.plugin.groups, "find_spec", lambda _: object() if installed else None)
    load_run_of.file(test_it=ONE_GROUP)
    result = load_run_of(*ONCE, sizes=())
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([line])
    assert "Traceback" not in result.stderr.str() + result.stdout.str()


@pytest.mark.slow
def test_what_cannot_be_collected_ends_the_run_before_anything_runs(parallel: LoadRun) -> None:
    parallel.file(test_it=ONE_GROUP, test_broken="import nowhere")
    result = parallel(*ONCE, sizes=())
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*No module named 'nowhere'", "*Interrupted: 1 error during collection*"])
    result = parallel(*ONCE, "missing.py", sizes=())
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: file or directory not found: missing.py"])


def test_a_users_own_parallel_option_keeps_its_meaning(parallel: LoadRun) -> None:
    parallel.file(test_it=ONE_GROUP)
    parallel.pytester.makeconftest(
        "def pytest_addoption(parser):\n    parser.addoption('--parallel', action='store_true', dest='mine')\n"
        "def pytest_report_header(config):\n    return f'theirs: {config.option.mine}'\n"
    )
    result = parallel(*ONCE, "--collect-only", sizes=())
    result.stdout.fnmatch_lines(["theirs: True"])
    assert "load tests:" not in result.stdout.str()
