"""Criteria and overrides of targets for which nothing was measured: they are listed, and never pass.

An override on the command line that applies to no test fails the run, because it is a mistake in the command. One in
the ini file or the environment is INCONCLUSIVE, because a project sets it for all its tests and a run may select only
some of them. The same holds for criteria.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_rtmedload.results.model import CriterionResult, Verdict
from pytest_rtmedload.results.names import ITERATION
from pytest_rtmedload.results.plan import PERCENTILES
from pytest_rtmedload.spec.criteria import LIMIT, Measure
from pytest_rtmedload.text import comparisons

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_rtmedload.results.model import TestResult
    from pytest_rtmedload.results.plan import Target
    from pytest_rtmedload.spec.criteria import Criterion

_SHOWN: Final = 12
"""Most metrics named in a line."""


def unjudged_criterion(criterion: Criterion, tests: Sequence[TestResult]) -> CriterionResult:
    """The result of a criterion that the project sets and that no test has data for."""
    subject = criterion.subject
    unit = {Measure.PERCENTILE: "ms", Measure.OVER_LIMIT: "times the limit"}.get(subject.measure, "")
    limit = criterion.limit
    if subject.measure.of_shares:
        unit, limit = "%", comparisons.percent(limit)
    why = _no_test(criterion, tests) or _why(subject.metric, subject.statistic, tests)
    reason = f"{criterion.name}: not judged: {why} ({criterion.source})"
    fails = criterion.demanded and not _recorded(subject.metric, tests)
    return _result(criterion.name, criterion.kind, limit, unit, reason, fails=fails)


def unapplied_targets(
    table: Iterable[Iterable[Target]], demanded: Iterable[Target], tests: Sequence[TestResult]
) -> list[CriterionResult]:
    """Overrides of targets that applied to no test, each as a limit of the run.

    Args:
        table: all overrides.
        demanded: those of the command line.
        tests: all judged tests; without any nothing is known about the overrides.
    """
    applied = {(target.metric, target.name) for test in tests for target in test.targets}
    named = {(target.metric, target.name): target for entry in table for target in entry if target.metric}
    asked = {(target.metric, target.name) for target in demanded}
    return [
        _unapplied(target, tests, demanded=key in asked)
        for key, target in named.items()
        if tests and key not in applied
    ]


def _unapplied(target: Target, tests: Sequence[TestResult], *, demanded: bool) -> CriterionResult:
    name = f"target {target.metric} {target.name}"
    where = "--load-target" if demanded else "load_targets"
    text = f"{name}: not judged: {_why(target.metric, target.name, tests)} ({where})"
    unit = "ms" if target.name in PERCENTILES else ""
    return _result(name, LIMIT, target.limit, unit, text, fails=demanded)


def _result(name: str, kind: str, limit: float, unit: str, text: str, *, fails: bool) -> CriterionResult:
    verdict = Verdict.FAIL if fails else Verdict.INCONCLUSIVE
    kind = LIMIT if fails else kind  # under any evidence
    return CriterionResult(name, kind, None, limit, unit, 0, verdict, f"{text} {verdict.value}")


def _no_test(criterion: Criterion, tests: Sequence[TestResult]) -> str | None:
    subject = criterion.subject
    if any((not subject.critical or test.critical) and subject.group in ("", test.group) for test in tests):
        return None
    of_group = f" of the group {subject.group!r}" if subject.group else ""
    groups = ", ".join(dict.fromkeys(test.group for test in tests))
    return f"no {'critical ' if subject.critical else ''}load test{of_group} ran; groups were {groups or 'none'}"


def _recorded(metric: str, tests: Sequence[TestResult]) -> bool:
    return any(metric in test.metrics or metric in test.values for test in tests)


def _why(metric: str, statistic: str, tests: Sequence[TestResult]) -> str:
    """The reason why there is nothing to judge."""
    measured = list(dict.fromkeys(name for test in tests for name in test.metrics))
    values = list(dict.fromkeys(name for test in tests for name in test.values))
    if metric == ITERATION:
        return "no load test states a limit on iteration, which every test records"
    if metric in values and statistic in PERCENTILES:
        return f"{metric} is not a time but a value; it takes mean_max, mean_min, max or min"
    if metric in measured:
        return f"{metric} was recorded, but no sample of it can be judged by {statistic or 'this'}"
    recorded = [*measured, *values]
    shown = ", ".join(recorded[:_SHOWN]) + (f" and {len(recorded) - _SHOWN} more" if len(recorded) > _SHOWN else "")
    subject = f"no load test recorded {metric} in its measured phase" if metric else "nothing was measured"
    return f"{subject}; recorded were {shown}" if recorded else subject
