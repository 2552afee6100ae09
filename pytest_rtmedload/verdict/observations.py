"""Rates and values are compared as observed, because no sampling theory holds for any agent's means and peaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_rtmedload.results.model import Kind
from pytest_rtmedload.results.names import ITERATION
from pytest_rtmedload.results.recording import Outcome, ValueStats
from pytest_rtmedload.text.comparisons import Comparison
from pytest_rtmedload.verdict.decisions import observe

if TYPE_CHECKING:
    from pytest_rtmedload.results.plan import Target, TestPlan
    from pytest_rtmedload.verdict.decisions import Decision, MeasuredView


def decide_rate(target: Target, measured: MeasuredView) -> Decision | None:
    """A lower limit on samples that ended well, per second of the measured phase; None where there was none."""
    count = measured.count(target.metric or ITERATION, Outcome.OK)
    rate = measured.rate(count)
    if rate is None:
        return None
    subject = f"{target.metric} rate".lstrip()
    compared = Comparison(subject, rate, target.limit, "/s", at_least=measured.plan.saturated, floor=True)
    return observe(Kind.RATE, compared, measured.plan, missed=rate < target.limit, n=count, value=rate)


def decide_value(target: Target, stats: ValueStats, plan: TestPlan) -> Decision:
    """A limit on the mean, the largest or the smallest of a quantity that is not a time."""
    what, _, side = target.name.partition("_")
    floor = "min" in (what, side)
    value = {"mean": stats.total / stats.count, "max": stats.maximum, "min": stats.minimum}[what]
    missed = value < target.limit if floor else value > target.limit
    compared = Comparison(f"{target.metric} {what}", value, target.limit, stats.unit, floor=floor)
    return observe(Kind.VALUE, compared, plan, missed=missed, n=stats.count, value=value)
