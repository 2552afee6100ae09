"""How pytest ended each test: a plugin of pytest that listens to its reports, in the process that writes the results.

The rule: pytest's own reports are the only source, so whatever fails a test (a fixture, an assertion after `load_run`,
a subtest, a time-out of another plugin) is in the record. What has no report was interrupted, or never began.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_rtmedload.plugin.selection import UNASKED, is_deselection
from pytest_rtmedload.results.outcomes import FAILING, PytestOutcome, RunEnd, TestOutcome
from pytest_rtmedload.text.formats import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    import pytest

_LONGEST = 300


class _Seen(NamedTuple):
    """What the reports of a test have said so far; no outcome: it has begun."""

    outcome: PytestOutcome | None
    phase: str = ""
    reason: str = ""


class OutcomeRecorder:
    """Listens to reports of all tests: which of them are load tests may become known later."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}
        self._stopped = ""
        self.selected: list[str] = []
        """Node ids of the load tests that are to run, in the order of collection; empty where workers collect."""
        self.uncollected: list[str] = []
        """Modules that could not be collected."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember how a test ended."""
        if report.outcome == "rerun":  # type: ignore[comparison-overlap]  # pytest-rerunfailures: it runs again
            self._seen.pop(report.nodeid, None)
            return
        before = self._seen.get(report.nodeid, _Seen(None))
        if before.outcome not in FAILING:
            self._seen[report.nodeid] = _after(before, report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Remember what could not be collected."""
        if report.failed:
            self.uncollected.append(report.nodeid)

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Remember why pytest stopped."""
        self._stopped = one_line(str(excinfo.value), _LONGEST) or "interrupted"

    @property
    def deselected(self) -> set[str]:
        """Node ids of the load tests that this plugin skipped."""
        return {nodeid for nodeid, seen in self._seen.items() if seen.outcome is PytestOutcome.DESELECTED}

    @property
    def unasked(self) -> int:
        """Number of load tests skipped because they were not requested."""
        return sum(seen.reason == UNASKED for seen in self._seen.values())

    @property
    def ordinary(self) -> bool:
        """True if a test was reported that this plugin did not skip."""
        return any(seen.outcome is not PytestOutcome.DESELECTED for seen in self._seen.values())

    def outcomes(
        self, selected: Iterable[str], measured: Collection[str], redact: Callable[[str], str]
    ) -> list[TestOutcome]:
        """How each load test ended.

        Args:
            selected: node ids of the load tests that were to run, in the order of collection.
            measured: those of which there are results.
            redact: replaces secrets.
        """
        found = []
        for nodeid in dict.fromkeys([*selected, *self._seen]):
            seen = self._seen.get(nodeid)
            begun = seen is not None or nodeid in measured
            if seen is None or seen.outcome is None:
                seen = _Seen(PytestOutcome.INTERRUPTED if begun else PytestOutcome.NOT_RUN)
            found.append(TestOutcome(nodeid, seen.outcome or PytestOutcome.NOT_RUN, seen.phase, redact(seen.reason)))
        known = set(selected) | set(measured)
        return [o for o in found if o.nodeid in known or o.outcome is PytestOutcome.DESELECTED]

    def end(self, session: pytest.Session, load_tests: Collection[str]) -> RunEnd:
        """How the pytest run ended.

        Args:
            session: pytest's.
            load_tests: node ids, whose own failures are reported elsewhere.
        """
        others = [n for n, seen in self._seen.items() if seen.outcome in FAILING and n not in load_tests]
        stopped = self._stopped or str(session.shouldfail or session.shouldstop or "")
        return RunEnd(int(session.exitstatus), one_line(stopped, _LONGEST), (*self.uncollected, *others))


def _after(before: _Seen, report: pytest.TestReport) -> _Seen:
    phase, subtest = report.when or "", hasattr(report, "context")
    if report.failed:
        fixture = phase != "call"
        return _Seen(PytestOutcome.ERROR if fixture else PytestOutcome.FAILED, phase, _first_line(report))
    if subtest or (report.passed and phase != "call"):
        return before
    expected = getattr(report, "wasxfail", None)
    if report.skipped and expected is not None:
        return _Seen(PytestOutcome.XFAILED, phase, one_line(str(expected).removeprefix("reason: "), _LONGEST))
    if report.skipped:
        reason = _skip_reason(report)
        outcome = PytestOutcome.DESELECTED if is_deselection(reason) else PytestOutcome.SKIPPED
        return _Seen(outcome, phase, reason)
    return _Seen(PytestOutcome.PASSED if expected is None else PytestOutcome.XPASSED)


def _first_line(report: pytest.TestReport) -> str:
    """The message of a failure, as pytest's short summary shows it."""
    crash: Any = getattr(report.longrepr, "reprcrash", None)
    lines = str(getattr(crash, "message", None) or report.longrepr or "").strip().splitlines()
    return one_line(lines[0].removeprefix("Failed: "), _LONGEST) if lines else ""


def _skip_reason(report: pytest.TestReport) -> str:
    told = report.longrepr
    text = told[2] if isinstance(told, tuple) else str(told or "")
    return one_line(text.removeprefix("Skipped: "), _LONGEST)
