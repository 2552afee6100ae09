"""The model of a finished run: what every report reads, and what the JSON result says field by field.

Latencies are milliseconds, durations seconds, rates per second, shares fractions of 1 unless a name says percent.
What could not be measured is None, never 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_rtmedload.results.details import (
        CallTape,
        CapacityResult,
        ConversationResult,
        DriftResult,
        ErrorResult,
        LagResult,
        SlowOperation,
    )
    from pytest_rtmedload.results.outcomes import TestOutcome

SCHEMA_VERSION = 1


class Verdict(StrEnum):
    """What the evidence allows to say about a target, a test or a run."""

    PASS = "PASS"  # noqa: S105 - not a password
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    """Too few samples to decide either way."""
    INVALID = "INVALID"
    """The load generator could have changed the verdict."""


WORST_FIRST = (Verdict.FAIL, Verdict.INVALID, Verdict.INCONCLUSIVE, Verdict.PASS)


class Kind(StrEnum):
    """What a target limits."""

    LATENCY = "latency"
    ERRORS = "errors"
    MAXIMUM = "max"
    RATE = "min_rate"
    VALUE = "value"


@dataclass(frozen=True, slots=True)
class MetricResult:
    """The measured distribution of one metric: of the judged phase, on the judged clock."""

    count: int
    """Samples that ended well."""
    failed: int
    censored: int
    min_ms: float | None
    mean_ms: float | None
    p50_ms: float | None
    """Percentiles are over ok and censored samples. None: among the censored, or too few to carry it."""
    p90_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    p999_ms: float | None
    max_ms: float | None
    bounds_ms: dict[str, tuple[float | None, float | None]]
    """Percentile name (`p50` …) → one-sided 95 % bounds; a bound that does not exist is None."""
    histogram: str
    """Base64 of the HdrHistogram V2 encoding of the ok samples, in microseconds."""


@dataclass(frozen=True, slots=True)
class ValueResult:
    """A measured quantity that is not a time."""

    unit: str
    count: int
    mean: float | None
    min: float | None
    max: float | None


@dataclass(frozen=True, slots=True)
class TargetResult:
    """One limit, and what the samples say about it."""

    metric: str
    name: str
    """`p50`, `p90`, `p95`, `p99`, `p999`, `errors`, `max`, `min_rate`, `mean_max` …"""
    kind: Kind
    unit: str
    """`ms`, `%` of operations for errors (limit and value are fractions), `/s`, or the unit of a value."""
    limit: float
    value: float | None
    bounds: tuple[float | None, float | None] | None
    """One-sided 95 % bounds of the value; None where nothing is inferred (max, min_rate, values)."""
    n: int
    k: int
    """Samples above the limit (latency), or failed operations (errors)."""
    needed: int | None
    """Samples still missing before a verdict is possible at the present share of misses; None when it is reached."""
    needed_s: float | None
    """The same as seconds at the present rate."""
    verdict: Verdict
    leaning: str | None
    """`pass` or `fail` by the point estimate when INCONCLUSIVE."""
    text: str
    """The line a person reads, such as `voice.loop p95 812 ms > 700 ms (95 % bounds 771–850, n = 240) FAIL`."""


@dataclass(frozen=True, slots=True)
class ShardResult:
    """One process of several that drove a load test together, and how well it did."""

    name: str
    users: int
    """Most users active there at once; 0 when there were fewer users than shards."""
    iterations: int
    """Of the measured phase, however they ended."""
    began_ms: float | None
    """How much later than the first shard its first user crossed the start line; None when it never began."""
    lag_p99_ms: float | None
    thread_cpu_percent: float | None
    late_starts: int
    achieved_ratio: float | None
    lost: str | None
    """Why it did not come to the end; None when it did."""


@dataclass(frozen=True, slots=True)
class GeneratorResult:
    """How well the load generator itself did during the measured time; over all shards, where there are several."""

    verdict: Verdict
    """PASS or INVALID."""
    lag_p50_ms: float | None
    lag_p99_ms: float | None
    lag_max_ms: float | None
    thread_cpu_percent: float | None
    """Of the event loop's thread; with several shards, of the busiest."""
    gc_longest_ms: float
    late_starts: int
    dropped_starts: int
    achieved_ratio: float | None
    reasons: list[str]
    frame_lateness_mean_ms: float | None = None
    """How late frames of audio were sent; None without calls."""
    frame_lateness_p99_ms: float | None = None
    lag: LagResult | None = None
    """Lag above the limit and its causes; None where nothing was measured."""
    skew_ms: float | None = None
    """Between the first iteration of the first shard and that of the last; None with one shard."""
    shards: list[ShardResult] = field(default_factory=list)
    """Each shard on its own; empty when there was only one."""
    own_errors: dict[str, int] = field(default_factory=dict)
    """Limit that the generator met → operations that failed because of it, before anything was sent."""


