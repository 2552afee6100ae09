"""Limits on latencies: percentiles by evidence, the maximum as observed.

PASS ⇔ the upper bound is at most the limit, FAIL ⇔ the lower bound is above it, as printed. A percentile among the
censored has no value, only what was waited; a censored sample is above every limit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_rtmedload.results.histogram import rank_of
from pytest_rtmedload.results.model import Kind, Verdict
from pytest_rtmedload.results.plan import PERCENTILES, Evidence
from pytest_rtmedload.text import comparisons
from pytest_rtmedload.text.comparisons import Comparison
from pytest_rtmedload.verdict.decisions import infer, observe
from pytest_rtmedload.verdict.evidence import MIN_CLUSTERS
from pytest_rtmedload.verdict.findings import result
from pytest_rtmedload.verdict.samples import edge_us, milliseconds

if TYPE_CHECKING:
    from pytest_rtmedload.results.model import TargetResult
    from pytest_rtmedload.results.plan import Target, TestPlan
    from pytest_rtmedload.verdict.decisions import Decision, SamplesView
    from pytest_rtmedload.verdict.samples import Measured, Samples


def decide_percentile(target: Target, metric: str, samples: SamplesView, plan: TestPlan) -> Decision:
    """A limit in milliseconds on a percentile of at least one sample."""
    rule, k = samples.rule(target.name), samples.above(edge_us(target.limit))
    rank = rank_of(PERCENTILES[target.name], samples.n)
    value = samples.at_rank(rank)
    known = samples.at_least(rank) if value is None else value
    compared = Comparison(f"{metric} {target.name}", known / 1000, target.limit, "ms", at_least=value is None)
    if plan.evidence is Evidence.POINT:
        return observe(
            Kind.LATENCY,
            compared,
            plan,
            missed=rule.point_fails(k),
            n=samples.n,
            k=k,
            value=milliseconds(value),
        )
    return infer(Kind.LATENCY, compared, rule, k, milliseconds(value))


def decide_maximum(target: Target, metric: str, samples: SamplesView, plan: TestPlan) -> Decision:
    """A limit in milliseconds on the slowest of at least one sample."""
    unknown, slowest = samples.censored > 0, samples.slowest_us / 1000
    return observe(
        Kind.MAXIMUM,
        Comparison(f"{metric} max", slowest, target.limit, "ms", at_least=unknown),
        plan,
        missed=unknown or slowest > target.limit,
        n=samples.n,
        k=samples.above(edge_us(target.limit)),
        value=None if unknown else slowest,
    )


def percentile_result(target: Target, found: Decision, samples: Samples, measured: Measured) -> TargetResult:
    """A decision on a percentile, with its bounds."""
    bounds = _bounds(target, samples)
    unanswered = found.verdict is Verdict.FAIL and samples.rule(target.name).fails(found.k) and bounds[0] is None
    basis = "lower bound never answered" if unanswered else comparisons.bounds_text(bounds, target.limit)
    assumed = "point estimate" if measured.plan.evidence is Evidence.POINT else _from_calls(samples)
    return result(target, found, measured, basis, bounds, assumed)


def holds_without_lag(found: TargetResult, metric: str, measured: Measured) -> bool:
    """True when a FAIL would not be one if the samples made while the generator lagged were within the limit."""
    samples, lagged = measured.samples(metric), measured.samples(metric, lagged=True)
    if found.verdict is not Verdict.FAIL or not lagged.n:
        return False
    limit_us = edge_us(found.limit)
    k = samples.above(limit_us) - lagged.above(limit_us)
    if found.kind is Kind.MAXIMUM:
        return k == 0
    rule = samples.rule(found.name)
    return not (rule.point_fails(k) if measured.plan.evidence is Evidence.POINT else rule.fails(k))


def _from_calls(samples: Samples) -> str:
    """How many calls the samples are from, and whether that is enough."""
    if samples.calls is None:
        return ""
    return f"{samples.calls} calls" if samples.calls >= MIN_CLUSTERS else f"{samples.calls} of {MIN_CLUSTERS} calls"


def _bounds(target: Target, samples: Samples) -> tuple[float | None, float | None]:
    """Bounds in milliseconds.

    A lower bound among samples that were never answered is above every limit. It is left out where less was waited
    than the limit: a number below the limit would say the opposite.
    """
    low, high = samples.bounds(target.name)
    limit_us = edge_us(target.limit)
    if low is not None and low <= limit_us and samples.rule(target.name).fails(samples.above(limit_us)):
        low = None
    return milliseconds(low), milliseconds(high)
