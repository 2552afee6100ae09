"""One target against what was measured.

Zero samples fail, and so does a metric that was never recorded: a target that nothing was measured for is a mistake in
the test, not a success. In a test that was cut short it is undecided, in a smoke test latency is not judged at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_rtmedload.results.model import Kind, Verdict
from pytest_rtmedload.results.names import ITERATION
from pytest_rtmedload.results.plan import PERCENTILES, VALUE_LIMITS, Evidence
from pytest_rtmedload.results.recording import Outcome
from pytest_rtmedload.text import comparisons
from pytest_rtmedload.text.comparisons import Comparison
from pytest_rtmedload.verdict.findings import without_samples
from pytest_rtmedload.verdict.latency import judge_maximum, judge_percentile
from pytest_rtmedload.verdict.observations import judge_rate, judge_value, value_stats
from pytest_rtmedload.verdict.shares import judge_errors

if TYPE_CHECKING:
    from pytest_rtmedload.results.model import TargetResult
    from pytest_rtmedload.results.plan import Target
    from pytest_rtmedload.verdict.samples import Measured


def judge_target(target: Target, measured: Measured) -> TargetResult:
    """What the measured phase says about one limit."""
    if target.name == "errors":
        return judge_errors(target, measured) or _missing(target, Kind.ERRORS, measured)
    values = {} if target.metric in measured.metrics else value_stats(measured.recording)
    if target.name in VALUE_LIMITS and target.metric in values:
        return judge_value(target, values[target.metric], measured)
    if target.name == "min_rate":
        return _rate(target, measured)
    return (
        _latency(target, measured) if target.name in (*PERCENTILES, "max") else _missing(target, Kind.VALUE, measured)
    )


def metric_of(target: Target, measured: Measured) -> str:
    """The metric of a target: its own, else the one the marker names for latencies, `iteration` for rates."""
    return target.metric or (ITERATION if target.name in ("errors", "min_rate") else measured.plan.metric)


def _rate(target: Target, measured: Measured) -> TargetResult:
    if measured.plan.evidence is Evidence.NONE:
        return _not_judged(target, Kind.RATE, measured)
    found = judge_rate(target, measured) if metric_of(target, measured) in measured.metrics else None
    return found or _missing(target, Kind.RATE, measured)


def _latency(target: Target, measured: Measured) -> TargetResult:
    maximum = target.name == "max"
    kind = Kind.MAXIMUM if maximum else Kind.LATENCY
    if measured.plan.evidence is Evidence.NONE:
        return _not_judged(target, kind, measured)
    metric = metric_of(target, measured)
    samples = measured.samples(metric)
    if not samples.n:
        return _missing(target, kind, measured)
    return (judge_maximum if maximum else judge_percentile)(target, metric, samples, measured)


def _not_judged(target: Target, kind: Kind, measured: Measured) -> TargetResult:
    compared = _asked(target, kind, measured)
    return without_samples(target, kind, compared, Verdict.INCONCLUSIVE, "not judged (smoke)")


def _missing(target: Target, kind: Kind, measured: Measured) -> TargetResult:
    verdict = Verdict.INCONCLUSIVE if measured.plan.interrupted is not None else Verdict.FAIL
    return without_samples(target, kind, _asked(target, kind, measured), verdict, _why(target, measured))


def _asked(target: Target, kind: Kind, measured: Measured) -> Comparison:
    """The target without a value, for print."""
    what = target.name.partition("_")[0]
    if kind is Kind.ERRORS:
        limit = comparisons.percent(target.limit)
        return Comparison(f"errors of {target.metric or 'operations'}", 0, limit, "%")
    if kind is Kind.RATE:
        return Comparison(f"{target.metric} rate".lstrip(), 0, target.limit, "/s", floor=True)
    unit = "" if kind is Kind.VALUE else "ms"
    return Comparison(f"{metric_of(target, measured)} {what}", 0, target.limit, unit, floor="min" in target.name)


def _why(target: Target, measured: Measured) -> str:
    """Why there is nothing to judge, in words that help to repair it."""
    metric, recorded = metric_of(target, measured), measured.recording.metrics()
    values = value_stats(measured.recording)
    if metric in values and metric not in recorded:
        return f"not a time but a value; limits on it are {', '.join(VALUE_LIMITS)}"
    failed = measured.count(metric, Outcome.FAILED, Outcome.ABORTED)
    if failed and target.name != "errors":
        return f"no samples ({failed} failed)"
    if metric in recorded or not (recorded or values):
        return "no samples in the measured phase" if recorded else "no samples"
    return f"never recorded; recorded were {', '.join([*recorded, *values])}"
