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
from pytest_rtmedload.verdict.decisions import Decision
from pytest_rtmedload.verdict.findings import result, without_samples
from pytest_rtmedload.verdict.latency import decide_maximum, decide_percentile, percentile_result
from pytest_rtmedload.verdict.observations import decide_rate, decide_value
from pytest_rtmedload.verdict.shares import decide_errors, errors_result

if TYPE_CHECKING:
    from pytest_rtmedload.results.model import TargetResult
    from pytest_rtmedload.results.plan import Target
    from pytest_rtmedload.verdict.decisions import MeasuredView
    from pytest_rtmedload.verdict.samples import Measured


def judge_target(target: Target, measured: Measured) -> TargetResult:
    """What the measured phase says about one limit."""
    found = decide_target(target, measured)
    if found.missing:
        return without_samples(target, found, _why(target, found, measured))
    if found.kind is Kind.LATENCY:
        return percentile_result(target, found, measured.samples(metric_of(target, measured)), measured)
    if found.kind is Kind.ERRORS:
        return errors_result(target, found, measured)
    return result(target, found, measured, "observed")


def decide_target(target: Target, measured: MeasuredView) -> Decision:
    """The verdict on one limit by what was measured, without what only reports need."""
    if target.name == "errors":
        return decide_errors(target, measured) or _missing(target, Kind.ERRORS, measured)
    values = {} if target.metric in measured.metrics else measured.values
    if target.name in VALUE_LIMITS and target.metric in values:
        return decide_value(target, values[target.metric], measured.plan)
    if target.name == "min_rate":
        return _rate(target, measured)
    if target.name in (*PERCENTILES, "max"):
        return _latency(target, measured)
    return _missing(target, Kind.VALUE, measured)


def metric_of(target: Target, measured: MeasuredView) -> str:
    """The metric of a target: its own, else the one the marker names for latencies, `iteration` for rates."""
    return target.metric or (ITERATION if target.name in ("errors", "min_rate") else measured.plan.metric)


def _rate(target: Target, measured: MeasuredView) -> Decision:
    judged = measured.plan.evidence is not Evidence.NONE and metric_of(target, measured) in measured.metrics
    found = decide_rate(target, measured) if judged else None
    return found or _missing(target, Kind.RATE, measured)


def _latency(target: Target, measured: MeasuredView) -> Decision:
    maximum, metric = target.name == "max", metric_of(target, measured)
    samples = measured.samples(metric)
    if not samples.n or measured.plan.evidence is Evidence.NONE:
        return _missing(target, Kind.MAXIMUM if maximum else Kind.LATENCY, measured)
    return (decide_maximum if maximum else decide_percentile)(target, metric, samples, measured.plan)


def _missing(target: Target, kind: Kind, measured: MeasuredView) -> Decision:
    """Nothing to judge: the test's mistake, unless it had no chance to measure it."""
    excused = measured.plan.interrupted is not None or _smoke(kind, measured)
    verdict = Verdict.INCONCLUSIVE if excused else Verdict.FAIL
    return Decision(kind, _asked(target, kind, measured), verdict, missing=True)


def _smoke(kind: Kind, measured: MeasuredView) -> bool:
    return measured.plan.evidence is Evidence.NONE and kind in (Kind.LATENCY, Kind.MAXIMUM, Kind.RATE)


def _asked(target: Target, kind: Kind, measured: MeasuredView) -> Comparison:
    """The target without a value, for print."""
    what = target.name.partition("_")[0]
    if kind is Kind.ERRORS:
        limit = comparisons.percent(target.limit)
        return Comparison(f"errors of {target.metric or 'operations'}", 0, limit, "%")
    if kind is Kind.RATE:
        return Comparison(f"{target.metric} rate".lstrip(), 0, target.limit, "/s", floor=True)
    unit = "" if kind is Kind.VALUE else "ms"
    return Comparison(f"{metric_of(target, measured)} {what}", 0, target.limit, unit, floor="min" in target.name)


def _why(target: Target, found: Decision, measured: Measured) -> str:
    """Why there is nothing to judge, in words that help to repair it."""
    if _smoke(found.kind, measured):
        return "not judged (smoke)"
    metric, recorded, values = metric_of(target, measured), measured.recording.metrics(), measured.values
    if metric in values and metric not in recorded:
        return f"not a time but a value; limits on it are {', '.join(VALUE_LIMITS)}"
    failed = measured.count(metric, Outcome.FAILED, Outcome.ABORTED)
    if failed and target.name != "errors":
        return f"no samples ({failed} failed)"
    if metric in recorded or not (recorded or values):
        return "no samples in the measured phase" if recorded else "no samples"
    return f"never recorded; recorded were {', '.join([*recorded, *values])}"
