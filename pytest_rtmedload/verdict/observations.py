"""Rates and values are compared as observed, because no sampling theory holds for any agent's means and peaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_rtmedload.results.model import Kind
from pytest_rtmedload.results.names import ITERATION
from pytest_rtmedload.results.recording import Outcome, ValueStats
from pytest_rtmedload.text.comparisons import Comparison
from pytest_rtmedload.verdict.findings import observed, result

if TYPE_CHECKING:
    from pytest_rtmedload.results.model import TargetResult
    from pytest_rtmedload.results.plan import Target
    from pytest_rtmedload.results.recording import Recording
    from pytest_rtmedload.verdict.samples import Measured


def judge_rate(target: Target, measured: Measured) -> TargetResult | None:
    """A lower limit on samples that ended well, per second of the measured phase; None where there was none."""
    count = measured.count(target.metric or ITERATION, Outcome.OK)
    rate = measured.rate(count)
    if rate is None:
        return None
    found = observed(measured, missed=rate < target.limit, n=count, value=rate)
    subject = f"{target.metric} rate".lstrip()
    compared = Comparison(subject, rate, target.limit, "/s", at_least=measured.plan.saturated, floor=True)
    return result(target, found, Kind.RATE, compared, "observed")


def judge_value(target: Target, stats: ValueStats, measured: Measured) -> TargetResult:
    """A limit on the mean, the largest or the smallest of a quantity that is not a time."""
    what, _, side = target.name.partition("_")
    floor = "min" in (what, side)
    value = {"mean": stats.total / stats.count, "max": stats.maximum, "min": stats.minimum}[what]
    missed = value < target.limit if floor else value > target.limit
    found = observed(measured, missed=missed, n=stats.count, value=value)
    compared = Comparison(f"{target.metric} {what}", value, target.limit, stats.unit, floor=floor)
    return result(target, found, Kind.VALUE, compared, "observed")


def value_stats(recording: Recording) -> dict[str, ValueStats]:
    """Name → statistics over all tags, of values with at least one observation."""
    merged: dict[str, ValueStats] = {}
    for (name, _), stats in recording.values.items():
        if stats.count:
            merged.setdefault(name, ValueStats(stats.unit)).merge(stats)
    return merged
