"""What a run says in words: the same for the terminal, the summary log, the failure message and the page.

The verdict comes first, then why, then the tests that need somebody's attention, and only then those that passed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from pytest_rtmedload.results.model import Kind, Verdict
from pytest_rtmedload.text import formats

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_rtmedload.results.model import (
        AgentInfo,
        CriterionResult,
        ErrorResult,
        GeneratorResult,
        MetricResult,
        RunResult,
        ShardResult,
        TargetResult,
        TestResult,
    )


class _HasVerdict(Protocol):
    @property
    def verdict(self) -> Verdict: ...


_Judged = TypeVar("_Judged", bound=_HasVerdict)
_ORDER = {Verdict.FAIL: 0, Verdict.INVALID: 1, Verdict.INCONCLUSIVE: 2, Verdict.PASS: 3}
PARTIAL = "PARTIAL: the run was cut short; what stands here was measured until then"
_NAMED_TESTS = 3
"""Tests named in the reasons of a run; more of them are counted."""


def partial(run: RunResult) -> str:
    """That a run was cut short, and by what where that is known."""
    return PARTIAL if run.run.ended_by is None else f"{PARTIAL} ({run.run.ended_by})"


def headline(run: RunResult) -> list[str]:
    """The run in one line, as the parts between its dots: suite, tests, success, agent."""
    if not run.tests:
        return [f"suite {run.run.suite}", "no load test ran"]
    parts = [f"suite {run.run.suite}", outcome_line(run), success_line(run), agent_line(run.run.agent)]
    return [part for part in parts if part]


def outcome_line(run: RunResult) -> str:
    """How many tests ended how: `6 tests: 4 passed, 1 failed, 1 inconclusive`."""
    summary = run.summary
    parts = {
        "passed": summary.passed,
        "failed": summary.failed,
        "inconclusive": summary.inconclusive,
        "invalid": summary.invalid,
    }
    named = ", ".join(f"{n:,} {name}" for name, n in parts.items() if n)
    return formats.count(summary.tests, "test") + (f": {named}" if named else "")


def success_line(run: RunResult) -> str:
    """The share of operations that succeeded, and of how many; empty when there are none that count."""
    summary = run.summary
    operations = formats.count(summary.requests, "operation")
    if summary.success_rate is None:
        return f"success unknown ({operations})" if summary.requests else ""
    return f"success {formats.percent(summary.success_rate)} of {operations}"


def agent_line(agent: AgentInfo) -> str:
    """The system under test; an embedded one is called what it is."""
    if agent.embedded:
        return f"embedded agent (a stand-in, {agent.dialect} dialect)"
    if agent.url is None:
        return "no agent needed"
    return f"agent {formats.one_line(agent.url)} ({agent.dialect} dialect)"


def why(run: RunResult) -> list[str]:
    """Why the run's verdict is what it is, most important first; empty for a clean PASS."""
    reasons = [_criterion_reason(c) for c in by_verdict(run.criteria) if c.verdict is not Verdict.PASS]
    counted = [test for test in run.tests if not test.superseded]
    for verdict in (Verdict.FAIL, Verdict.INVALID, Verdict.INCONCLUSIVE):
        tests = [test for test in counted if test.verdict is verdict]
        if tests:
            reasons.append(_tests_reason(verdict, tests, len(counted)))
    return reasons


def consequence(test: TestResult) -> str:
    """What pytest makes of the verdict, where the verdict alone does not say it."""
    if test.superseded:
        return "superseded by a second run"
    if test.verdict is Verdict.PASS:
        return "fails the test" if test.failed_test else ""
    if test.failed_test:  # a FAIL and an INVALID always do; only the evidence mode makes an INCONCLUSIVE one
        return f"fails the test ({test.evidence} evidence)" if test.verdict is Verdict.INCONCLUSIVE else ""
    return f"does not fail the test ({test.evidence} evidence)"


def short_name(nodeid: str) -> str:
    """A node id without its folders; a parameter may hold slashes of its own."""
    path, colons, name = formats.one_line(nodeid).partition("::")
    return path.rsplit("/", 1)[-1] + colons + name


def size_line(test: TestResult) -> str:
    """How large the load was and what it reached: `10 users, 4 s, 312/s`."""
    parts = [_load(test), formats.seconds(test.duration_s), formats.rate(test.rate, at_least=test.saturated)]
    if test.shards > 1:
        parts.append(shards_line(test))
    lost = test.failed + test.censored
    if lost:
        parts.append(f"{lost:,} of {formats.count(test.iterations, 'iteration')} failed")
    return ", ".join(part for part in parts if part != formats.NOTHING)


