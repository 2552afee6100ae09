"""What a CI server shows beside the code: a line for each test that did not pass, at the test function.

The rule: the model of a run knows node ids and no lines; pytest's own reports know where each test is, here and under
pytest-xdist, so that is where the lines come from. A test whose place nobody told is announced without one.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from pytest_rtmedload.report import phrases
from pytest_rtmedload.results.model import Verdict
from pytest_rtmedload.text import formats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pytest

    from pytest_rtmedload.results.model import CriterionResult, RunResult, TestResult

MOST_OF_EACH: Final = 10
"""GitHub shows no more errors, and no more warnings, of one step."""
_LONGEST: Final = 500
_SHOWN_REASONS: Final = 5
_NUMBERED: Final = re.compile(r"#\d+$")
"""What a second `load_run` of the same test has at the end of its node id."""

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


class Places:
    """Where tests are: a plugin of pytest that listens to its reports.

    Args:
        root: what pytest's paths are relative to.
        checkout: what the server's paths are relative to; None when it does not say.
    """

    def __init__(self, root: Path, checkout: Path | None) -> None:
        self._root = root
        self._checkout = checkout
        self._known: dict[str, tuple[str, int | None]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember where a test is."""
        file, line, _ = report.location
        self._known[report.nodeid] = (file, None if line is None else line + 1)

    def of(self, nodeid: str) -> tuple[str, int | None]:
        """File and line of a test; the file alone, from its node id, when nobody reported it."""
        unnumbered = _NUMBERED.sub("", nodeid)
        known = self._known.get(nodeid) or self._known.get(unnumbered)
        file, line = known or (nodeid.partition("::")[0], None)
        return self._in_checkout(file), line

    def _in_checkout(self, file: str) -> str:
        if self._checkout is None:
            return file
        relative = os.path.relpath(self._root / file, self._checkout)
        return file if relative.startswith("..") else relative.replace(os.sep, "/")


def annotate(
    run: RunResult, places: Places, redact: Callable[[str], str] = str, *, goals_fail: bool = False
) -> list[Annotation]:
    """What did not pass, worst first: the criteria of the run, then its tests; at most so many of each level.

    Args:
        run: the finished run.
        places: knows where its tests are.
        redact: replaces secrets.
        goals_fail: whether a missed goal fails the run (strict evidence).
    """
    found = [*_of_criteria(run.criteria, redact, goals_fail), *_of_tests(run.tests, places, redact)]
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


def _of_tests(tests: list[TestResult], places: Places, redact: Callable[[str], str]) -> Iterator[Annotation]:
    for test in phrases.by_verdict(tests):
        failed = test.failed_test or test.verdict in (Verdict.FAIL, Verdict.INVALID)
        if test.superseded or (test.verdict is Verdict.PASS and not failed):
            continue
        file, line = places.of(test.nodeid)
        title = f"load test {test.verdict.value}: {phrases.short_name(test.nodeid)}"
        reasons = test.reasons or [target.text for target in test.targets if target.verdict is not Verdict.PASS]
        lines = [*reasons[:_SHOWN_REASONS], phrases.size_line(test)]
        shown = tuple(_line(text, redact) for text in lines)
        yield Annotation("error" if failed else "warning", _line(title, redact), shown, formats.one_line(file), line)


def _line(text: str, redact: Callable[[str], str]) -> str:
    return formats.one_line(redact(text), _LONGEST)
