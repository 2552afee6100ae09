"""Levels of load side by side: the judged percentile with its bounds against users, or in the order they were made.

Verdicts are shapes as well as colours: a disc passes, a cross fails, a diamond is inconclusive, a triangle is invalid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.report.page.drawings.axis import Axis, finite, linear
from pytest_rtmedload.report.page.drawings.canvas import Mark, level, svg, upright
from pytest_rtmedload.text import formats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_rtmedload.results.model import StageResult, TargetResult, TestResult

_FEWEST_LEVELS: Final = 3
"""Different numbers of users from which an axis of users makes sense; a spike has two."""
_HIGHEST: Final = 4.0
"""Times the limit (or the largest value) at which an upper bound is cut off."""
_MARGIN: Final = 0.06


@dataclass(frozen=True, slots=True)
class Level:
    """A stage in the drawing."""

    left: float
    """Per cent of the width."""
    top: float
    """Per cent of the height."""
    verdict: str
    words: str


@dataclass(frozen=True, slots=True)
class Levels:
    """One judged percentile over all stages."""

    title: str
    by_users: bool
    svg: str
    levels: list[Level]
    marks: list[Mark]
    """Upright axis, in milliseconds."""
    names: list[Mark]
    """Users, or the stages' names, below."""


@dataclass(frozen=True, slots=True)
class _Stage:
    stage: StageResult
    at: float
    value: float | None
    low: float | None
    high: float | None


def levels(test: TestResult) -> list[Levels]:
    """A drawing for each latency target of the stages; of the test's own p95 where there is none."""
    if not test.stages:
        return []
    judged = [(t.metric, t.name) for stage in test.stages for t in stage.targets if t.unit == "ms"]
    drawn = (_levels(test, metric, name) for metric, name in dict.fromkeys(judged) or [(test.metric, "p95")])
    return [drawing for drawing in drawn if drawing is not None]


def latency_targets(test: TestResult) -> list[TargetResult]:
    """What a test is judged by; of the stages, where only they are."""
    own = [target for target in test.targets if target.unit == "ms"]
    return own or [target for stage in test.stages[:1] for target in stage.targets if target.unit == "ms"]


def stage_target(stage: StageResult, metric: str, name: str) -> TargetResult | None:
    """What a stage says about one target."""
    return next((t for t in stage.targets if (t.metric, t.name) == (metric, name)), None)


def _levels(test: TestResult, metric: str, name: str) -> Levels | None:
    by_users = len({stage.users for stage in test.stages}) >= _FEWEST_LEVELS
    places = _by_users(test.stages) if by_users else _in_order(test.stages)
    stages = [_measured(stage, at, metric, name) for stage, at in zip(test.stages, places, strict=True)]
    values = finite(stage.value for stage in stages)
    if not values:
        return None
    limit = next((t.limit for stage in test.stages if (t := stage_target(stage, metric, name)) is not None), None)
    ceiling = _HIGHEST * max(limit or 0.0, *values)
    axis = linear(max([*values, limit or 0.0, *(min(high, ceiling) for high in finite(s.high for s in stages))]))
    return Levels(
        title=f"{metric} {name}",
        by_users=by_users,
        svg=_shapes(f"{metric} {name} at each stage, in milliseconds", stages, axis, limit),
        levels=[_level(stage, axis) for stage in stages if stage.value is not None],
        marks=axis.up(),
        names=_names(stages, by_users=by_users),
    )


def _by_users(stages: Sequence[StageResult]) -> list[float]:
    most = max(stage.users for stage in stages) or 1
    return [_MARGIN + (1 - 2 * _MARGIN) * stage.users / most for stage in stages]


def _in_order(stages: Sequence[StageResult]) -> list[float]:
    return [(i + 0.5) / len(stages) for i in range(len(stages))]


def _measured(stage: StageResult, at: float, metric: str, name: str) -> _Stage:
    target = stage_target(stage, metric, name)
    if target is not None:
        return _Stage(stage, at, target.value, *(target.bounds or (None, None)))
    found = stage.metrics.get(metric)
    return _Stage(stage, at, *((None, None, None) if found is None else (found.p95_ms, *found.bounds_ms["p95"])))


def _shapes(title: str, stages: Sequence[_Stage], axis: Axis, limit: float | None) -> str:
    shapes = [] if limit is None else [level("limit", 1 - axis.at(limit))]
    for stage in stages:
        if stage.value is not None:
            low = 0.0 if stage.low is None else stage.low
            top = 0.0 if stage.high is None else 1 - axis.at(stage.high)
            shapes.append(upright(f"whisker {stage.stage.verdict.value}", stage.at, top, 1 - axis.at(low)))
    return svg(title, shapes)


def _level(stage: _Stage, axis: Axis) -> Level:
    value = stage.value or 0.0
    words = f"{stage.stage.name}: {formats.milliseconds(value)}, {stage.stage.verdict.value}"
    return Level(100 * stage.at, 100 - 100 * axis.at(value), stage.stage.verdict.value, words)


def _names(stages: Sequence[_Stage], *, by_users: bool) -> list[Mark]:
    """Below each stage; a number of users that was tried twice stands once."""
    named = {stage.at: f"{stage.stage.users:,}" if by_users else stage.stage.name for stage in stages}
    return [Mark(100 * at, name) for at, name in sorted(named.items())]