@dataclass(frozen=True, slots=True)
class TimelineMetric:
    """One metric in one second, all phases, on the judged clock."""

    count: int
    failed: int
    censored: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    max_ms: float | None

    @property
    def slow_ms(self) -> float | None:
        """What a drawing shows as the slow end: p95, or the slowest where there are too few samples for one."""
        return self.max_ms if self.p95_ms is None and not self.censored else self.p95_ms


@dataclass(frozen=True, slots=True)
class TimelinePoint:
    """One second of a test."""

    second: int
    """Whole seconds since the start line, by intended start; users that started earlier are in second 0."""
    phase: str
    """The phase at the beginning of this second."""
    users: int
    metrics: dict[str, TimelineMetric]


@dataclass(frozen=True, slots=True)
class StageResult:
    """A stretch of the measured phase under one load, judged by itself: a step, a spike, a capacity level."""

    name: str
    """`20 users`, `before the spike`, …"""
    users: int
    begin_s: float
    """What is judged of it, in seconds since the start line: the time in which users start is left out."""
    end_s: float
    verdict: Verdict
    reasons: list[str]
    """Why the verdict is not PASS; one line each."""
    iterations: int
    failed: int
    """Iterations that failed or were cut off."""
    rate: float | None
    """Iterations per second."""
    metrics: dict[str, MetricResult]
    targets: list[TargetResult]


@dataclass(frozen=True, slots=True)
class TestResult:
    """One load test, judged."""

    __test__ = False  # not a class for pytest to collect

    nodeid: str
    group: str
    critical: bool
    negative: bool
    evidence: str
    """`strict`, `provisional`, `point` or `none` (latency not judged)."""
    model: str
    """`closed` (users) or `open` (arrival rate)."""
    metric: str
    """The metric the marker's percentile arguments are for."""
    verdict: Verdict
    reasons: list[str]
    """Why the verdict is not PASS, most important first; one line each."""
    failed_test: bool
    """True if pytest reports the test as failed, under its evidence mode."""
    complete: bool
    """False when the test was cut short: its results are partial."""
    users: int
    """Most at once; in the open model, iterations in flight at once, as counted once a second."""
    shards: int
    duration_s: float
    """Actual length of the measured phase."""
    started_s: float
    """Start line, in seconds after the run started."""
    phases: dict[str, tuple[float, float]]
    """Phase → its begin and end in seconds since the start line."""
    iterations: int
    failed: int
    failed_alone: int
    """Of `failed`: iterations in which every operation succeeded, and an assertion or check of the body did not."""
    censored: int
    rate: float | None
    """Iterations per second of the measured phase, ok and failed."""
    saturated: bool
    """True when users never paused: the rate then is what this generator reached, `≥` in print."""
    metrics: dict[str, MetricResult]
    values: dict[str, ValueResult]
    counts: dict[str, int]
    tags: dict[str, dict[str, MetricResult]]
    """Tag → metric → distribution."""
    targets: list[TargetResult]
    errors: list[ErrorResult]
    generator: GeneratorResult
    timeline: list[TimelinePoint]
    superseded: bool = False
    """True for an INVALID run that was repeated: it is shown, but not counted."""
    recordings: list[CallTape] = field(default_factory=list)
    """The calls to listen to: the first ones of each process."""
    shape: str = "steady"
    """How users or arrivals changed over time, as written: `steady`, `ramp`, `spike(50, 10s)`, `capacity(5..40)` …"""
    stages: list[StageResult] = field(default_factory=list)
    """Empty when the load was the same throughout."""
    capacity: CapacityResult | None = None
    drift: list[DriftResult] = field(default_factory=list)
    """Only for steady tests that were long enough."""
    beside: list[str] = field(default_factory=list)
    """Node ids of the load tests that ran at the same time: with `--parallel` only."""
    slowest: list[SlowOperation] = field(default_factory=list)
    """The slowest of each metric of the measured phase, slowest first."""
    conversations: list[ConversationResult] = field(default_factory=list)
    """A typical and a slow call, turn by turn."""
    notes: list[str] = field(default_factory=list)
    """What a reader should know in addition to the verdict (clusters assumed independent, embedded agent, …)."""
    planned_rate: float | None = None
    """Most arrivals per second of the open model, as planned; None in the closed one."""
    outcome: str = ""
    """How pytest ended the test: `passed`, `failed`, `error`, `xfailed` …; empty where that is not known."""


