"""Recovery: how long after a spike until answers are again what they were before it.

Seconds after the spike are looked at in windows that hold some samples. A window is as before when at least half of
its samples are within the P95 that was seen before the spike (and 10 % and 5 ms on top, for what differs anyway);
failed and unanswered ones are not. The recovery ends where the first of three such windows in a row begins:
one good second in between does not count.
"""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.results.recording import Outcome, Phase
from pytest_rtmedload.verdict.samples import Measured

if TYPE_CHECKING:
    from pytest_rtmedload.results.plan import Stage

VALUE: Final = "recovery_time"
"""Name of the value, in seconds, that a limit such as `targets={"recovery_time": {"max": 5}}` is for."""
SAMPLES: Final = 5
"""Samples a window holds, about, at the rate before the spike."""
IN_A_ROW: Final = 3
SLACK, SLACK_MS = 0.10, 5.0


def recovery_s(measured: Measured, before: Stage, after: Stage) -> float | None:
    """Seconds from the end of a spike until the test's metric is as before; None when that was never seen."""
    metric = measured.plan.metric
    baseline = _within(measured, before.begin, before.end)
    usual = baseline.samples(metric).percentile("p95")
    if usual is None:
        return None
    limit_us = round(usual * (1 + SLACK) + SLACK_MS * 1000)
    width = max(1, ceil(SAMPLES * (before.end - before.begin) / baseline.samples(metric).n))
    begins = range(int(after.begin), int(after.end) - width + 1, width)
    good = [_as_before(_within(measured, begin, begin + width), metric, limit_us) for begin in begins]
    needed = min(IN_A_ROW, len(good))
    for number, begin in enumerate(begins):
        row = good[number : number + needed]
        if needed and len(row) == needed and all(row):
            return float(begin - after.begin)
    return None


def _as_before(window: Measured, metric: str, limit_us: int) -> bool:
    samples = window.samples(metric)
    failed = window.count(metric, Outcome.FAILED, Outcome.ABORTED)
    slow, all_of_them = samples.above(limit_us) + failed, samples.n + failed
    return bool(all_of_them) and slow <= all_of_them / 2


def _within(measured: Measured, begin: float, end: float) -> Measured:
    part = measured.recording.between(int(begin), int(end))
    return Measured(replace(measured.plan, phases={str(Phase.MEASURE): (begin, end)}), part)