def shards_line(test: TestResult) -> str:
    """How many processes drove the test, and how many of them had users."""
    idle = sum(not shard.users and shard.lost is None for shard in test.generator.shards)
    working = f"{test.shards - idle} of " if idle else ""
    return working + formats.count(test.shards, "shard")


def labels(test: TestResult) -> list[str]:
    """What a reader must know about a test before its numbers."""
    marks = {
        "PARTIAL": not test.complete,
        "critical": test.critical,
        "negative: outside the run's criteria": test.negative,
        "latency not judged": test.evidence == "none",
        "judged by the point estimate alone": test.evidence == "point",
    }
    return [mark for mark, holds in marks.items() if holds]


def other_reasons(test: TestResult) -> list[str]:
    """The reasons that are not the line of a target: those are shown as targets."""
    lines = {target.text for target in test.targets}
    return [reason for reason in test.reasons if reason not in lines]


def by_verdict(things: Iterable[_Judged]) -> list[_Judged]:
    """Failures first; otherwise in the order given."""
    return sorted(things, key=lambda thing: _ORDER[thing.verdict])


def quantity(target: TargetResult, value: float | None) -> str:
    """A limit, value or bound of a target, in the target's unit."""
    return formats.quantity(value, target.unit, fraction=target.kind is Kind.ERRORS)


def around_verdict(text: str, verdict: Verdict) -> tuple[str, str, str]:
    """A target's line in three: before its verdict, the verdict (to be coloured), and after."""
    before, word, after = formats.one_line(text).rpartition(verdict.value)
    return before, word, after


def error_line(error: ErrorResult) -> str:
    """An error with its count before it."""
    return f"{error.count:,} × {formats.one_line(error.message, 300)}"


def generator_line(generator: GeneratorResult) -> str:
    """The load generator's own health in one line, with its verdict."""
    return f"load generator {generator.verdict.value}: {generator_facts(generator)}"


def generator_facts(generator: GeneratorResult) -> str:
    """What the load generator noticed about itself."""
    parts = [f"lag p99 {formats.milliseconds(generator.lag_p99_ms)}"]
    if generator.thread_cpu_percent is not None:
        parts.append(f"{formats.percent(generator.thread_cpu_percent)} of a core")
    if generator.achieved_ratio is not None:
        parts.append(f"{formats.percent(100 * generator.achieved_ratio)} of planned starts")
    if generator.late_starts:
        parts.append(f"{generator.late_starts:,} late")
    if generator.dropped_starts:
        parts.append(f"{generator.dropped_starts:,} refused at the in-flight limit")
    if generator.frame_lateness_p99_ms is not None:
        parts.append(f"audio frames late by p99 {formats.milliseconds(generator.frame_lateness_p99_ms)}")
    if generator.skew_ms is not None:
        parts.append(f"shards began within {formats.milliseconds(generator.skew_ms)}")
    return ", ".join(parts)


SHARD_COLUMNS = ("shard", "users", "iterations", "began", "lag p99", "of a core", "of starts")


def shard_row(shard: ShardResult) -> tuple[str, ...]:
    """A shard as the cells of a table under `SHARD_COLUMNS`; milliseconds and per cent."""
    starts = None if shard.achieved_ratio is None else 100 * shard.achieved_ratio
    return (
        formats.one_line(shard.name) + (" (lost)" if shard.lost is not None else ""),
        f"{shard.users:,}",
        f"{shard.iterations:,}",
        formats.milliseconds(shard.began_ms),
        formats.milliseconds(shard.lag_p99_ms),
        formats.percent(shard.thread_cpu_percent),
        formats.percent(starts),
    )


def metric_row(name: str, metric: MetricResult, per_second: float | None) -> tuple[str, ...]:
    """A metric as the cells of a table: name, count, failed, p50, p95, p99, max, rate."""
    times = (metric.p50_ms, metric.p95_ms, metric.p99_ms, metric.max_ms)
    lost = metric.failed + metric.censored
    return (
        formats.one_line(name),
        f"{metric.count + lost:,}",
        f"{lost:,}",
        *(formats.number(t) for t in times),
        formats.rate(per_second),
    )


def _load(test: TestResult) -> str:
    return f"up to {test.users:,} in flight" if test.model == "open" else formats.count(test.users, "user")


def _criterion_reason(criterion: CriterionResult) -> str:
    return f"{criterion.kind}: {criterion.text}"


def _tests_reason(verdict: Verdict, tests: list[TestResult], of: int) -> str:
    words = {Verdict.FAIL: "failed", Verdict.INVALID: "invalid", Verdict.INCONCLUSIVE: "inconclusive"}
    said = f"{len(tests):,} of {formats.count(of, 'test')} {words[verdict]}"
    if len(tests) > _NAMED_TESTS:
        return said
    return f"{said}: {', '.join(short_name(test.nodeid) for test in tests)}"
