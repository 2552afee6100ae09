"""The whole run: goals that a good run meets, limits that no run may cross, and what pytest itself says.

Criteria are judged by evidence, like targets, over all tests but those that are meant to fail: negative ones (malformed
input, storms), expected failures, and capacity searches, which go on until targets are missed. A crossed limit fails
the run always; a missed goal fails it under strict evidence and is named under provisional. Of the default criteria
only those appear for which there is data; what the project asks for, a criterion or an override of a target, is named
when it has none. Latencies of a test that was INVALID are the generator's and stay out; so do those of smoke tests,
which are not judged.

The verdict of a run is decided in one place, `verdict_of`: it is never better than pytest's exit status, and where it
is worse, its reasons say why.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_rtmedload.results.model import WORST_FIRST, CriterionResult, Summary, Verdict
from pytest_rtmedload.results.names import item_of
from pytest_rtmedload.results.outcomes import FAILING, PytestOutcome, RunEnd, counted
from pytest_rtmedload.spec.criteria import DEFAULT_CRITERIA, LIMIT
from pytest_rtmedload.text import formats
from pytest_rtmedload.verdict.criteria import run_criteria
from pytest_rtmedload.verdict.operations import iterations, operations
from pytest_rtmedload.verdict.outcomes import fails, join, why_failed
from pytest_rtmedload.verdict.unjudged import unapplied_targets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_rtmedload.results.model import TestResult
    from pytest_rtmedload.results.outcomes import TestOutcome
    from pytest_rtmedload.results.plan import Target
    from pytest_rtmedload.spec.criteria import Criterion

UNKNOWN_END: Final = RunEnd()
_NAMED_TESTS: Final = 3
"""Tests named in the reasons of a run; more of them are counted."""
_FINISHED: Final = frozenset({"passed", "failed", "inconclusive", "invalid", "xfailed", "xpassed"})


@dataclass(frozen=True, slots=True)
class Requirements:
    """What a run is judged by beside the limits of its tests."""

    criteria: tuple[Criterion, ...] = DEFAULT_CRITERIA
    targets: tuple[tuple[Target, ...], ...] = ()
    """Overrides of targets."""
    demanded: tuple[Target, ...] = ()
    """Those of the command line."""

    @property
    def undemanding(self) -> Requirements:
        """The same for a run that was cut short, in which what was not measured is not a mistake."""
        return Requirements(tuple(replace(criterion, demanded=False) for criterion in self.criteria), self.targets)


DEFAULTS: Final = Requirements()
"""The default criteria, and no overrides."""


class JudgedRun(NamedTuple):
    """A run, judged: what every report reads."""

    summary: Summary
    criteria: list[CriterionResult]
    tests: list[TestResult]
    """With what pytest made of them."""
    outcomes: list[TestOutcome]


def judge_run(
    results: Sequence[TestResult],
    outcomes: Sequence[TestOutcome] = (),
    end: RunEnd = UNKNOWN_END,
    *,
    strict: bool,
    complete: bool,
    duration_s: float,
    required: Requirements = DEFAULTS,
) -> JudgedRun:
    """The run in a few numbers, its criteria, and its tests with what pytest made of them.

    Args:
        results: all judged tests; those that were superseded are shown, and count for nothing.
        outcomes: how pytest ended each load test; a result whose test is not there is taken at its own word.
        end: how the pytest run ended.
        strict: goals must be met, and met by evidence.
        complete: False when the run was cut short.
        duration_s: length of the run in seconds.
        required: the criteria, and the overrides of targets.
    """
    shown, outcomes = join(results, outcomes)
    tests = [test for test in shown if not test.superseded]
    expected = [test for test in tests if not test.negative and test.capacity is None and test.outcome != "xfailed"]
    required = required if complete else required.undemanding
    criteria = run_criteria(expected, required.criteria) + unapplied_targets(required.targets, required.demanded, tests)
    complete = complete and all(test.complete for test in tests)
    verdict, reasons = verdict_of(tests, outcomes, criteria, end, strict=strict, complete=complete)
    done, whole = operations(expected), iterations(expected)
    share = done.ok_share
    counts = counted(outcomes)
    summary = Summary(
        verdict=verdict,
        success_rate=None if share is None else 100 * share,
        tests=len(outcomes) - counts["deselected"],
        passed=counts["passed"],
        failed=counts["failed"],
        inconclusive=counts["inconclusive"],
        invalid=counts["invalid"],
        requests=done.n,
        errors=done.errors,
        duration_s=duration_s,
        complete=complete,
        skipped=counts["skipped"],
        xfailed=counts["xfailed"],
        xpassed=counts["xpassed"],
        not_run=counts["not_run"],
        errored=sum(outcome.outcome is PytestOutcome.ERROR for outcome in outcomes),
        deselected=counts["deselected"],
        other_failures=len(end.other_failures),
        iterations=whole.n,
        iterations_failed=whole.errors,
        exit_status=_exit_status(end, criteria, strict=strict),
        reasons=reasons,
    )
    return JudgedRun(summary, criteria, shown, outcomes)


def verdict_of(
    tests: Sequence[TestResult],
    outcomes: Sequence[TestOutcome],
    criteria: Sequence[CriterionResult],
    end: RunEnd,
    *,
    strict: bool,
    complete: bool,
) -> tuple[Verdict, list[str]]:
    """The verdict of a run, and why, most important first: FAIL > INVALID > INCONCLUSIVE > PASS.

    Args:
        tests: the judged tests that count, with their outcomes.
        outcomes: how pytest ended each load test.
        criteria: of the whole run.
        end: how the pytest run ended.
        strict: goals must be met, and met by evidence.
        complete: False when the run, or a test in it, was cut short.
    """
    failing = [c for c in criteria if fails_run(c, strict=strict)]
    missed = [c for c in criteria if c.verdict is Verdict.FAIL and c not in failing]
    undecided = [c for c in criteria if c.verdict is Verdict.INCONCLUSIVE]
    ranked: list[tuple[Verdict, list[str]]] = [
        (Verdict.FAIL, _of_tests("failed", tests, outcomes)),
        (Verdict.FAIL, [_criterion(c) for c in failing]),
        (Verdict.FAIL, _others(end, outcomes)),
        (Verdict.INVALID, _of_tests("invalid", tests, outcomes)),
        (Verdict.INCONCLUSIVE, _not_run(outcomes, end, complete=complete)),
        (Verdict.INCONCLUSIVE, _of_tests("inconclusive", tests, outcomes)),
        (Verdict.PASS, [_criterion(c) for c in missed]),
        (Verdict.INCONCLUSIVE if strict else Verdict.PASS, [_criterion(c) for c in undecided if c.n]),
        (Verdict.PASS, [_criterion(c) for c in undecided if not c.n]),  # named: a run is still what its tests are
        (Verdict.PASS, _expected(outcomes)),
    ]
    verdict = next((v for v in WORST_FIRST if any(v is rank and why for rank, why in ranked)), Verdict.PASS)
    reasons = [reason for _, why in ranked for reason in why]
    if verdict is Verdict.PASS and not complete:
        return Verdict.INCONCLUSIVE, reasons
    return verdict, reasons


def fails_run(criterion: CriterionResult, *, strict: bool) -> bool:
    """Whether a criterion makes the exit status non-zero."""
    if criterion.verdict is Verdict.FAIL:
        return strict or criterion.kind == LIMIT
    return False


def _exit_status(end: RunEnd, criteria: Sequence[CriterionResult], *, strict: bool) -> int | None:
    failed = any(fails_run(criterion, strict=strict) for criterion in criteria)
    return 1 if failed and end.exit_status == 0 else end.exit_status


def _of_tests(count: str, tests: Sequence[TestResult], outcomes: Sequence[TestOutcome]) -> list[str]:
    """How many tests are in this count, which, and the first reason of each."""
    found = [outcome for outcome in outcomes if outcome.counted == count]
    if not found:
        return []
    whole = sum(outcome.counted != "deselected" for outcome in outcomes)
    said = f"{len(found):,} of {formats.count(whole, 'test')} {count}"
    if len(found) <= _NAMED_TESTS:
        said += f": {', '.join(formats.short_name(outcome.nodeid) for outcome in found)}"
    if count == "inconclusive":
        return [said]
    explained = found if len(found) <= _NAMED_TESTS else found[:1]
    return [said, *(f"{formats.short_name(outcome.nodeid)}: {_why(outcome, tests)}" for outcome in explained)]


def _why(outcome: TestOutcome, tests: Sequence[TestResult]) -> str:
    verdict = {"failed": Verdict.FAIL, "invalid": Verdict.INVALID}.get(outcome.counted, Verdict.INCONCLUSIVE)
    mine = [
        test for test in tests if item_of(test.nodeid) == outcome.nodeid and test.verdict is verdict and fails(test)
    ]
    found = next((reason for test in mine for reason in test.reasons), None)
    return formats.one_line(found or why_failed(outcome), 300)


def _others(end: RunEnd, outcomes: Sequence[TestOutcome]) -> list[str]:
    """What failed beside load tests: a green report must not stand beside a red exit status."""
    if not end.other_failures:
        unexplained = end.exit_status == 1 and not any(outcome.outcome in FAILING for outcome in outcomes)
        return ["pytest's exit status is 1, and no load test failed: see its output"] if unexplained else []
    named = ", ".join(formats.short_name(nodeid) for nodeid in end.other_failures[:_NAMED_TESTS])
    more = len(end.other_failures) - _NAMED_TESTS
    rest = f" and {more:,} more" if more > 0 else ""
    return [f"also failed in this pytest run, and no load test: {named}{rest}"]


def _not_run(outcomes: Sequence[TestOutcome], end: RunEnd, *, complete: bool) -> list[str]:
    """What was not measured because the run ended early, or because nothing was there to be measured."""
    counts = counted(outcomes)
    reasons = [f"pytest stopped early: {end.stopped}"] if end.stopped and not complete else []
    if counts["not_run"]:
        reasons.append(f"{formats.count(counts['not_run'], 'test')} never began")
    if not any(counts[name] for name in _FINISHED):
        skipped = next((f" ({outcome.reason})" for outcome in outcomes if outcome.reason), "")
        whole = ", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in counts.items() if n)
        reasons.append(f"no load test ran: {whole or 'none was collected'}{skipped}")
    elif (end.exit_status or 0) > 1 and not reasons:
        reasons.append(f"pytest ended with exit status {end.exit_status}")
    return reasons


def _criterion(criterion: CriterionResult) -> str:
    return f"{criterion.kind}: {criterion.text}"


def _expected(outcomes: Sequence[TestOutcome]) -> list[str]:
    found = [outcome for outcome in outcomes if outcome.counted == "xfailed"]
    if not found:
        return []
    names = ", ".join(formats.short_name(outcome.nodeid) for outcome in found[:_NAMED_TESTS])
    more = f" and {len(found) - _NAMED_TESTS:,} more" if len(found) > _NAMED_TESTS else ""
    return [f"failed as expected (xfail), which fails nothing: {names}{more}"]
