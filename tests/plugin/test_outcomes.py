"""What pytest says and what the results say: one story, however a test ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import LoadRun

TESTS = """
import pytest

@pytest.fixture
def broken():
    raise RuntimeError("no database")

@pytest.fixture
def untidy():
    yield
    raise RuntimeError("left behind")

@pytest.mark.load(iterations=40)
async def test_fine(load):
    load.record("x", 0.001)

@pytest.mark.load(iterations=40)
async def test_set_up(load, broken):
    load.record("x", 0.001)

@pytest.mark.load(iterations=40)
async def test_tear_down(load, untidy):
    load.record("x", 0.001)

async def test_assert_afterwards(load_run):
    async def body(load):
        load.record("x", 0.001)
    assert (await load_run(body, iterations=40)).n == 0

@pytest.mark.load(iterations=40)
async def test_fail(load):
    pytest.fail("two baskets")

@pytest.mark.xfail(reason="slow until June")
@pytest.mark.load(iterations=40)
async def test_expected(load):
    assert False, "slow"

@pytest.mark.load(iterations=40)
async def test_skips(load):
    pytest.skip("not here")

@pytest.mark.load(iterations=3, suites=["standard"])
async def test_of_another_suite(load):
    load.record("x", 0.001)
"""


@pytest.mark.parametrize("workers", [(), pytest.param(("-p", "xdist", "-n2"), marks=pytest.mark.slow)])
def test_each_way_to_end_is_told(load_run_of: LoadRun, workers: tuple[str, ...]) -> None:
    load_run_of.file(test_it=TESTS)
    result = load_run_of(
        *workers,
        sizes=("--load-suite=quick", "--load-users=2", "--load-think=0", "--load-ramp=0"),
        subprocess=bool(workers),
    )
    result.assert_outcomes(passed=2, failed=2, errors=2, skipped=2, xfailed=1)
    document = load_run_of.result()
    assert {entry["nodeid"].partition("::")[2]: entry["outcome"] for entry in document["outcomes"]} == {
        "test_fine": "passed",
        "test_set_up": "error",
        "test_tear_down": "error",
        "test_assert_afterwards": "failed",
        "test_fail": "failed",
        "test_expected": "xfailed",
        "test_skips": "skipped",
        "test_of_another_suite": "deselected",
    }
    summary = document["summary"]
    assert (summary["verdict"], summary["exit_status"], summary["tests"], summary["deselected"]) == ("FAIL", 1, 7, 1)
    counts = ("passed", "failed", "errored", "xfailed", "skipped")
    assert [summary[name] for name in counts] == [1, 4, 2, 1, 1]
    reasons = {t["nodeid"].partition("::")[2]: t["reasons"][:1] for t in document["tests"]}
    assert reasons["test_tear_down"] == ["error in tear-down: RuntimeError: left behind"]
    assert reasons["test_fail"] == ["two baskets"]
    result.stdout.fnmatch_lines(["load test: FAIL*7 tests: 1 passed, 4 failed, 1 xfailed, 1 skipped; 1 not selected*"])


def test_a_run_in_which_nothing_was_measured_is_the_latest(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="import pytest\n@pytest.mark.load(iterations=40)\nasync def test_it(load): load.record('x', 1)"
    )
    load_run_of()
    assert load_run_of.result()["summary"]["passed"] == 1
    load_run_of.file(test_it="import pytest\n@pytest.mark.load\nasync def test_it(load): pytest.skip('no')")
    assert load_run_of().ret == pytest.ExitCode.OK
    summary = load_run_of.result()["summary"]
    assert (summary["verdict"], summary["skipped"]) == ("INCONCLUSIVE", 1)


@pytest.mark.parametrize("arguments", [("-m", "load"), ("--load-suite=smoke",)])
def test_nothing_collected_is_told_where_load_tests_were_asked_for(
    load_run_of: LoadRun, arguments: tuple[str, ...]
) -> None:
    load_run_of.file(test_it="")
    assert load_run_of(*arguments, sizes=()).ret == pytest.ExitCode.NO_TESTS_COLLECTED
    assert load_run_of.result()["summary"]["reasons"] == ["no load test ran: none was collected"]


def test_ordinary_tests_alone_leave_no_results(load_run_of: LoadRun) -> None:
    load_run_of.file(test_it="import pytest\ndef test_it(): pass\n@pytest.mark.load\nasync def test_load(load): pass")
    load_run_of(sizes=()).assert_outcomes(passed=1, skipped=1)
    assert not Path(load_run_of.pytester.path, "results").exists()


def test_an_ordinary_test_that_fails_is_told(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import pytest

        def test_it():
            assert 0

        @pytest.mark.load(iterations=40)
        async def test_load(load):
            load.record("x", 0.001)
        """
    )
    assert load_run_of().ret == 1
    assert load_run_of.result()["summary"]["verdict"] == "FAIL"
    assert load_run_of.result()["summary"]["reasons"] == [
        "also failed in this pytest run, and no load test: test_it.py::test_it"
    ]


