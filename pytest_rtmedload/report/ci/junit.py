"""Results where a CI server looks for them: in test cases, and in one more case for each criterion of the run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from pytest_rtmedload.report import phrases
from pytest_rtmedload.results.model import Verdict
from pytest_rtmedload.text import formats

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_rtmedload.results.model import CriterionResult, TestResult

_NODEID = "load::criteria::"
_SHOWN_ERRORS = 5
_EXAMPLE_LINES = 20
_DECIMALS = 3  # microseconds: what a histogram can tell


def properties(test: TestResult) -> list[tuple[str, object]]:
    """The `user_properties` of a load test's report. What was not measured is an empty string, never 0.

    Percentiles are those of the test's `metric`; `load.errors` counts its iterations that failed or never ended.
    """
    metric = test.metrics.get(test.metric)
    p50, p95, p99 = (metric.p50_ms, metric.p95_ms, metric.p99_ms) if metric else (None, None, None)
    return [
        ("load.verdict", test.verdict.value),
        ("load.users", test.users),
        ("load.iterations", test.iterations),
        ("load.rate", _rounded(test.rate)),
        ("load.errors", test.failed + test.censored),
        ("load.p50_ms", _rounded(p50)),
        ("load.p95_ms", _rounded(p95)),
        ("load.p99_ms", _rounded(p99)),
    ]


def failure_text(test: TestResult) -> str:
    """Why the test failed, for pytest's FAILURES section and the failure message; the first line says it alone."""
    targets = [target.text for target in phrases.by_verdict(test.targets)]
    reasons = test.reasons or [t.text for t in test.targets if t.verdict is not Verdict.PASS]
    first = reasons[0] if reasons else f"verdict {test.verdict.value}"
    lines = [f"{test.verdict.value}: {first}", phrases.size_line(test)]
    marks = [*phrases.labels(test), *filter(None, [phrases.consequence(test)])]
    lines += [" · ".join(marks)] if marks else []
    lines += dict.fromkeys([*reasons[1:], *(line for line in targets if line != first)])
    lines.append(phrases.generator_line(test.generator))
    lines += [f"note: {note}" for note in test.notes]
    shown = [formats.one_line(line) for line in lines]
    for error in test.errors[:_SHOWN_ERRORS]:
        shown.append(phrases.error_line(error))
        shown += [f"    {line}" for line in formats.printable(error.example)[-_EXAMPLE_LINES:]]
    if len(test.errors) > _SHOWN_ERRORS:
        shown.append(f"… and {formats.count(len(test.errors) - _SHOWN_ERRORS, 'other kind')} of error")
    return "\n".join(shown)


def criterion_reports(criteria: Iterable[CriterionResult], *, goals_fail: bool = False) -> list[pytest.TestReport]:
    """One report per criterion of the run, to be logged at session finish: JUnit shows each as a test case.

    Args:
        criteria: the judged criteria.
        goals_fail: whether a missed goal fails the run (strict evidence); a crossed limit always does.

    Returns:
        Reports that passed, failed (the criterion fails the run) or were skipped: a goal missed without
        consequence and a criterion that could not be judged are neither a pass nor a failure.
    """
    taken: set[str] = set()
    return [_criterion_report(criterion, _slug(criterion.name, taken), goals_fail) for criterion in criteria]


def criterion_status(report: pytest.CollectReport | pytest.TestReport, *, logged: bool) -> tuple[str, str, str] | None:
    """What `pytest_report_teststatus` returns for a criterion's report, None for any other.

    A criterion is no test of the user: without this, pytest would print a dot behind `[100%]` and count it as one more
    that passed or was skipped. One that failed is counted and shown.

    Args:
        report: any report.
        logged: False while the criteria are being logged (pytest then prints what it is given), True afterwards, when
            pytest asks again for the word in its short summary.
    """
    if not report.nodeid.startswith(_NODEID):
        return None
    if not report.failed:
        return ("", "", "")
    return ("failed", "", "FAILED" if logged else "")


def _criterion_report(criterion: CriterionResult, slug: str, goals_fail: bool) -> pytest.TestReport:
    text = formats.one_line(f"{criterion.kind}: {criterion.text}")
    report = pytest.TestReport(
        nodeid=_NODEID + slug,
        location=("load", None, f"criteria.{slug}"),
        keywords={},
        outcome="passed",
        longrepr=None,
        when="call",
        user_properties=[("load.verdict", criterion.verdict.value), ("load.criterion", text)],
    )
    if criterion.verdict is Verdict.FAIL and (goals_fail or criterion.kind == "limit"):
        report.outcome, report.longrepr = "failed", text
    elif criterion.verdict is not Verdict.PASS:
        report.outcome, report.longrepr = "skipped", ("load", 0, f"Skipped: {text}")
    return report


def _slug(name: str, taken: set[str]) -> str:
    """A node id's part: words of the name, unique among the criteria."""
    base = slug = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "criterion"
    number = 1
    while slug in taken:
        number += 1
        slug = f"{base}_{number}"
    taken.add(slug)
    return slug


def _rounded(value: float | None) -> object:
    return "" if value is None else round(value, _DECIMALS)
