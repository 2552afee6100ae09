"""A run in words: the same for the terminal, the summary log, the failure message and the page.

The verdict comes first, then why, then the tests that need attention, and finally those that passed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from pytest_rtmedload.results.model import Kind, Verdict
from pytest_rtmedload.results.names import item_of
from pytest_rtmedload.results.outcomes import FAILING, PytestOutcome
from pytest_rtmedload.text import formats

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_rtmedload.results.details import ErrorResult
    from pytest_rtmedload.results.model import (
        AgentInfo,
        GeneratorResult,
        MetricResult,
        RunResult,
        ShardResult,
        TargetResult,
        TestResult,
    )
    from pytest_rtmedload.results.outcomes import TestOutcome


class _HasVerdict(Protocol):
    @property
    def verdict(self) -> Verdict: ...


_Judged = TypeVar("_Judged", bound=_HasVerdict)
_EXPECTED = {"xfailed": "XFAIL", "xpassed": "XPASS"}
_ORDER = {Verdict.FAIL: 0, Verdict.INVALID: 1, Verdict.INCONCLUSIVE: 2, Verdict.PASS: 3}
INVALID_MEANS: Final = "the load generator could have changed the verdict"
"""In the words of `Verdict.INVALID`, wherever a report explains it."""
_CUT_SHORT = "what stands here was measured until then"
_WORDS = {
    PytestOutcome.FAILED: "FAIL",
    PytestOutcome.ERROR: "ERROR",
    PytestOutcome.XFAILED: "XFAIL",
    PytestOutcome.XPASSED: "XPASS",
    PytestOutcome.NOT_RUN: "NOT RUN",
}
_COUNTS = ("passed", "failed", "inconclusive", "invalid", "xfailed", "xpassed", "skipped", "not_run")
"""The counts of a summary that add up to its tests."""
LAG_WORTH_TELLING_MS: Final = 50
"""Less lag than this in a whole test needs no explanation."""


def headline(run: RunResult) -> list[str]:
    """The run in one line, as the parts between its dots: suite, tests, success, agent."""
    if not run.tests and not run.summary.tests:
        return [f"suite {run.run.suite}", "no load test ran", *deselected_line(run)]
    parts = [f"suite {run.run.suite}", outcome_line(run), success_line(run), agent_line(run.run.agent)]
    return [part for part in parts if part]


def outcome_line(run: RunResult) -> str:
    """How many tests ended how: `6 tests: 4 passed, 1 failed, 1 inconclusive`."""
    summary = run.summary
    named = ", ".join(f"{n:,} {name.replace('_', ' ')}" for name in _COUNTS if (n := getattr(summary, name)))
    parts = [formats.count(summary.tests, "test") + (f": {named}" if named else ""), *deselected_line(run)]
    return "; ".join(parts)


def deselected_line(run: RunResult) -> list[str]:
    """How many load tests were left out, if any were."""
    left_out = run.summary.deselected
    return [f"{left_out:,} not selected"] if left_out else []


def partial(run: RunResult) -> list[str]:
    """That the run, or a test in it, was cut short; empty when neither was."""
    if run.summary.complete:
        return []
    cut = [test for test in run.tests if not test.complete and not test.superseded]
    ended = run.summary.exit_status in (0, 1) and not run.summary.not_run
    if cut and ended and len(cut) < len(run.tests):
        names = ", ".join(formats.short_name(test.nodeid) for test in cut[:3])
        return [f"PARTIAL: {formats.count(len(cut), 'test')} cut short ({names}); {_CUT_SHORT}"]
    by = f" ({run.run.ended_by})" if run.run.ended_by is not None else ""
    return [f"PARTIAL: the run was cut short; {_CUT_SHORT}{by}"]


def success_line(run: RunResult) -> str:
    """The share of operations that succeeded, and of how many; that of iterations, too, where it differs.

    Empty when there are none that count.
    """
    summary = run.summary
    operations = formats.count(summary.requests, "operation")
    if summary.success_rate is None:
        return f"success unknown ({operations})" if summary.requests else ""
    said = f"success {formats.percent(summary.success_rate)} of {operations}"
    other = iterations_differ(run)
    return f"{said}, {other} of {formats.count(summary.iterations, 'iteration')}" if other else said


def iterations_differ(run: RunResult) -> str:
    """The share of iterations that succeeded, if it differs from that of operations; else empty."""
    summary = run.summary
    share = formats.share(summary.iterations - summary.iterations_failed, summary.iterations)
    same = not summary.iterations or share == formats.percent(summary.success_rate)
    return "" if same else share


def agent_line(agent: AgentInfo) -> str:
    """The system under test; an embedded one is named as such."""
    if agent.embedded:
        return f"embedded agent (a stand-in, {agent.dialect} dialect)"
    if agent.url is None:
        return "no agent needed"
    certificates = ", certificates not checked" if "certificates" in agent.details else ""
    return f"agent {formats.one_line(agent.url)} ({agent.dialect} dialect{certificates})"


def why(run: RunResult) -> list[str]:
    """Why the run's verdict is what it is, most important first; empty for a clean PASS."""
    return run.summary.reasons


