"""Distributions as results: of one metric, of each tag, of each second.

Percentiles are over ok and censored samples; one that falls among the censored is None, never the largest known, and
so is one that the number of samples cannot carry.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from pytest_rtmedload.results.histogram import Histogram
from pytest_rtmedload.results.model import MetricResult, TimelineMetric, TimelinePoint
from pytest_rtmedload.results.plan import PERCENTILES
from pytest_rtmedload.results.recording import Outcome, Phase
from pytest_rtmedload.verdict.samples import Samples, milliseconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_rtmedload.verdict.samples import Measured


def metric_result(measured: Measured, metric: str, tag: str | None = None) -> MetricResult:
    """The measured phase of a metric, over all tags or of one."""
    samples = measured.samples(metric, tag)
    ok = samples.ok
    bounds = {name: samples.bounds(name) for name in PERCENTILES}
    return MetricResult(
        count=ok.count,
        failed=measured.count(metric, Outcome.FAILED, Outcome.ABORTED, tag=tag),
        censored=samples.waited.count,
        min_ms=milliseconds(ok.min_us) if ok.count else None,
        mean_ms=milliseconds(ok.mean_us),
        p50_ms=milliseconds(samples.told("p50")),
        p90_ms=milliseconds(samples.told("p90")),
        p95_ms=milliseconds(samples.told("p95")),
        p99_ms=milliseconds(samples.told("p99")),
        p999_ms=milliseconds(samples.told("p999")),
        max_ms=milliseconds(ok.max_us) if ok.count else None,
        bounds_ms={name: (milliseconds(low), milliseconds(high)) for name, (low, high) in bounds.items()},
        histogram=ok.encode(),
    )


def tag_results(measured: Measured) -> dict[str, dict[str, MetricResult]]:
    """Tag → metric → distribution, of those with samples in the measured phase."""
    found = {
        tag: {
            metric: metric_result(measured, metric, tag)
            for metric in metrics
            if measured.count(metric, *Outcome, tag=tag)
        }
        for tag, metrics in measured.tagged.items()
    }
    return {tag: metrics for tag, metrics in found.items() if metrics}


def timeline(measured: Measured) -> list[TimelinePoint]:
    """One point per second of all phases, seconds without a sample included."""
    seconds = _seconds(measured)
    users, phases = measured.recording.users, measured.plan.phases
    last = max([*seconds, *users, *(int(end) - 1 for _, end in phases.values())], default=-1)
    return [
        TimelinePoint(
            second=second,
            phase=_phase_at(second, phases),
            users=users.get(second, 0),
            metrics={metric: _second(outcomes) for metric, outcomes in seconds.get(second, {}).items()},
        )
        for second in range(last + 1)
    ]


_Outcomes = dict[str, Histogram]


def _seconds(measured: Measured) -> dict[int, dict[str, _Outcomes]]:
    """Second → metric → outcome → samples, on the judged clock."""
    found: dict[int, dict[str, _Outcomes]] = defaultdict(dict)
    for metric in measured.recording.metrics():
        for outcome in Outcome:
            for cell, histogram in measured.cells(metric, outcome):
                outcomes = found[cell.second].setdefault(metric, {})
                outcomes.setdefault(outcome, Histogram()).merge(histogram)
    return found


def _second(outcomes: _Outcomes) -> TimelineMetric:
    nothing = Histogram()
    samples = Samples(outcomes.get(Outcome.OK, nothing), outcomes.get(Outcome.CENSORED, nothing))
    return TimelineMetric(
        count=samples.ok.count,
        failed=sum(outcomes[o].count for o in (Outcome.FAILED, Outcome.ABORTED) if o in outcomes),
        censored=samples.waited.count,
        p50_ms=milliseconds(samples.told("p50")),
        p95_ms=milliseconds(samples.told("p95")),
        p99_ms=milliseconds(samples.told("p99")),
        max_ms=milliseconds(samples.ok.max_us) if samples.ok.count else None,
    )


def _phase_at(second: int, phases: Mapping[str, tuple[float, float]]) -> str:
    """The phase at the beginning of a second: the last one that had begun."""
    begun = [(begin, str(phase)) for phase, (begin, _) in phases.items() if begin <= second]
    return max(begun, key=lambda phase: phase[0])[1] if begun else str(Phase.SETUP)
