"""`--load-debug`: one look at each load test, operation by operation, and a debugger that opens where it failed."""

from __future__ import annotations

import sys

import pytest

from tests.conftest import LoadRun

FILE = """
import asyncio, pytest

@pytest.mark.load(users=5, duration="20s", think="5s", p95=0.001)
async def test_closed(load):
    load.tag("kind", "a")
    with load.measure("wait"):
        await asyncio.sleep(0.001)

@pytest.mark.load(rate=50, duration="20s", shape="arrivals(poisson)")
async def test_open(load):
    load.record("told", 12.5)

@pytest.mark.load(users=3, duration="20s")
async def test_broken(load):
    load.record("told", 1)
    numbers = [1, 2]
    assert numbers == [2, 1]

@pytest.mark.load(users=3, duration="20s")
def test_plainly_broken(load):
    raise LookupError("no such patient")

async def body(load):
    raise ArithmeticError("no such dose")

async def test_explicit(load_run):
    await load_run(body, users=3, duration="20s")

@pytest.mark.load(users=3, duration="20s", errors=1)
async def test_tolerant(load):
    raise LookupError("nobody minds")

async def test_ordinary():
    raise ArithmeticError("an ordinary test")
"""


def test_each_load_test_is_one_iteration_of_one_user(load_run_of: LoadRun) -> None:
    load_run_of.file(test_it=FILE)
    run = load_run_of("-k", "closed or open or tolerant", "--load-debug", sizes=("--load-users=9",))
    run.assert_outcomes(passed=3)
    for test in load_run_of.result()["tests"]:
        assert (test["users"], test["iterations"], test["model"], test["evidence"]) == (1, 1, "closed", "none")
        assert "debug mode: one user made one iteration, and latency is not judged" in test["notes"]


def test_a_failure_is_the_bodys_own_exception(load_run_of: LoadRun) -> None:
    load_run_of.file(test_it=FILE)
    run = load_run_of("-k", "broken or explicit", "--load-debug", sizes=())
    assert run.ret == pytest.ExitCode.TESTS_FAILED
    run.stdout.fnmatch_lines(
        [
            *(">       assert numbers == ?2, 1?", "E*assert ?1, 2? == ?2, 1?", "*test_it.py:*: AssertionError"),
            *("*raise LookupError*", "E*LookupError: no such patient"),
            *("*raise ArithmeticError*", "E*ArithmeticError: no such dose"),
        ]
    )
    assert [test["verdict"] for test in load_run_of.result()["tests"]] == ["FAIL"] * 3


@pytest.mark.slow
def test_under_xdist_one_process_makes_the_iteration_and_tells_of_it(load_run_of: LoadRun) -> None:
    load_run_of.file(test_it=FILE)
    run = load_run_of("-k", "closed", "--load-debug", "-p", "xdist", "-n2", sizes=(), subprocess=True)
    run.assert_outcomes(passed=1)
    lines = ("wait *ms  ok (kind=a)", "iteration *ms  ok (kind=a)")
    run.stdout.fnmatch_lines(["test_it.py::test_closed: one user, one iteration", *(f"* s  {line}" for line in lines)])
    assert run.stdout.str().count("one user, one iteration") == 1
    assert "1 of 2 shards had nothing to do: the test has 1 user" in load_run_of.result()["tests"][0]["notes"]


def test_pdb_opens_in_the_body_and_operations_are_told_before(load_run_of: LoadRun) -> None:
    load_run_of.file(test_it=FILE)
    arguments = (sys.executable, "-m", "pytest", "-m", "load", "-k", "test_broken", "--pdb")
    run = load_run_of.pytester.run(*arguments, stdin=b"p 'here', load.user, numbers\nc\n")
    run.stdout.fnmatch_lines(
        [
            "test_it.py::test_broken: one user, one iteration",
            "* s  told *1 ms  ok",
            "* s  iteration *ms  failed  AssertionError: assert ?1, 2? == ?2, 1?",
            *("*test_broken()", "-> assert numbers == ?2, 1?", "*('here', 0, ?1, 2?)"),
        ]
    )
    assert load_run_of.result()["tests"][0]["users"] == 1


def test_pdb_alone_asks_for_no_load_test(load_run_of: LoadRun) -> None:
    load_run_of.file(test_it=FILE)
    run = load_run_of("-k", "closed", "--pdb", sizes=())
    run.assert_outcomes(skipped=1)


@pytest.mark.parametrize("value", ["perhaps", "2"])
def test_a_wrong_value_is_one_line(load_run_of: LoadRun, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("RTMEDLOAD_DEBUG", value)
    load_run_of.file(test_it=FILE)
    run = load_run_of("-m", "load", sizes=())
    run.stderr.fnmatch_lines([f"ERROR: RTMEDLOAD_DEBUG: '{value}' is not true or false"])
