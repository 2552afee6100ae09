"""Verdicts joined with what pytest reported: never better than pytest, and worse only with a reason."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from pytest_rtmedload.results.model import TestResult, Verdict
from pytest_rtmedload.results.names import ITERATION
from pytest_rtmedload.results.outcomes import PytestOutcome, RunEnd, TestOutcome
from pytest_rtmedload.verdict.judge import judge
from pytest_rtmedload.verdict.run import JudgedRun, judge_run
from tests.verdict.verdict_builders import HEALTH, Builder, p, plan

ONE, TWO = "tests/test_a.py::test_one", "tests/test_a.py::test_two"
COUNTS = ("passed", "failed", "inconclusive", "invalid", "skipped", "xfailed", "xpassed", "not_run")


def measured(nodeid: str = ONE, ms: int = 10, **changes: Any) -> TestResult:
    built = Builder().add(HEALTH, [ms] * 1000).add(ITERATION, [ms] * 1000)
    return dataclasses.replace(judge(plan(p("p95", 150)), built.recording), nodeid=nodeid, **changes)


def ended(nodeid: str = ONE, outcome: str = "passed", phase: str = "", reason: str = "") -> TestOutcome:
    return TestOutcome(nodeid, PytestOutcome(outcome), phase, reason)


def judged(
    results: list[TestResult], *outcomes: TestOutcome, status: int = 0, others: tuple[str, ...] = (), **changes: Any
) -> JudgedRun:
    given = {"strict": False, "complete": True, **changes}
    run = judge_run(results, outcomes, RunEnd(status, "", others), duration_s=1, **given)
    counts = {name: getattr(run.summary, name) for name in COUNTS}
    assert sum(counts.values()) == run.summary.tests, counts
    assert run.summary.verdict is not Verdict.PASS or status == 0
    return run


def test_an_error_in_a_fixture_beside_a_good_test_fails_the_run() -> None:
    run = judged([measured()], ended(), ended(TWO, "error", "setup", "RuntimeError: no database"), status=1)
    assert run.summary.verdict is Verdict.FAIL
    assert (run.summary.tests, run.summary.passed, run.summary.failed, run.summary.errored) == (2, 1, 1, 1)
    assert run.summary.reasons[:2] == [
        "1 of 2 tests failed: test_a.py::test_two",
        "test_a.py::test_two: error in set-up: RuntimeError: no database",
    ]


@pytest.mark.parametrize(
    ("outcome", "first"),
    [
        (ended(ONE, "error", "teardown", "RuntimeError: left behind"), "error in tear-down: RuntimeError: left behind"),
        (ended(ONE, "failed", "call", "assert 1 == 2"), "assert 1 == 2"),
    ],
)
def test_what_pytest_failed_is_failed_although_its_targets_are_met(outcome: TestOutcome, first: str) -> None:
    run = judged([measured()], outcome, status=1)
    assert (run.tests[0].verdict, run.tests[0].failed_test, run.tests[0].reasons[0]) == (Verdict.FAIL, True, first)
    assert (run.summary.verdict, run.summary.failed, run.summary.passed) == (Verdict.FAIL, 1, 0)


def test_the_text_of_a_verdict_is_not_told_twice() -> None:
    slow = measured(ms=400)
    run = judged([slow], ended(ONE, "failed", "call", f"FAIL: {slow.reasons[0]}"), status=1)
    assert run.tests[0].reasons == slow.reasons


def test_another_reason_comes_before_the_measured_one() -> None:
    run = judged([measured(ms=400)], ended(ONE, "failed", "call", "Timeout (>3.0s) from pytest-timeout."), status=1)
    assert run.tests[0].reasons[0] == "Timeout (>3.0s) from pytest-timeout."


def test_an_expected_failure_fails_nothing_and_stays_out_of_the_criteria() -> None:
    run = judged([measured(ms=400)], ended(ONE, "xfailed", "call", "slow until June"), strict=True)
    assert (run.summary.verdict, run.summary.xfailed, run.summary.failed) == (Verdict.PASS, 1, 0)
    assert run.tests[0].failed_test is False
    assert run.tests[0].reasons[0] == "expected failure (xfail): slow until June"
    assert run.criteria == []
    assert run.summary.reasons == ["failed as expected (xfail), which fails nothing: test_a.py::test_one"]


def test_a_failure_that_the_test_caught_fails_nothing() -> None:
    run = judged([measured(ms=400)], ended())
    assert (run.summary.verdict, run.summary.passed, run.tests[0].failed_test) == (Verdict.PASS, 1, False)
    assert run.tests[0].reasons[0] == "the test caught this failure and passed"


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        (
            [ended(ONE, "skipped", "setup", "not today"), ended(TWO, "skipped")],
            "no load test ran: 2 skipped (not today)",
        ),
        ([ended(ONE, "not_run"), ended(TWO, "deselected")], "no load test ran: 1 not run, 1 deselected"),
        ([], "no load test ran: none was collected"),
    ],
)
def test_a_run_without_a_test_is_inconclusive_and_says_so(outcomes: list[TestOutcome], said: str) -> None:
    run = judged([], *outcomes)
    assert run.summary.verdict is Verdict.INCONCLUSIVE
    assert said in run.summary.reasons
    assert run.summary.tests == sum(outcome.outcome != "deselected" for outcome in outcomes)


def test_no_agent_one_failed_and_the_others_skipped() -> None:
    run = judged([], ended(ONE, "failed", "call", "the agent does not answer"), ended(TWO, "skipped"), status=1)
    assert (run.summary.verdict, run.summary.failed, run.summary.skipped) == (Verdict.FAIL, 1, 1)
    assert run.summary.reasons[1] == "test_a.py::test_one: the agent does not answer"


def test_an_interrupted_test_did_not_pass() -> None:
    run = judged([measured(complete=False)], ended(ONE, "interrupted"), ended(TWO, "not_run"), status=2, complete=False)
    assert (run.summary.verdict, run.summary.complete) == (Verdict.INCONCLUSIVE, False)
    assert (run.summary.passed, run.summary.inconclusive, run.summary.not_run) == (0, 1, 1)
    assert run.tests[0].verdict is Verdict.INCONCLUSIVE


def test_another_failure_in_the_same_pytest_run_is_no_pass() -> None:
    run = judged([measured()], ended(), status=1, others=("tests/test_unit.py::test_x",))
    assert (run.summary.verdict, run.summary.passed, run.summary.other_failures) == (Verdict.FAIL, 1, 1)
    assert run.summary.reasons[0] == "also failed in this pytest run, and no load test: test_unit.py::test_x"


def test_an_exit_status_that_nobody_explains_is_no_pass() -> None:
    assert judged([measured()], ended(), status=1).summary.verdict is Verdict.FAIL
    assert judged([measured()], ended(), status=3).summary.verdict is Verdict.INCONCLUSIVE


def test_of_a_repeated_test_the_last_result_counts() -> None:
    run = judged([measured(ms=400), measured()], ended())
    assert (run.summary.verdict, run.summary.tests, run.summary.requests) == (Verdict.PASS, 1, 1000)
    assert [test.superseded for test in run.tests] == [True, False]


def test_a_test_with_several_load_runs_is_one_test() -> None:
    run = judged([measured(), measured(f"{ONE}#2", ms=400)], ended(ONE, "failed", "call", "FAIL: slow"), status=1)
    assert (run.summary.tests, run.summary.failed) == (1, 1)
    assert [test.verdict for test in run.tests] == [Verdict.PASS, Verdict.FAIL]


def test_a_criterion_that_fails_the_run_is_no_test_and_makes_the_exit_status() -> None:
    wrong = measured(failed_alone=500, failed=500)
    run = judged([wrong], ended())
    assert (run.summary.verdict, run.summary.exit_status, run.summary.failed) == (Verdict.FAIL, 1, 0)
    assert run.summary.reasons[0].startswith("limit: lowest success rate 50 % < 80 %")
    assert (run.summary.success_rate, run.summary.iterations, run.summary.iterations_failed) == (100, 1000, 500)
