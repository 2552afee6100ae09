"""Since when a limit was exceeded: a time to look for in the agent's log, or the load at which it began.

Derived from the seconds of the measured phase, each by its own percentile: a hint where to look, not a verdict.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_rtmedload.results.model import Verdict
from pytest_rtmedload.text import formats

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_rtmedload.results.model import StageResult, TargetResult, TestResult, TimelinePoint

THROUGHOUT: Final = 0.8
"""Share of seconds above the limit that is reported as all the time."""
ALL_THE_TIME: Final = "all the time"


def exceeded(test: TestResult, target: TargetResult) -> str:
    """Since when, or from how many users on, a percentile was above its limit; empty where that is unknown."""
    stage = _first_failed(test.stages, target)
    if stage is not None:
        return f"from {formats.count(stage.users, 'user')} on ({formats.one_line(stage.name)})"
    seconds = [
        (point.second, value > target.limit)
        for point in _measured(test)
        if (value := _of_second(point, target)) is not None
    ]
    return _when(seconds)


def _first_failed(stages: Iterable[StageResult], target: TargetResult) -> StageResult | None:
    failed = [
        stage
        for stage in stages
        if any((t.metric, t.name, t.verdict) == (target.metric, target.name, Verdict.FAIL) for t in stage.targets)
    ]
    return min(failed, key=lambda stage: stage.users, default=None)


def _measured(test: TestResult) -> list[TimelinePoint]:
    return [point for point in test.timeline if point.phase == "measure"]


def _of_second(point: TimelinePoint, target: TargetResult) -> float | None:
    found = point.metrics.get(target.metric)
    if found is None:
        return None
    value = {"p50": found.p50_ms, "p95": found.p95_ms, "p99": found.p99_ms}.get(target.name, found.p95_ms)
    return found.max_ms if value is None and not found.censored else value  # too few samples in this second


def _when(seconds: Sequence[tuple[int, bool]]) -> str:
    above = [second for second, over in seconds if over]
    if not above:
        return ""
    if len(above) >= THROUGHOUT * len(seconds):
        return ALL_THE_TIME
    if above[0] == above[-1]:
        return f"in second {above[0]}"
    return f"in {len(above)} of {formats.count(len(seconds), 'second')}, from second {above[0]} to {above[-1]}"
