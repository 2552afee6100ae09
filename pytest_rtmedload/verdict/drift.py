"""Drift: was the last third of the measured phase slower than the first?

Slower counts when it is more than 10 % and 5 ms, and separated: the 95 % bounds of the same percentile do not overlap.
Leaks and filling queues show up like that; one slow moment does not.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.results.details import DriftResult
from pytest_rtmedload.results.plan import PERCENTILES
from pytest_rtmedload.results.recording import Phase
from pytest_rtmedload.text.comparisons import number
from pytest_rtmedload.verdict.samples import Measured, milliseconds

if TYPE_CHECKING:
    from pytest_rtmedload.verdict.samples import Samples

SHORTEST_S: Final = 15.0
"""Thirds of less than five seconds say nothing about time."""
LOOKED_AT: Final = ("p50", "p95")
FLOOR_SHARE: Final = 0.10
FLOOR_MS: Final = 5.0


def drifts(measured: Measured) -> list[DriftResult]:
    """The thirds of each metric that has a latency target, and of the test's own, where there are bounds for both."""
    begin, end = measured.plan.phases.get(Phase.MEASURE, (0.0, 0.0))
    if end - begin < SHORTEST_S:
        return []
    third = (end - begin) / 3
    first, last = _within(measured, begin, begin + third), _within(measured, end - third, end)
    limited = [t.metric or measured.plan.metric for t in measured.plan.targets if t.name in PERCENTILES]
    names = [name for name in dict.fromkeys([measured.plan.metric, *limited]) if name in measured.metrics]
    found = [_compare(name, which, first.samples(name), last.samples(name)) for name in names for which in LOOKED_AT]
    return [drift for drift in found if drift is not None]


def _within(measured: Measured, begin: float, end: float) -> Measured:
    part = measured.recording.between(round(begin), round(end))
    return Measured(replace(measured.plan, phases={str(Phase.MEASURE): (begin, end)}), part)


def _compare(metric: str, which: str, first: Samples, last: Samples) -> DriftResult | None:
    bounds = [tuple(milliseconds(bound) for bound in third.bounds(which)) for third in (first, last)]
    values = [milliseconds(third.percentile(which)) for third in (first, last)]
    highest_before, lowest_after = bounds[0][1], bounds[1][0]
    if highest_before is None or lowest_after is None or values[0] is None:
        return None
    slower = values[1] is None or values[1] - values[0] > max(FLOOR_MS, FLOOR_SHARE * values[0])
    drifted = slower and lowest_after > highest_before
    return DriftResult(
        metric,
        which,
        values[0],
        values[1],
        (bounds[0][0], bounds[0][1]),
        (bounds[1][0], bounds[1][1]),
        drifted,
        _text(metric, which, values[0], values[1], bounds, drifted=drifted),
    )


def _text(
    metric: str,
    which: str,
    before: float,
    after: float | None,
    bounds: list[tuple[float | None, ...]],
    *,
    drifted: bool,
) -> str:
    said = "drifts" if drifted else "does not drift"
    shown = f"{number(after)} ms" if after is not None else "longer than was waited"
    ranges = " and ".join(f"{_bound(low)}–{_bound(high)}" for low, high in bounds)
    return (
        f"{metric} {which} {said}: {number(before)} ms in the first third, {shown} in the last (95 % bounds {ranges})"
    )


def _bound(value: float | None) -> str:
    return "?" if value is None else number(value)
