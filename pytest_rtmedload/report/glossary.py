"""Explains the words of a summary to a first-time reader: each is explained once, where it occurs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.report import phrases
from pytest_rtmedload.results.model import Verdict

if TYPE_CHECKING:
    from pytest_rtmedload.results.model import RunResult, TestResult

_CALLS: Final = re.compile(r"\d+ of (\d+) calls\)")
"""How a target's line says that there were too few calls."""


def meanings(run: RunResult) -> list[str]:
    """One line for each word in the summary of this run that needs an explanation."""
    tests = [test for test in run.tests if not test.superseded]
    return [*_inconclusive(tests), *_invalid(tests), *_bounds(tests), *_calls(tests), *_negative(tests)]


def _inconclusive(tests: list[TestResult]) -> list[str]:
    open_ = {(test.evidence, test.failed_test) for test in tests if test.verdict is Verdict.INCONCLUSIVE}
    return [f"INCONCLUSIVE: {_open(evidence, fails=fails)}" for evidence, fails in sorted(open_)]


def _open(evidence: str, *, fails: bool) -> str:
    if evidence == "none":
        return "a smoke test judges errors and no latency; does not fail the test"
    what = "fails" if fails else "does not fail"
    return f"too few samples to tell either way; {what} the test ({evidence} evidence)"


def _invalid(tests: list[TestResult]) -> list[str]:
    if not any(test.verdict is Verdict.INVALID for test in tests):
        return []
    return [f"INVALID: {phrases.INVALID_MEANS}, so this is not a result about the agent"]


def _bounds(tests: list[TestResult]) -> list[str]:
    lines = [target.text for test in tests if test.verdict is not Verdict.PASS for target in test.targets]
    if not any("95 % bounds" in line for line in lines):
        return []
    return ["95 % bounds: the true value is above the first and below the second, with 95 % confidence each"]


def _calls(tests: list[TestResult]) -> list[str]:
    found = next((match for test in tests for target in test.targets if (match := _CALLS.search(target.text))), None)
    if found is None:
        return []
    return [f"of {found[1]} calls: turns of one call are alike, so a PASS takes at least {found[1]} calls"]


def _negative(tests: list[TestResult]) -> list[str]:
    if not any(test.negative for test in tests):
        return []
    return ["negative: sends requests that must be refused; not included in the run's criteria"]