def test_the_first_failure_ends_the_run_and_the_rest_never_began(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import pytest

        @pytest.mark.load(iterations=40)
        @pytest.mark.parametrize("number", range(3))
        async def test_it(load, number):
            load.record("x", 0.001)
            assert number != 1
        """
    )
    load_run_of("-x").assert_outcomes(passed=1, failed=1)
    summary = load_run_of.result()["summary"]
    assert [summary[name] for name in ("verdict", "tests", "passed", "failed", "not_run")] == ["FAIL", 3, 1, 1, 1]


FAILS_ONCE = """
import pytest

@pytest.mark.load(iterations=40)
async def test_good(load):
    load.record("x", 0.001)

@pytest.mark.load(iterations=40)
async def test_bad(load):
    assert 0
"""


def test_pytest_remembers_a_load_test_that_failed(load_run_of: LoadRun) -> None:
    load_run_of.file(test_it=FAILS_ONCE)
    ini = load_run_of.pytester.path / "tox.ini"
    ini.write_text(ini.read_text().replace("-p no:cacheprovider", ""))
    cache = load_run_of.pytester.path / ".pytest_cache/v/cache/lastfailed"
    load_run_of()
    assert json.loads(cache.read_text()) == {"test_it.py::test_bad": True}  # and no criterion
    load_run_of(sizes=()).assert_outcomes(skipped=2)
    assert json.loads(cache.read_text()) == {"test_it.py::test_bad": True}
    load_run_of("--lf", sizes=("--load-ramp=0",)).assert_outcomes(failed=1)


def test_iterations_in_which_a_request_failed_are_failed_iterations(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        async def test_it(load_run):
            async def body(load):
                with load.measure("answered"):
                    pass
                try:
                    with load.measure("refused"):
                        raise ValueError("404")
                except ValueError:
                    pass

            result = await load_run(body, iterations=20, errors=1.0)
            assert result.errors == 1
        """
    )
    load_run_of("--junit-xml=out.xml").assert_outcomes(passed=1)
    test = load_run_of.result()["tests"][0]
    assert (test["iterations"], test["failed"], test["failed_alone"]) == (60, 60, 0)
    assert 'name="load.errors" value="60"' in (load_run_of.pytester.path / "out.xml").read_text()
    summary = load_run_of.result()["summary"]
    assert (summary["success_rate"], summary["iterations_failed"]) == (50, 60)


def test_an_open_test_is_shown_by_its_rate(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import pytest

        @pytest.mark.load(rate=20)
        async def test_it(load):
            load.record("x", 0.001)
        """
    )
    result = load_run_of()
    test = load_run_of.result()["tests"][0]
    assert test["users"] < 20  # and not the 600 that may be in flight before a time-out
    assert test["planned_rate"] == 20
    result.stdout.fnmatch_lines(["*20/s planned, up to * in flight*"])