@dataclass(frozen=True, slots=True)
class CriterionResult:
    """A criterion on the whole run."""

    name: str
    kind: str
    """`goal` or `limit`."""
    value: float | None
    limit: float
    unit: str
    n: int
    verdict: Verdict
    text: str


@dataclass(frozen=True, slots=True)
class AgentInfo:
    """The system under test, without secrets."""

    url: str | None
    """None when no test needed an agent."""
    dialect: str
    embedded: bool
    details: dict[str, str] = field(default_factory=dict)
    """For the embedded agent: latency model, faults, seed, session store."""


@dataclass(frozen=True, slots=True)
class RunInfo:
    """Where, when and how the run was made."""

    started: str
    """ISO 8601 with offset."""
    suite: str
    agent: AgentInfo
    seed: int
    versions: dict[str, str]
    machine: dict[str, str]
    command: str
    """The pytest arguments with secrets removed."""
    ended_by: str | None = None
    """Why the run did not come to its end, such as `SIGTERM`; None when it did, or when that is not known."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The run in a few numbers."""

    verdict: Verdict
    success_rate: float | None
    """Per cent of operations that succeeded, over all tests not marked negative."""
    tests: int
    """Load tests of this run: the sum of the counts below up to `not_run`. Those that were deselected are not among
    them."""
    passed: int
    failed: int
    """Tests whose verdict is FAIL, and those that pytest failed or that erred."""
    inconclusive: int
    invalid: int
    requests: int
    """Measured operations, iterations not counted."""
    errors: int
    duration_s: float
    complete: bool
    """False when the run, or a test in it, was cut short."""
    skipped: int = 0
    xfailed: int = 0
    """Failed as expected (`pytest.mark.xfail`)."""
    xpassed: int = 0
    not_run: int = 0
    """The run was stopped before they began."""
    errored: int = 0
    """Of `failed`: tests with a fixture that failed, in set-up or tear-down."""
    deselected: int = 0
    """Load tests that were not requested, or that the suite leaves out."""
    other_failures: int = 0
    """Ordinary tests of the same pytest run that failed, and modules that could not be collected."""
    iterations: int = 0
    """Of the same tests as `requests`."""
    iterations_failed: int = 0
    """Iterations in which anything failed, or that never ended."""
    exit_status: int | None = None
    """Of pytest; None where that is not known."""
    reasons: list[str] = field(default_factory=list)
    """Why the verdict is what it is, most important first; one line each."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """A whole run: everything a report may show."""

    summary: Summary
    run: RunInfo
    criteria: list[CriterionResult]
    tests: list[TestResult]
    outcomes: list[TestOutcome] = field(default_factory=list)
    """How pytest ended each load test, in the order of collection; also those that never measured anything."""
