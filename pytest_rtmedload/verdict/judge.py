"""A load test, judged: its targets, its course, the load generator and what else a result tells."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pytest_rtmedload.results.details import CallTape, ErrorResult
from pytest_rtmedload.results.model import TestResult, ValueResult, Verdict
from pytest_rtmedload.results.names import ITERATION
from pytest_rtmedload.results.plan import PERCENTILES, Evidence
from pytest_rtmedload.results.recording import Clock, Outcome
from pytest_rtmedload.text import formats
from pytest_rtmedload.verdict.clients import beyond_their_limits
from pytest_rtmedload.verdict.evidence import MIN_CLUSTERS
from pytest_rtmedload.verdict.health import judge_generator, little_mismatch, saturation
from pytest_rtmedload.verdict.metrics import metric_result, tag_results, timeline
from pytest_rtmedload.verdict.over_time import OverTime, look, trusted
from pytest_rtmedload.verdict.own_limits import own_limit_notes, own_limit_reasons
from pytest_rtmedload.verdict.ranking import ranked
from pytest_rtmedload.verdict.samples import Measured, value_stats
from pytest_rtmedload.verdict.silence import SILENT, is_silent, silence_reasons
from pytest_rtmedload.verdict.targets import judge_target, metric_of

if TYPE_CHECKING:
    from pytest_rtmedload.results.details import SlowOperation
    from pytest_rtmedload.results.model import GeneratorResult, TargetResult
    from pytest_rtmedload.results.plan import TestPlan
    from pytest_rtmedload.results.recording import Recording


def judge(plan: TestPlan, recording: Recording) -> TestResult:
    """The result of one load test from what it set out to do and what all its shards recorded."""
    plan, recording, course = look(plan, recording)
    measured = Measured(plan, recording)
    targets = [judge_target(target, measured) for target in plan.targets]
    named = [(metric_of(target, measured), found) for target, found in zip(plan.targets, targets, strict=True)]
    generator = trusted(judge_generator(measured, named), course)
    targets = course.targets + targets
    silent = silence_reasons(measured, named)
    verdict, reasons = _verdict(measured, targets, generator, course, silent)
    failed = measured.count(ITERATION, Outcome.FAILED, Outcome.ABORTED)
    finished = measured.count(ITERATION, Outcome.OK) + failed
    censored = measured.count(ITERATION, Outcome.CENSORED)
    return TestResult(
        nodeid=plan.nodeid,
        group=plan.group,
        critical=plan.critical,
        negative=plan.negative,
        evidence=plan.evidence,
        model=plan.model,
        metric=plan.metric,
        verdict=verdict,
        reasons=reasons,
        failed_test=fails_test(verdict, plan.evidence),
        complete=plan.interrupted is None,
        users=_users(plan, recording),
        planned_rate=plan.planned_rate,
        shards=plan.shards,
        duration_s=measured.duration_s,
        started_s=plan.started_s,
        phases={str(phase): span for phase, span in plan.phases.items()},
        iterations=finished + censored,
        failed=failed,
        failed_alone=measured.count(ITERATION, Outcome.FAILED),
        censored=censored,
        rate=measured.rate(finished),
        saturated=plan.saturated or saturation(measured) is not None,
        metrics={metric: metric_result(measured, metric) for metric in measured.metrics},
        values=_values(recording),
        counts=dict(recording.counts),
        tags=tag_results(measured),
        targets=targets,
        errors=_errors(recording),
        generator=generator,
        timeline=timeline(measured),
        recordings=_recordings(recording),
        slowest=_slowest(recording),
        conversations=recording.conversations.examples(),
        shape=plan.shape,
        stages=course.stages,
        capacity=course.capacity,
        drift=course.drift,
        notes=course.notes + _notes(measured, named),
    )


def _users(plan: TestPlan, recording: Recording) -> int:
    """Users of the closed model; of the open one as many iterations as were in flight at once."""
    return max(recording.users.values(), default=0) if plan.model == "open" else plan.users


def fails_test(verdict: Verdict, evidence: str) -> bool:
    """Whether pytest reports a test with this verdict as failed.

    INCONCLUSIVE fails under strict evidence, and under point evidence, where it means that a test was cut short.
    """
    if verdict is Verdict.INCONCLUSIVE:
        return evidence in (Evidence.STRICT, Evidence.POINT)
    return verdict is not Verdict.PASS


def _verdict(
    measured: Measured, targets: list[TargetResult], generator: GeneratorResult, course: OverTime, silent: list[str]
) -> tuple[Verdict, list[str]]:
    """The verdict, and why it is not PASS, most important first."""
    plan = measured.plan
    nothing = [] if measured.metrics or targets else ["nothing was measured"]
    excused = plan.interrupted is not None
    unhealthy = generator.reasons if plan.evidence is not Evidence.NONE else own_limit_reasons(measured, targets)
    return ranked(
        measured,
        targets,
        definite=[] if plan.fatal is None else [plan.fatal],
        invalid=[*plan.invalid, *unhealthy, *course.reasons_for(Verdict.INVALID)],
        missed=[
            *silent,
            *_nothing_succeeded(plan, measured.recording),
            *course.reasons_for(Verdict.FAIL),
            *([] if excused else nothing),
        ],
        undecided=[*course.reasons_for(Verdict.INCONCLUSIVE), *(nothing if excused else [])],
    )


def _nothing_succeeded(plan: TestPlan, recording: Recording) -> list[str]:
    """Why a test in which everything failed is a FAIL, in whatever phase it was: no evidence is missing for that.

    A test whose own limit lets every operation fail asks for nothing else. Operations that were only cut off, because
    the test was, have not failed.
    """
    if any(target.name == "errors" and not target.metric and target.limit >= 1 for target in plan.targets):
        return []
    counts: Counter[str] = Counter()
    for key, cells in recording.series.items():
        if key.clock == Clock.SERVICE:
            counts[key.outcome] += sum(histogram.count for histogram in cells.values())
    failed = counts[Outcome.FAILED] + counts[Outcome.ABORTED]
    if counts[Outcome.OK] or not (failed or (counts[Outcome.CENSORED] and plan.interrupted is None)):
        return []
    lost = sum(recording.histogram(ITERATION, outcome, phase=None).count for outcome in Outcome)
    tried = formats.count(lost, "iteration") if lost else formats.count(failed, "operation")
    return [f"nothing succeeded in any phase: all of {tried} failed FAIL"]


def _values(recording: Recording) -> dict[str, ValueResult]:
    return {
        name: ValueResult(stats.unit, stats.count, stats.total / stats.count, stats.minimum, stats.maximum)
        for name, stats in value_stats(recording).items()
    }


def _errors(recording: Recording) -> list[ErrorResult]:
    """Most frequent first."""
    groups = sorted(recording.errors.items(), key=lambda item: (-item[1].count, item[0]))
    return [ErrorResult(message, group.count, group.example) for message, group in groups]


def _recordings(recording: Recording) -> list[CallTape]:
    tapes = sorted(recording.tapes.items(), key=lambda tape: tape[1])
    return [CallTape(call, f"{stem}.wav", f"{stem}.svg", f"{stem}.json") for call, stem in tapes]


def _slowest(recording: Recording) -> list[SlowOperation]:
    """Metric by metric, as they stand in the result; the slowest of each first."""
    return [slow for metric in recording.measured_metrics() for slow in recording.slowest.of.get(metric, ())]


def _notes(measured: Measured, judged: list[tuple[str, TargetResult]]) -> list[str]:
    """What a reader should know in addition to the verdict."""
    notes = [*measured.plan.notes, *measured.recording.notes]
    if measured.plan.interrupted is not None:
        notes.insert(0, f"cut short: {measured.plan.interrupted}")
    inferred = [metric for metric, target in judged if target.name in PERCENTILES and target.n]
    unclustered = [metric for metric in dict.fromkeys(inferred) if not measured.samples(metric).clustered]
    if unclustered and measured.plan.evidence is not Evidence.POINT:
        notes.append(
            f"assumes independent samples (fewer than {MIN_CLUSTERS} one-second blocks): {', '.join(unclustered)}"
        )
    busy = saturation(measured)
    if busy is not None:
        notes.append(busy)
    if is_silent(measured) and not silence_reasons(measured, judged):
        notes.append(SILENT)
    own = own_limit_notes(measured, own_limit_reasons(measured, [found for _, found in judged]))
    return notes + own + beyond_their_limits(measured) + _little(measured)


def _little(measured: Measured) -> list[str]:
    """A note when the numbers of a closed run contradict each other."""
    plan = measured.plan
    n = measured.count(ITERATION, *Outcome)
    done = measured.count(ITERATION, Outcome.OK, Outcome.FAILED, Outcome.ABORTED)
    if plan.model != "closed" or not plan.steady or plan.interrupted is not None or not n or not measured.duration_s:
        return []
    spent = sum(measured.total_s(ITERATION, outcome) for outcome in Outcome)
    paused = measured.recording.health.paused_ns / 1e9
    note = little_mismatch(plan.users, n / measured.duration_s, spent / n, paused / n, done)
    return [] if note is None else [note]
