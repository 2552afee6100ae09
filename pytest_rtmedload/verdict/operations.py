"""Operations and iterations of finished tests, counted apart: what succeeded, what failed, what never answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pytest_rtmedload.results.names import wholes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_rtmedload.results.model import MetricResult, TestResult


class Operations(NamedTuple):
    """A number of operations and how many of them failed or were never answered."""

    n: int = 0
    errors: int = 0

    @property
    def ok_share(self) -> float | None:
        """Share that ended well; None when there were none."""
        return 1 - self.errors / self.n if self.n else None


def total(tests: Iterable[TestResult]) -> Operations:
    """What the success of some tests is judged by: operations, or answers, whichever did worse.

    An agent that answers 200 and talks nonsense does not succeed: where bodies rejected what succeeding operations had
    brought, a greater share than operations failed, the share of iterations that were accepted is the one that counts.
    """
    tests = list(tests)
    done, answers = operations(tests), _answers(tests)
    worse = answers.n and answers.errors / answers.n > (done.errors / done.n if done.n else 0)
    return answers if worse else done


def operations(tests: Iterable[TestResult]) -> Operations:
    """All operations of some tests; of a test that measured nothing else, its iterations.

    What the load generator could not send counts for nothing.
    """
    found = Operations()
    for test in tests:
        whole = [test.metrics[name] for name in wholes(test.metrics)]
        found = _sum(found, of_metrics(whole or test.metrics.values()))
        found = _sum(found, _never_sent(test, found))
    return found


def iterations(tests: Iterable[TestResult]) -> Operations:
    """All iterations of some tests, and those in which anything failed or that never ended."""
    found = Operations()
    for test in tests:
        found = _sum(found, Operations(test.iterations, test.failed + test.censored))
    return found


def _answers(tests: Iterable[TestResult]) -> Operations:
    """Iterations, and those in which operations succeeded and the body rejected what they had brought."""
    found = Operations()
    for test in tests:
        found = _sum(found, Operations(test.iterations, test.failed_alone))
    return found


def _never_sent(test: TestResult, counted: Operations) -> Operations:
    """Failures of the load generator itself, taken out again: nothing was sent, so nobody failed to answer."""
    own = min(sum(test.generator.own_errors.values()), counted.errors)
    return Operations(-own, -own)


def of_metrics(metrics: Iterable[MetricResult]) -> Operations:
    """All operations of some metrics."""
    found = Operations()
    for metric in metrics:
        errors = metric.failed + metric.censored
        found = _sum(found, Operations(metric.count + errors, errors))
    return found


def _sum(one: Operations, other: Operations) -> Operations:
    return Operations(one.n + other.n, one.errors + other.errors)
