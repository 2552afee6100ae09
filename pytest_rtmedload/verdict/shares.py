"""Shares of failed operations: k = failed + censored of n = ok + failed + censored, by the rule of all targets.

Operations are all metrics but `iteration` and those that are part of another one. Iterations are judged too
when some failed for a reason of their own (an assertion, a failed check); an iteration that ended because an operation
failed is not a second error. The worse of the two is the result. Errors count one by one, not by seconds or calls: a
burst of errors is a fact about the test, and no sampling accident. A limit of 0 cannot be proved by any number of
samples; it is observed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_rtmedload.results.model import Kind, Verdict
from pytest_rtmedload.results.names import ITERATION, wholes
from pytest_rtmedload.results.plan import Evidence
from pytest_rtmedload.results.recording import Outcome
from pytest_rtmedload.text import comparisons
from pytest_rtmedload.text.comparisons import Comparison
from pytest_rtmedload.verdict.decisions import infer, observe
from pytest_rtmedload.verdict.evidence import ShareRule, lower_bound, upper_bound
from pytest_rtmedload.verdict.findings import result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_rtmedload.results.model import TargetResult
    from pytest_rtmedload.results.plan import Target, TestPlan
    from pytest_rtmedload.verdict.decisions import Decision, MeasuredView
    from pytest_rtmedload.verdict.samples import Measured

_BADNESS: Final = (Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL)


class Share(NamedTuple):
    """k errors among n."""

    of: str
    k: int
    n: int


def decide_errors(target: Target, measured: MeasuredView) -> Decision | None:
    """A limit on a share of errors; None where nothing was tried."""
    judged = [_decide(target, share, measured.plan) for share in _shares(target, measured)]
    return max(judged, key=_badness, default=None)


def errors_result(target: Target, found: Decision, measured: Measured) -> TargetResult:
    """A decision on a share of errors, with its bounds."""
    if found.rule is None:
        return result(target, found, measured, "point estimate" if target.limit else "observed, no inference")
    bounds = lower_bound(found.k, found.n), upper_bound(found.k, found.n)
    percents = comparisons.percent(bounds[0]), comparisons.percent(bounds[1])
    return result(target, found, measured, comparisons.bounds_text(percents, *found.compared.marks), bounds)


def _shares(target: Target, measured: MeasuredView) -> list[Share]:
    if target.metric and target.metric != ITERATION:
        shares = [_share(target.metric, [target.metric], measured)]
    elif target.metric:
        shares = [_iterations(measured)]
    else:
        operations, iterations = _share("operations", wholes(measured.metrics), measured), _iterations(measured)
        shares = [operations, iterations] if iterations.k or not operations.n else [operations]
    return [share for share in shares if share.n]


def _share(of: str, metrics: Sequence[str], measured: MeasuredView) -> Share:
    k = sum(measured.count(metric, Outcome.FAILED, Outcome.CENSORED) for metric in metrics)
    return Share(of, k, k + sum(measured.count(metric, Outcome.OK) for metric in metrics))


def _iterations(measured: MeasuredView) -> Share:
    of, k, n = _share("iterations", [ITERATION], measured)
    return Share(of, k, n + measured.count(ITERATION, Outcome.ABORTED))


def _decide(target: Target, share: Share, plan: TestPlan) -> Decision:
    value = share.k / share.n
    compared = Comparison(f"errors of {share.of}", comparisons.percent(value), comparisons.percent(target.limit), "%")
    if target.limit == 0 or plan.evidence in (Evidence.POINT, Evidence.NONE):
        return observe(Kind.ERRORS, compared, plan, missed=value > target.limit, n=share.n, k=share.k, value=value)
    return infer(Kind.ERRORS, compared, ShareRule.independent(share.n, target.limit), share.k, value)


def _badness(found: Decision) -> tuple[int, bool, float]:
    return _BADNESS.index(found.verdict), found.leaning == "fail", found.k / found.n