def word(test: TestResult) -> str:
    """How a test is shown: its verdict, unless pytest makes something else of it."""
    if test.superseded:
        return "SUPERSEDED"
    return _EXPECTED.get(test.outcome, test.verdict.value)


def tone(test: TestResult) -> Verdict:
    """The verdict whose colours a test has."""
    return Verdict.PASS if test.outcome in _EXPECTED and not test.superseded else test.verdict


def consequence(test: TestResult) -> str:
    """What pytest makes of the verdict, where the verdict alone does not say it."""
    if test.superseded:
        return f"was {test.verdict.value}: superseded by a second run, not counted"
    if test.outcome == "skipped":
        return "pytest skipped the test"
    if test.outcome in _EXPECTED:
        return ""
    if test.verdict is Verdict.PASS:
        return "fails the test" if test.failed_test else ""
    if test.failed_test:  # a FAIL and an INVALID always do; only the evidence mode makes an INCONCLUSIVE one
        return f"fails the test ({test.evidence} evidence)" if test.verdict is Verdict.INCONCLUSIVE else ""
    return f"does not fail the test ({test.evidence} evidence)"


def size_line(test: TestResult) -> str:
    """How large the load was and what it reached: `10 users, 4 s, 312/s`."""
    parts = [load(test), formats.seconds(test.duration_s), formats.rate(test.rate, at_least=test.saturated)]
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


def in_order(tests: Iterable[TestResult]) -> list[TestResult]:
    """Tests that need attention first; superseded ones last."""
    return sorted(tests, key=lambda test: (test.superseded, _ORDER[tone(test)]))


def unmeasured(run: RunResult) -> list[TestOutcome]:
    """Load tests without a result, those that failed first; those that were deselected are only counted."""
    measured = {item_of(test.nodeid) for test in run.tests}
    found = [o for o in run.outcomes if o.nodeid not in measured and o.outcome is not PytestOutcome.DESELECTED]
    return sorted(found, key=lambda outcome: outcome.outcome not in FAILING)


def outcome_word(outcome: TestOutcome) -> str:
    """How a test without a result is shown."""
    return _WORDS.get(outcome.outcome, outcome.outcome.value.upper())


def outcome_reason(outcome: TestOutcome) -> str:
    """Why there is no result of a test, in one line."""
    where = {"setup": "in set-up", "teardown": "in tear-down"}.get(outcome.phase, "") if _erred(outcome) else ""
    start = {"not_run": "the run ended before it began", "interrupted": "the run was stopped"}.get(outcome.outcome, "")
    return formats.one_line(": ".join(part for part in (start or where, outcome.reason) if part))


def _erred(outcome: TestOutcome) -> bool:
    return outcome.outcome is PytestOutcome.ERROR


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
    if (lag := generator.lag) is not None:
        parts += [text for text in (lag.text if lag.total_ms >= LAG_WORTH_TELLING_MS else "", lag.others) if text]
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


def load(test: TestResult) -> str:
    """The load in a few words: users of the closed model, the rate and most in flight of the open one."""
    if test.model != "open":
        return formats.count(test.users, "user")
    flight = f"up to {test.users:,} in flight"
    return flight if test.planned_rate is None else f"{formats.rate(test.planned_rate)} planned, {flight}"
