"""Stages of a test, each judged by itself: the same rules, on the seconds that belong to it.

Limits on rates and on values are not judged here: a value does not tell when it was observed, and a rate is the
outcome of the load that the stage was given.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_rtmedload.results.model import StageResult, Verdict
from pytest_rtmedload.results.names import ITERATION
from pytest_rtmedload.results.plan import PERCENTILES, Evidence
from pytest_rtmedload.results.recording import Health, Outcome, Phase
from pytest_rtmedload.verdict.health import judge_generator
from pytest_rtmedload.verdict.metrics import metric_result
from pytest_rtmedload.verdict.ranking import ranked
from pytest_rtmedload.verdict.samples import Measured
from pytest_rtmedload.verdict.targets import judge_target, metric_of

if TYPE_CHECKING:
    from pytest_rtmedload.results.model import TargetResult
    from pytest_rtmedload.results.plan import Stage, TestPlan
    from pytest_rtmedload.results.recording import Recording


def judge_stages(plan: TestPlan, recording: Recording) -> list[StageResult]:
    """The result of each stage of a test, except those of which no second was measured."""
    return [judge_stage(plan, recording, stage) for stage in plan.stages if stage.end > stage.begin]


def judge_stage(plan: TestPlan, recording: Recording, stage: Stage, *, metrics: bool = True) -> StageResult:
    """What the seconds of a stage say about the targets; without `metrics`, nothing is made that only reports need."""
    measured = of_stage(plan, recording, stage)
    targets, spoiled = stage_targets(measured)
    failed = measured.count(ITERATION, Outcome.FAILED, Outcome.ABORTED, Outcome.CENSORED)
    iterations = measured.count(ITERATION, Outcome.OK) + failed
    empty = [] if measured.metrics else ["nothing was measured"]
    verdict, reasons = ranked(measured, [] if empty else targets, invalid=spoiled, undecided=empty)
    return StageResult(
        name=stage.name,
        users=stage.users,
        begin_s=stage.begin,
        end_s=stage.end,
        verdict=verdict,
        reasons=reasons,
        iterations=iterations,
        failed=failed,
        rate=measured.rate(iterations),
        metrics={metric: metric_result(measured, metric) for metric in measured.metrics if metrics},
        targets=targets,
    )


def of_stage(plan: TestPlan, recording: Recording, stage: Stage) -> Measured:
    """The samples of a stage, as those of a test that took no longer."""
    part = recording.between(int(stage.begin), int(stage.end))
    part.health = stage.health if stage.health is not None else Health()
    limits = tuple(t for t in plan.targets if t.name in PERCENTILES or t.name in ("max", "errors"))
    known = set(part.measured_metrics())
    judged = tuple(t for t in limits if t.name == "errors" or (t.metric or plan.metric) in known or not known)
    phases = {str(Phase.MEASURE): (stage.begin, stage.end)}
    return Measured(replace(plan, phases=phases, targets=judged, parts=(), stages=(), interrupted=None), part)


def stage_targets(measured: Measured) -> tuple[list[TargetResult], list[str]]:
    """The targets of a stage, and why the load generator spoiled it."""
    plan = measured.plan
    targets = [judge_target(target, measured) for target in plan.targets]
    named = [(metric_of(target, measured), found) for target, found in zip(plan.targets, targets, strict=True)]
    judged = plan.evidence is not Evidence.NONE
    return targets, judge_generator(measured, named).reasons if judged else []


def leans_well(stage: StageResult) -> bool:
    """True when every target of a stage is met, by the point estimate where the evidence does not decide."""
    if stage.verdict is Verdict.INCONCLUSIVE:
        return bool(stage.iterations) and all(target.leaning != "fail" for target in stage.targets)
    return stage.verdict is Verdict.PASS
