"""The whole run: goals that a good run meets, and limits that no run may cross.

Criteria are judged by evidence, like targets, over all tests but those that are meant to fail: negative ones (malformed
input, storms) and capacity searches, which go on until targets are missed. A crossed limit fails the run always; a
missed goal fails it under strict evidence and is named under provisional. Of the default criteria only those appear for
which there is data; what the project asks for, a criterion or an override of a target, is named when it has none.
Latencies of a test that was INVALID are the generator's and stay out; so do those of smoke tests, which are not judged.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.results.model import CriterionResult, Summary, Verdict
from pytest_rtmedload.spec.criteria import DEFAULT_CRITERIA, LIMIT
from pytest_rtmedload.verdict.criteria import run_criteria
from pytest_rtmedload.verdict.operations import total
from pytest_rtmedload.verdict.unjudged import unapplied_targets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_rtmedload.results.model import TestResult
    from pytest_rtmedload.results.plan import Target
    from pytest_rtmedload.spec.criteria import Criterion


@dataclass(frozen=True, slots=True)
class Asked:
    """What a run is judged by beside the limits of its tests."""

    criteria: tuple[Criterion, ...] = DEFAULT_CRITERIA
    targets: tuple[tuple[Target, ...], ...] = ()
    """Overrides of targets."""
    demanded: tuple[Target, ...] = ()
    """Those of the command line."""

    @property
    def undemanding(self) -> Asked:
        """The same for a run that was cut short, in which what was not measured is no mistake."""
        return Asked(tuple(replace(criterion, demanded=False) for criterion in self.criteria), self.targets)


DEFAULTS: Final = Asked()
"""The default criteria, and no overrides."""


def summarise(
    tests: Sequence[TestResult], *, strict: bool, complete: bool, duration_s: float, asked: Asked = DEFAULTS
) -> tuple[Summary, list[CriterionResult]]:
    """The run in a few numbers, and its criteria.

    Args:
        tests: all judged tests; first runs of tests that were made twice are left out.
        strict: goals must be met, and met by evidence.
        complete: False when the run was cut short.
        duration_s: length of the run in seconds.
        asked: the criteria, and the overrides of targets.
    """
    asked = asked if complete else asked.undemanding
    tests = [test for test in tests if not test.superseded]
    counted = [test for test in tests if not test.negative and test.capacity is None]
    criteria = run_criteria(counted, asked.criteria) + unapplied_targets(asked.targets, asked.demanded, tests)
    operations = total(counted)
    share = operations.ok_share
    summary = Summary(
        verdict=_verdict(tests, criteria, strict=strict, complete=complete),
        success_rate=None if share is None else 100 * share,
        tests=len(tests),
        passed=_count(tests, Verdict.PASS),
        failed=_count(tests, Verdict.FAIL),
        inconclusive=_count(tests, Verdict.INCONCLUSIVE),
        invalid=_count(tests, Verdict.INVALID),
        requests=operations.n,
        errors=operations.errors,
        duration_s=duration_s,
        complete=complete,
    )
    return summary, criteria


def fails_run(criterion: CriterionResult, *, strict: bool) -> bool:
    """Whether a criterion makes the exit status non-zero."""
    if criterion.verdict is Verdict.FAIL:
        return strict or criterion.kind == LIMIT
    return False


def _verdict(tests: Sequence[TestResult], criteria: list[CriterionResult], *, strict: bool, complete: bool) -> Verdict:
    verdicts = {test.verdict for test in tests}
    if Verdict.FAIL in verdicts or any(fails_run(criterion, strict=strict) for criterion in criteria):
        return Verdict.FAIL
    if Verdict.INVALID in verdicts:
        return Verdict.INVALID
    # without any data (n = 0) a criterion is named, and a run of few tests is still what its tests are
    undecided = strict and any(criterion.verdict is Verdict.INCONCLUSIVE and criterion.n for criterion in criteria)
    if Verdict.INCONCLUSIVE in verdicts or undecided or not complete or not tests:
        return Verdict.INCONCLUSIVE
    return Verdict.PASS


def _count(tests: Sequence[TestResult], verdict: Verdict) -> int:
    return sum(test.verdict is verdict for test in tests)
