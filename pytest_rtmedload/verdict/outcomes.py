"""Verdicts joined with what pytest said: no test is reported better than pytest ended it.

A test that pytest failed although its targets were met has the verdict FAIL, with pytest's reason. One that is expected
to fail, or that caught the failure itself, keeps what was measured but fails nothing. Of several results under one node
id only the last counts.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.results.model import Verdict
from pytest_rtmedload.results.names import item_of
from pytest_rtmedload.results.outcomes import CAUGHT, FAILING, PytestOutcome, TestOutcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_rtmedload.results.model import TestResult

EXPECTED: Final = "expected failure (xfail)"
_PHASES: Final = {"setup": "error in set-up", "teardown": "error in tear-down"}
_BY_VERDICT: Final = {
    Verdict.FAIL: "failed",
    Verdict.INVALID: "invalid",
    Verdict.INCONCLUSIVE: "inconclusive",
    Verdict.PASS: "passed",
}


def join(tests: Sequence[TestResult], outcomes: Sequence[TestOutcome]) -> tuple[list[TestResult], list[TestOutcome]]:
    """Results and outcomes, each completed by the other.

    Args:
        tests: all judged tests, in the order in which they ended.
        outcomes: how pytest ended each load test. A result whose test is missing there is taken at its own word.
    """
    known = {outcome.nodeid: outcome for outcome in outcomes}
    tests = _last_counts(tests)
    for test in tests:
        item = item_of(test.nodeid)
        if item not in known:
            known[item] = TestOutcome(item, _as_judged(test))
    joined: dict[int, TestResult] = {}
    completed = []
    for outcome in known.values():
        mine = {i: test for i, test in enumerate(tests) if item_of(test.nodeid) == outcome.nodeid}
        joined |= {i: _told(test, outcome) for i, test in mine.items()}
        counting = [i for i, test in joined.items() if i in mine and not test.superseded]
        if counting and _unexplained(outcome, [joined[i] for i in counting]):
            joined[counting[-1]] = _failed(joined[counting[-1]], outcome)
        completed.append(replace(outcome, counted=_count_of(outcome, [joined[i] for i in counting])))
    return [joined[i] for i in range(len(tests))], completed


def why_failed(outcome: TestOutcome) -> str:
    """Why pytest did not pass a test, in one line."""
    phase = _PHASES.get(outcome.phase, "") if outcome.outcome is PytestOutcome.ERROR else ""
    return ": ".join(part for part in (phase, outcome.reason) if part) or f"pytest reports: {outcome.outcome.value}"


def fails(test: TestResult) -> bool:
    """Whether the verdict of a result counts for the verdict of the run."""
    expected = test.outcome in (PytestOutcome.XFAILED, PytestOutcome.SKIPPED)
    return not (test.superseded or expected or caught(test))


def caught(test: TestResult) -> bool:
    """Whether the test function caught the failure of its own load test."""
    return CAUGHT in test.reasons


def _last_counts(tests: Sequence[TestResult]) -> list[TestResult]:
    """A test that was repeated after a failure counts by its last result."""
    last = {test.nodeid: i for i, test in enumerate(tests)}
    return [
        test if last[test.nodeid] == i else replace(test, superseded=True, failed_test=False)
        for i, test in enumerate(tests)
    ]


def _as_judged(test: TestResult) -> PytestOutcome:
    return PytestOutcome.FAILED if test.failed_test else PytestOutcome.PASSED


def _told(test: TestResult, outcome: TestOutcome) -> TestResult:
    """The result, with what pytest made of its test."""
    told = replace(test, outcome=outcome.outcome.value)
    if test.superseded:
        return told
    if outcome.outcome is PytestOutcome.XFAILED:
        why = f"{EXPECTED}: {outcome.reason}" if outcome.reason else EXPECTED
        return replace(told, failed_test=False, reasons=[why, *test.reasons])
    if outcome.outcome is PytestOutcome.PASSED and test.failed_test:
        return replace(told, failed_test=False, reasons=[CAUGHT, *test.reasons])
    if outcome.outcome is PytestOutcome.INTERRUPTED and test.verdict is Verdict.PASS:
        return replace(told, verdict=Verdict.INCONCLUSIVE, reasons=["interrupted before its end", *test.reasons])
    return told


def _unexplained(outcome: TestOutcome, results: Sequence[TestResult]) -> bool:
    """Whether pytest failed the test for another reason than its verdict."""
    if outcome.outcome is PytestOutcome.ERROR:
        return True
    if outcome.outcome is not PytestOutcome.FAILED:
        return False
    return not any(result.failed_test and _is_its_text(outcome.reason, result) for result in results)


def _is_its_text(reason: str, result: TestResult) -> bool:
    """Whether pytest's reason is the text with which this verdict ends its test."""
    return not reason or reason.startswith(f"{result.verdict.value}: ")


def _failed(test: TestResult, outcome: TestOutcome) -> TestResult:
    measured_first = outcome.outcome is PytestOutcome.ERROR and test.verdict is Verdict.FAIL
    told = [why_failed(outcome)]
    reasons = [*test.reasons, *told] if measured_first else [*told, *test.reasons]
    return replace(test, verdict=Verdict.FAIL, failed_test=True, reasons=list(dict.fromkeys(reasons)))


def _count_of(outcome: TestOutcome, results: Sequence[TestResult]) -> str:
    """The count of the summary that includes this test."""
    if outcome.outcome in (PytestOutcome.PASSED, PytestOutcome.INTERRUPTED, *FAILING):
        verdicts = {result.verdict for result in results if not caught(result)}
        if verdicts:
            return next(name for verdict, name in _BY_VERDICT.items() if verdict in verdicts)
        if outcome.outcome in FAILING:
            return "failed"
        return "not_run" if outcome.outcome is PytestOutcome.INTERRUPTED else "passed"
    return outcome.outcome.value
