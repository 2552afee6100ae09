"""Small projects, each ending in its own way: all outputs tell the same story, number by number."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.audit.plain_server import PlainServer
from tests.audit.story import Told, check

HEAD = """
import asyncio, os, pathlib, pytest
from pytest_rtmedload import user_fixture
URL = os.environ["AUDIT_URL"]

@pytest.fixture
def broken():
    raise RuntimeError("no database")

@pytest.fixture
def untidy():
    yield
    raise RuntimeError("left behind")
"""
GOOD = """
@pytest.mark.load(iterations=40)
async def test_good(load):
    await load.http.get(URL + "/ok")
"""
BAD = GOOD.replace("test_good", "test_bad").replace("/ok", "/wrong")
SLOW = GOOD.replace("test_good", "test_slow").replace("iterations=40", "iterations=40, p50=5").replace("/ok", "/slow")
LONG = """
@pytest.mark.load(duration="60s")
async def test_long(load):
    await load.http.get(URL + "/ok")
    pathlib.Path("begun").touch()
"""
SIZES = ("--load-users=2", "--load-ramp=0", "--load-warmup=0", "--load-think=2ms")


class Case(NamedTuple):
    """A project, and what is right."""

    tests: str
    verdict: str
    exit: int = 0
    arguments: tuple[str, ...] = ("-m", "load")
    counts: dict[str, int] = {}  # noqa: RUF012 - read only


def marked(mark: str, test: str) -> str:
    return test.replace("@pytest.mark.load", f"@pytest.mark.{mark}\n@pytest.mark.load")


CASES = {
    "pass": Case(GOOD, "PASS", counts={"passed": 1}),
    "errors": Case(BAD, "FAIL", 1, counts={"failed": 1}),
    "slow": Case(SLOW, "FAIL", 1, counts={"failed": 1}),
    "a good and a bad one": Case(GOOD + BAD, "FAIL", 1, counts={"passed": 1, "failed": 1}),
    "statuses nobody looks at": Case(
        GOOD.replace("/ok", "/missing").replace("iterations=40", "iterations=40, errors=1.0"),
        "FAIL",
        1,
        counts={"passed": 1},
    ),
    "assertion in the body": Case(
        GOOD.replace('/ok")', '/ok")\n    assert False, "no basket"'), "FAIL", 1, counts={"failed": 1}
    ),
    "check": Case(
        GOOD.replace('/ok")', '/ok")\n    load.check("a basket", False, "nothing")'), "FAIL", 1, counts={"failed": 1}
    ),
    "set-up": Case(
        GOOD + GOOD.replace("test_good(load)", "test_x(load, broken)"), "FAIL", 1, counts={"passed": 1, "failed": 1}
    ),
    "tear-down": Case(GOOD.replace("(load)", "(load, untidy)"), "FAIL", 1, counts={"failed": 1, "errored": 1}),
    "pytest.fail": Case(
        GOOD.replace('/ok")', '/ok")\n    pytest.fail("two baskets")'), "FAIL", 1, counts={"failed": 1}
    ),
    "pytest.skip": Case(
        GOOD.replace('/ok")', '/ok")\n    pytest.skip("not here")'), "INCONCLUSIVE", counts={"skipped": 1}
    ),
    "load_run and an assertion": Case(
        "async def test_it(load_run):\n    async def body(load):\n        await load.http.get(URL + '/ok')\n"
        "    result = await load_run(body, iterations=40)\n    assert result.n == 0\n",
        "FAIL",
        1,
        counts={"failed": 1},
    ),
    "two load_runs": Case(
        "async def test_it(load_run):\n    async def body(load):\n        await load.http.get(URL + '/ok')\n"
        "    await load_run(body, iterations=40)\n    await load_run(body, iterations=40)\n",
        "PASS",
        counts={"passed": 1},
    ),
    "xfail": Case(marked('xfail(reason="slow until June")', SLOW) + GOOD, "PASS", counts={"xfailed": 1, "passed": 1}),
    "xpass": Case(marked("xfail(strict=False)", GOOD), "PASS", counts={"xpassed": 1}),
    "strict xpass": Case(marked("xfail(strict=True)", GOOD), "FAIL", 1, counts={"failed": 1}),
    "everything skipped": Case(
        marked('skip(reason="not today")', GOOD) + marked("skip", BAD), "INCONCLUSIVE", counts={"skipped": 2}
    ),
    "of another suite": Case(
        GOOD.replace("iterations=40", 'iterations=40, suites=["standard"]') + BAD.replace("/wrong", "/ok"),
        "PASS",
        counts={"passed": 1, "deselected": 1},
    ),
    "nothing collected": Case("", "INCONCLUSIVE", 5),
    "not importable": Case(GOOD + "\nimport no_such_module", "FAIL", 2),
    "first failure ends it": Case(BAD + GOOD, "FAIL", 1, ("-m", "load", "-x"), {"failed": 1, "not_run": 1}),
    "no agent": Case(
        GOOD.replace("URL + ", "") + BAD.replace("URL + ", ""),
        "FAIL",
        1,
        ("-m", "load", "--load-host=http://127.0.0.1:9"),
        {"failed": 1, "skipped": 1},
    ),
    "an ordinary test fails": Case(
        GOOD + "\ndef test_ordinary():\n    assert False\n", "FAIL", 1, ("--load-suite=quick",), {"passed": 1}
    ),
    "too few to tell": Case(GOOD.replace("40", "1"), "INCONCLUSIVE", counts={"inconclusive": 1}),
    "too few under strict evidence": Case(
        GOOD.replace("40", "1"), "INCONCLUSIVE", 1, ("-m", "load", "--load-evidence=strict"), {"inconclusive": 1}
    ),
    "a criterion fails": Case(
        GOOD, "FAIL", 1, ("-m", "load", "--load-criterion=GET /ok p95 = 0.001 limit"), {"passed": 1}
    ),
    "quit": Case(GOOD.replace('/ok")', '/ok")\n    pytest.exit("enough")'), "INCONCLUSIVE", 2),
    "parametrized": Case(
        GOOD.replace("@", '@pytest.mark.parametrize("n", [1, 2])\n@').replace("(load)", "(load, n)"),
        "PASS",
        counts={"passed": 2},
    ),
    "two workers": Case(GOOD + BAD, "FAIL", 1, ("-m", "load", "-p", "xdist", "-n2"), {"passed": 1, "failed": 1}),
    "groups side by side": Case(
        GOOD.replace("iterations=40", 'iterations=40, group="api"')
        + BAD.replace("iterations=40", 'iterations=40, group="shop"'),
        "FAIL",
        1,
        ("-m", "load", "-p", "xdist", "--parallel"),
        {"passed": 1, "failed": 1},
    ),
    "two workers and a broken fixture": Case(
        GOOD + GOOD.replace("test_good(load)", "test_x(load, broken)"),
        "FAIL",
        1,
        ("-m", "load", "-p", "xdist", "-n2"),
        {"passed": 1, "failed": 1, "errored": 1},
    ),
}
SLOW_CASES = {"two workers", "two workers and a broken fixture", "groups side by side"}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with PlainServer() as server:
        yield server.url


def begin(folder: Path, url: str, tests: str, *arguments: str) -> subprocess.Popen[str]:
    (folder / "test_it.py").write_text(HEAD + tests)
    (folder / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("RTMEDLOAD_", "PYTEST_"))}
    environment = clean | {
        "AUDIT_URL": url,
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": str(folder / "step.md"),
        "GITHUB_WORKSPACE": str(folder),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "COLUMNS": "200",
    }
    plugins = ("-p", "pytest_asyncio.plugin", "-p", "rtmedload", "-p", "no:cacheprovider")
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", *plugins, *SIZES, *arguments, "--junit-xml=out.xml"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(folder: Path, url: str, tests: str, *arguments: str) -> Told:
    process = begin(folder, url, tests, *arguments)
    output, _ = process.communicate(timeout=90)
    return Told(folder, process.returncode, output)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in SLOW_CASES else name for name in CASES]
)
def test_every_output_tells_the_same_story(name: str, tmp_path: Path, url: str) -> None:
    case = CASES[name]
    told = run(tmp_path, url, case.tests, *case.arguments)
    assert told.status == case.exit, told.terminal
    document = check(told)
    assert document["summary"]["verdict"] == case.verdict, told.terminal
    assert {count: document["summary"][count] for count in case.counts} == case.counts


def interrupted(folder: Path, url: str, number: int) -> Told:
    process = begin(folder, url, GOOD + LONG + BAD, "-m", "load")
    deadline = time.monotonic() + 60
    while not (folder / "begun").exists():
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    return Told(folder, process.returncode, output, junit=number != signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run(number: int, tmp_path: Path, url: str) -> None:
    told = interrupted(tmp_path, url, number)
    assert told.status == pytest.ExitCode.INTERRUPTED, told.terminal
    summary = check(told)["summary"]
    assert (summary["verdict"], summary["complete"]) == ("INCONCLUSIVE", False)
    assert (summary["passed"], summary["not_run"]) == (1, 1)


def test_a_killed_run_is_recovered_by_the_next(tmp_path: Path, url: str) -> None:
    interrupted(tmp_path, url, signal.SIGKILL)
    told = run(tmp_path, url, "", "-m", "load", "--co")
    assert told.status == pytest.ExitCode.NO_TESTS_COLLECTED
    told = run(tmp_path, url, GOOD, "-m", "load")
    check(told)
    older = sorted((tmp_path / "results").glob("load_test_report_2*.json"))
    assert len(older) == 2  # that of the killed run, and that of this one
    recovered: dict[str, Any] = json.loads(older[0].read_text())
    assert recovered["summary"]["verdict"] == "INCONCLUSIVE"
    assert recovered["summary"]["complete"] is False
    assert recovered["tests"][0]["nodeid"] == "test_it.py::test_good"
