"""The plan of a load test and its progress: the facts a verdict needs in addition to the samples."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from pytest_rtmedload.results.names import ITERATION

if TYPE_CHECKING:
    from pytest_rtmedload.results.recording import Health

PERCENTILES: dict[str, float] = {"p50": 0.50, "p90": 0.90, "p95": 0.95, "p99": 0.99, "p999": 0.999}
"""Names of percentiles in markers, options and results, and their fractions."""

VALUE_LIMITS = ("mean_max", "mean_min", "max", "min")
"""Limits on values that are not times: on the mean from above and below, on the largest and the smallest."""


class Evidence(StrEnum):
    """How sure a verdict must be before a test passes."""

    STRICT = "strict"
    """INCONCLUSIVE fails the test."""
    PROVISIONAL = "provisional"
    """INCONCLUSIVE is reported and lets the test pass."""
    POINT = "point"
    """The point estimate alone decides, as in k6."""
    NONE = "none"
    """Latency is not judged (one iteration); errors are."""


@dataclass(frozen=True, slots=True)
class Target:
    """A limit on a metric."""

    metric: str
    """Metric or value name; `""` for `errors` and `min_rate` of the whole test."""
    name: str
    """A key of `PERCENTILES`, `max`, `errors`, `min_rate`, or one of `VALUE_LIMITS`."""
    limit: float
    """Milliseconds for latencies, a fraction for errors, per second for rates, the value's own unit for values."""
    default: bool = False
    """True for the error limit that every test has without asking for it."""


@dataclass(frozen=True, slots=True)
class ShardPart:
    """What one process contributed to a load test that several drove together."""

    name: str
    users: int
    """Most users active there at once."""
    iterations: int
    """Of the measured phase, however they ended."""
    began_ms: float | None
    """When its first user crossed the start line, after the first of all did; None when it never began."""
    health: Health
    lost: str | None = None
    """Why it did not come to the end."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A stretch of the measured phase under one load, which is judged by itself."""

    name: str
    users: int
    """Concurrent users; 0 where arrivals are due at a rate."""
    begin: float
    """What is judged of it, in whole seconds since the start line."""
    end: float
    health: Health | None = None
    """What the load generator observed about itself during that time; None when unknown."""


@dataclass(frozen=True, slots=True)
class TestPlan:
    """One load test as it was resolved and as far as it ran. Times are seconds since its start line."""

    __test__ = False  # not a class for pytest to collect

    nodeid: str
    group: str
    model: str
    """`closed` or `open`."""
    users: int
    """Most concurrent users (closed) or the in-flight limit (open)."""
    phases: dict[str, tuple[float, float]]
    """Phase → planned or, once it ended, actual begin and end. Without `measure` nothing is judged."""
    evidence: Evidence = Evidence.STRICT
    targets: tuple[Target, ...] = ()
    metric: str = ITERATION
    critical: bool = False
    negative: bool = False
    shards: int = 1
    planned_rate: float | None = None
    """Most arrivals per second of the open model; None in the closed one."""
    parts: tuple[ShardPart, ...] = ()
    """What each shard contributed; empty when there was only one."""
    started_s: float = 0.0
    """Start line in seconds after the run started."""
    saturated: bool = False
    steady: bool = True
    """False when users end one by one, each after its iterations: then no law about a steady state holds."""
    interrupted: str | None = None
    """Why the test was cut short; None when it ran to its end."""
    fatal: str | None = None
    """An error of the test itself (a user fixture failed, the agent died): FAIL whatever was measured."""
    invalid: tuple[str, ...] = ()
    """Reasons known to the coordinator for which nothing can be concluded, such as a lost shard."""
    awaited_nothing: bool = False
    """True if the body never yielded to the event loop."""
    shape: str = "steady"
    """As it was written."""
    stages: tuple[Stage, ...] = ()
    spiked: bool = False
    """True when the stages are before, during and after a spike."""
    searches: bool = False
    """True when the stages are the levels of a capacity search, which goes on until targets are missed."""
    goes_to: int | None = None
    """The most users that a search would have tried."""
    must_not_drift: bool = False
    notes: tuple[str, ...] = field(default=())
