"""Shares of failed operations: k = failed + censored of n = ok + failed + censored, by the rule of all targets.

Operations are all metrics but `iteration` and those that are part of another one. Iterations are judged beside them
when some failed for a reason of their own (an assertion, a failed check); an iteration that ended because an operation
failed is not a second error. The worse of the two is the result. Errors count one by one, not by seconds or calls: a
burst of errors is a fact about the test, and no sampling accident. A limit of 0 cannot be proved by any number of
samples; it is observed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_rtmedload.results.model import Kind, Verdict
from pytest_rtmedload.results.names import ITERATION, wholes
from pytest_rtmedload.results.plan import Evidence
from pytest_rtmedload.results.recording import Outcome
from pytest_rtmedload.text import comparisons
from pytest_rtmedload.text.comparisons import Comparison
from pytest_rtmedload.verdict.evidence import ShareRule, lower_bound, upper_bound
from pytest_rtmedload.verdict.findings import Finding, inferred, observed, result

if TYPE_CHECKING:
    from pytest_rtmedload.results.model import TargetResult
    from pytest_rtmedload.results.plan import Target
    from pytest_rtmedload.verdict.samples import Measured

_BADNESS: Final = (Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL)


class Share(NamedTuple):
    """k errors among n."""

    of: str
    k: int
    n: int


def judge_errors(target: Target, measured: Measured) -> TargetResult | None:
    """A limit on a share of errors; None where nothing was tried."""
    judged = [(share, _judge(target, share, measured)) for share in _shares(target, measured)]
    if not judged:
        return None
    share, found = max(judged, key=lambda pair: _badness(*pair))
    observation = found.bounds is None
    compared = Comparison(
        f"errors of {share.of}", comparisons.percent(share.k / share.n), comparisons.percent(target.limit), "%"
    )
    if observation:
        basis = "observed, no inference" if target.limit == 0 else "point estimate"
    else:
        low, high = found.bounds or (None, None)
        basis = comparisons.bounds_text(_percents(low, high), *compared.marks)
    return result(target, found, Kind.ERRORS, compared, basis)


def _shares(target: Target, measured: Measured) -> list[Share]:
    if target.metric and target.metric != ITERATION:
        shares = [_share(target.metric, [target.metric], measured)]
    elif target.metric:
        shares = [_iterations(measured)]
    else:
        operations, iterations = _share("operations", wholes(measured.metrics), measured), _iterations(measured)
        shares = [operations, iterations] if iterations.k or not operations.n else [operations]
    return [share for share in shares if share.n]


def _share(of: str, metrics: list[str], measured: Measured) -> Share:
    k = sum(measured.count(metric, Outcome.FAILED, Outcome.CENSORED) for metric in metrics)
    return Share(of, k, k + sum(measured.count(metric, Outcome.OK) for metric in metrics))


def _iterations(measured: Measured) -> Share:
    of, k, n = _share("iterations", [ITERATION], measured)
    return Share(of, k, n + measured.count(ITERATION, Outcome.ABORTED))


def _judge(target: Target, share: Share, measured: Measured) -> Finding:
    value = share.k / share.n
    if target.limit == 0 or measured.plan.evidence in (Evidence.POINT, Evidence.NONE):
        return observed(measured, missed=value > target.limit, n=share.n, k=share.k, value=value)
    found = inferred(ShareRule.independent(share.n, target.limit), share.k, measured)
    return replace(found, value=value, bounds=(lower_bound(share.k, share.n), upper_bound(share.k, share.n)))


def _badness(share: Share, found: Finding) -> tuple[int, bool, float]:
    return _BADNESS.index(found.verdict), found.leaning == "fail", share.k / share.n


def _percents(low: float | None, high: float | None) -> tuple[float | None, float | None]:
    return None if low is None else comparisons.percent(low), None if high is None else comparisons.percent(high)
