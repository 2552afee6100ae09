"""What a CI server shows next to the code: a line for each test that did not pass, at the test function.

The rule: the model of a run knows node ids and no lines; pytest's own reports know where each test is, here and under
pytest-xdist, so that is where the lines come from. A test of unknown location is announced without one.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from pytest_rtmedload.report import phrases
from pytest_rtmedload.results.model import Verdict
from pytest_rtmedload.results.names import item_of
from pytest_rtmedload.results.outcomes import FAILING
from pytest_rtmedload.text import formats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pytest

    from pytest_rtmedload.results.model import CriterionResult, RunResult, TestResult
    from pytest_rtmedload.results.outcomes import TestOutcome

MOST_OF_EACH: Final = 10
"""GitHub shows no more errors, and no more warnings, of one step."""
_LONGEST: Final = 500
_SHOWN_REASONS: Final = 5

Level = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Annotation:
    """One message, as any server can show it."""

    level: Level
    title: str
    """One line."""
    lines: tuple[str, ...]
    """Why; one line each."""
    file: str | None = None
    """Relative to the checkout, where it lies in it."""
    line: int | None = None
    """Counted from 1."""


class TestLocations:
    """Where tests are: a plugin of pytest that listens to its reports.

    Args:
        root: what pytest's paths are relative to.
        checkout: what the server's paths are relative to; None when it does not say.
    """

    __test__ = False  # not a class for pytest to collect

    def __init__(self, root: Path, checkout: Path | None) -> None:
        self._root = root
        self._checkout = checkout
        self._known: dict[str, tuple[str, int | None]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember where a test is."""
        file, line, _ = report.location
        self._known[report.nodeid] = (file, None if line is None else line + 1)

    def of(self, nodeid: str) -> tuple[str, int | None]:
        """File and line of a test; the file alone, from its node id, when its location was not reported."""
        known = self._known.get(nodeid) or self._known.get(item_of(nodeid))
        file, line = known or (nodeid.partition("::")[0], None)
        return self._in_checkout(file), line

    def _in_checkout(self, file: str) -> str:
        if self._checkout is None:
            return file
        relative = os.path.relpath(self._root / file, self._checkout)
        return file if relative.startswith("..") else relative.replace(os.sep, "/")


def annotate(
    run: RunResult, locations: TestLocations, redact: Callable[[str], str] = str, *, goals_fail: bool = False
) -> list[Annotation]:
    """What did not pass, worst first: criteria of the run, then tests; limited per level.

    A run that is not PASS has at least one annotation.

    Args:
        run: the finished run.
        locations: knows where its tests are.
        redact: replaces secrets.
        goals_fail: whether a missed goal fails the run (strict evidence).
    """
    found = [
        *_of_criteria(run.criteria, redact, goals_fail),
        *_of_outcomes(phrases.unmeasured(run), locations, redact),
        *_of_tests(run.tests, locations, redact),
        *_of_run(run, redact),
    ]
    levels: tuple[Level, ...] = ("error", "warning")
    return [note for level in levels for note in [note for note in found if note.level == level][:MOST_OF_EACH]]


def _of_criteria(
    criteria: list[CriterionResult], redact: Callable[[str], str], goals_fail: bool
) -> Iterator[Annotation]:
    for criterion in phrases.by_verdict(criteria):
        if criterion.verdict is Verdict.FAIL:
            level: Level = "error" if goals_fail or criterion.kind == "limit" else "warning"
            title = f"load test, {criterion.kind} of the run: {criterion.name}"
            yield Annotation(level, _line(title, redact), (_line(criterion.text, redact),))


def _of_outcomes(
    outcomes: list[TestOutcome], locations: TestLocations, redact: Callable[[str], str]
) -> Iterator[Annotation]:
    for outcome in outcomes:
        if outcome.outcome in FAILING:
            file, line = locations.of(outcome.nodeid)
            title = f"load test {phrases.outcome_word(outcome)}: {formats.short_name(outcome.nodeid)}"
            why = (_line(phrases.outcome_reason(outcome), redact),)
            yield Annotation("error", _line(title, redact), why, formats.one_line(file), line)


def _of_run(run: RunResult, redact: Callable[[str], str]) -> Iterator[Annotation]:
    """What no test and no criterion reports: the run ended early, or no test ran."""
    told = any(outcome.counted in ("failed", "invalid", "inconclusive") for outcome in run.outcomes)
    if run.summary.verdict is not Verdict.PASS and not told:
        level: Level = "error" if run.summary.verdict is Verdict.FAIL or run.summary.exit_status else "warning"
        lines = tuple(_line(reason, redact) for reason in phrases.why(run)[:_SHOWN_REASONS])
        yield Annotation(level, f"load test: {run.summary.verdict.value}", lines)


def _of_tests(tests: list[TestResult], locations: TestLocations, redact: Callable[[str], str]) -> Iterator[Annotation]:
    for test in phrases.in_order(tests):
        verdict = phrases.tone(test)
        failed = test.failed_test or verdict in (Verdict.FAIL, Verdict.INVALID)
        if test.superseded or (verdict is Verdict.PASS and not failed):
            continue
        file, line = locations.of(test.nodeid)
        title = f"load test {phrases.word(test)}: {formats.short_name(test.nodeid)}"
        reasons = test.reasons or [target.text for target in test.targets if target.verdict is not Verdict.PASS]
        lines = [*reasons[:_SHOWN_REASONS], phrases.size_line(test)]
        shown = tuple(_line(text, redact) for text in lines)
        yield Annotation("error" if failed else "warning", _line(title, redact), shown, formats.one_line(file), line)


def _line(text: str, redact: Callable[[str], str]) -> str:
    return formats.one_line(redact(text), _LONGEST)
