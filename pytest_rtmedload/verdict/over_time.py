"""What the course of a test adds to its verdict: stages, a capacity, the recovery from a spike, drift.

A capacity search goes on until targets are missed, so its targets are judged level by level and never over all of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pytest_rtmedload.results.model import Verdict
from pytest_rtmedload.results.plan import Evidence
from pytest_rtmedload.results.recording import ValueStats
from pytest_rtmedload.verdict import capacity, recovery
from pytest_rtmedload.verdict.drift import drifts
from pytest_rtmedload.verdict.findings import result
from pytest_rtmedload.verdict.samples import Measured, value_stats
from pytest_rtmedload.verdict.stages import judge_stages

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_rtmedload.results.details import CapacityResult, DriftResult
    from pytest_rtmedload.results.model import GeneratorResult, StageResult, TargetResult
    from pytest_rtmedload.results.plan import Target, TestPlan
    from pytest_rtmedload.results.recording import Recording


@dataclass(slots=True)
class OverTime:
    """What the course of a test shows, in addition to its targets."""

    stages: list[StageResult] = field(default_factory=list)
    capacity: CapacityResult | None = None
    drift: list[DriftResult] = field(default_factory=list)
    targets: list[TargetResult] = field(default_factory=list)
    """Limits on what the course shows."""
    verdict: Verdict = Verdict.PASS
    """What follows from it alone."""
    reasons: list[str] = field(default_factory=list)
    """Why that is not PASS."""
    notes: list[str] = field(default_factory=list)

    def reasons_for(self, verdict: Verdict) -> list[str]:
        """The reasons, if this is the verdict they are for."""
        return self.reasons if self.verdict is verdict else []


def look(plan: TestPlan, recording: Recording) -> tuple[TestPlan, Recording, OverTime]:
    """The course of a test, with the plan and the recording that its targets are then judged by."""
    found = OverTime(judge_stages(plan, recording) if plan.evidence is not Evidence.NONE else [])
    if plan.searches:
        return _search(plan, recording, found)
    measured = Measured(plan, recording)
    if plan.evidence is Evidence.NONE:
        return plan, recording, found
    if not plan.stages and plan.interrupted is None:
        _drift(plan, measured, found)
    if plan.spiked:
        recording = _recovery(plan, measured, found)
    return plan, recording, found


def trusted(generator: GeneratorResult, found: OverTime) -> GeneratorResult:
    """Of a search, the generator's state at each level counts: over all of it, levels beyond it count as well."""
    if found.capacity is None or found.verdict is Verdict.INVALID:
        return generator
    return replace(generator, verdict=Verdict.PASS, reasons=[])


def judged_over_all(targets: Iterable[Target], values: Iterable[str]) -> tuple[Target, ...]:
    """The targets of a search that are not judged level by level: those on values."""
    names = {capacity.VALUE, *values}
    return tuple(target for target in targets if target.metric in names)


def _search(plan: TestPlan, recording: Recording, found: OverTime) -> tuple[TestPlan, Recording, OverTime]:
    number = found.capacity = capacity.capacity_of(plan, found.stages)
    if number.met is not None:
        recording = _with_value(recording, capacity.VALUE, float(number.met), "users")
    found.verdict = capacity.verdict_of(number, interrupted=plan.interrupted is not None)
    spoiled = [f"{s.name}: {r}" for s in found.stages if s.verdict is Verdict.INVALID for r in s.reasons]
    if found.verdict is Verdict.PASS:
        found.notes += [number.text, *spoiled]
    else:
        found.reasons = [number.text, *spoiled]
    over_all = judged_over_all(plan.targets, value_stats(recording))
    limits = [target for target in over_all if _limits_capacity(target)]
    measured = Measured(plan, recording)
    found.targets = [result(t, capacity.decide_capacity(t, number), measured, "observed") for t in limits]
    return replace(plan, targets=tuple(t for t in over_all if t not in limits)), recording, found


def _limits_capacity(target: Target) -> bool:
    return target.metric == capacity.VALUE and "min" in target.name


def _drift(plan: TestPlan, measured: Measured, found: OverTime) -> None:
    found.drift = drifts(measured)
    slower = [drift.text for drift in found.drift if drift.drifted]
    if slower and plan.must_not_drift:
        found.verdict, found.reasons = Verdict.FAIL, [f"{text} FAIL" for text in slower]
    else:
        found.notes += slower


def _recovery(plan: TestPlan, measured: Measured, found: OverTime) -> Recording:
    before, _, after = plan.stages
    if plan.interrupted is not None or not measured.samples(plan.metric).n:
        return measured.recording
    seconds = recovery.recovery_s(measured, before, after)
    if seconds is not None:
        found.notes.append(f"recovered {seconds:g} s after the spike")
        return _with_value(measured.recording, recovery.VALUE, seconds, "s")
    found.verdict = Verdict.FAIL
    watched = after.end - after.begin
    found.reasons = [f"not recovered: {plan.metric} was not as before within {watched:g} s after the spike FAIL"]
    return _with_value(measured.recording, recovery.VALUE, watched, "s")


def _with_value(recording: Recording, name: str, amount: float, unit: str) -> Recording:
    stats = ValueStats(unit)
    stats.add(amount)
    return replace(recording, values=recording.values | {(name, ""): stats})
