"""Results where a CI server looks for them: in test cases, and in one more case for each criterion of the run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

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
_DECIMALS = 3  # microseconds: the resolution of a histogram


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
        *([] if test.capacity is None else [("load.capacity", formats.one_line(test.capacity.text))]),
    ]


def tell_failure(properties: list[tuple[str, object]], report: pytest.TestReport) -> None:
    """Set the verdict of a test that pytest failed for a reason other than its verdict.

    Args:
        properties: the `user_properties` of the test, changed in place.
        report: one that failed.
    """
    names = [name for name, _ in properties]
    if "load.verdict" in names:
        last = len(names) - 1 - names[::-1].index("load.verdict")
        if report.when != "call" or not str(report.longrepr).startswith(f"{properties[last][1]}: "):
            properties[last] = ("load.verdict", Verdict.FAIL.value)


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


def add_criteria(config: pytest.Config, criteria: Iterable[CriterionResult], *, goals_fail: bool = False) -> str | None:
    """Add a test case for each criterion of the run to pytest's JUnit file; to be called before that is written.

    A criterion is not a test, so it is not logged as one: other plugins would look for a test of its node id, and
    `--last-failed` would keep it.

    Args:
        config: pytest's.
        criteria: the judged criteria.
        goals_fail: whether a missed goal fails the run (strict evidence); a crossed limit always does.

    Returns:
        Why they could not be added, in one line.
    """
    plugins = (plugin for _, plugin in config.pluginmanager.list_name_plugin())
    files: list[Any] = [plugin for plugin in plugins if type(plugin).__name__ == "LogXML"]
    try:
        for file in files:
            for report in criterion_reports(criteria, goals_fail=goals_fail):
                file.pytest_runtest_logreport(report)
    except Exception as error:  # noqa: BLE001 - pytest's own class, which may change
        return formats.one_line(f"criteria in the JUnit file: {type(error).__name__}: {error}", 300)
    return None


def criterion_reports(criteria: Iterable[CriterionResult], *, goals_fail: bool = False) -> list[pytest.TestReport]:
    """A report for each criterion of the run, from which JUnit makes test cases.

    Args:
        criteria: the judged criteria.
        goals_fail: whether a missed goal fails the run (strict evidence); a crossed limit always does.

    Returns:
        Reports that passed, failed (the criterion fails the run) or were skipped: a goal missed without
        consequence and a criterion that could not be judged are neither a pass nor a failure.
    """
    taken: set[str] = set()
    return [_criterion_report(criterion, _slug(criterion.name, taken), goals_fail) for criterion in criteria]


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
