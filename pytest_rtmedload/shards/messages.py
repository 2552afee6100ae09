"""The messages between the coordinator and its workers: one class for each kind, and which end sends it.

The rule: a message is plain data. Within one process it is handed over as it is, between processes it is pickled. One
that belongs to a load test under way names the attempt: a test may start over, and what shards still say about the
attempt before is ignored.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_rtmedload.measure.processes import Family
    from pytest_rtmedload.results.recording import Phase, Recording
    from pytest_rtmedload.results.samples import SampleRows
    from pytest_rtmedload.schedule.conductors import Command
    from pytest_rtmedload.spec.load_spec import LoadSpec

# --- from a worker, about itself


@dataclass(frozen=True, slots=True)
class Hello:
    """The worker's version of this plugin."""

    version: str


@dataclass(frozen=True, slots=True)
class Collected:
    """The load tests that the worker has collected."""

    nodeids: list[str]


@dataclass(frozen=True, slots=True)
class Begins:
    """The worker enters a load test, as pytest knows it: its fixtures are set up from now on."""

    nodeid: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The worker has left a load test, however."""

    name: str = ""
    """The worker's name."""
    stopped: bool = False
    """True when the run is over and the test was not begun."""
    turned_away: bool = False
    """True when the outcome is that of another worker."""
    reports: list[dict[str, Any]] = field(default_factory=list)
    """The reports, as pytest serializes them."""


@dataclass(frozen=True, slots=True)
class Arrive:
    """The worker is ready to begin a load test, and waits for the others."""

    spec: LoadSpec


@dataclass(frozen=True, slots=True)
class Waiting:
    """The worker has waited for two seconds: is the coordinator still there?"""


@dataclass(frozen=True, slots=True)
class FindAgent:
    """A fixture of the worker needs the agent, or one of the embedded agent's services."""

    service: str | None


# --- from a worker, about the load test under way


@dataclass(frozen=True, slots=True)
class OfAttempt:
    """A message about one attempt at a load test."""

    attempt: int


@dataclass(frozen=True, slots=True)
class ClockAsked(OfAttempt):
    """Asks for the coordinator's time; has the nanoseconds of the worker's monotonic clock."""

    asked: int


@dataclass(frozen=True, slots=True)
class Ready(OfAttempt):
    """All users that begin at once have entered their fixtures."""


@dataclass(frozen=True, slots=True)
class NeedAgent(OfAttempt):
    """A body met a relative URL before there was an agent."""


@dataclass(frozen=True, slots=True)
class OperationEnded(OfAttempt):
    """An operation in one line, while the test is debugged."""

    line: str


@dataclass(frozen=True, slots=True)
class ShippedSamples(OfAttempt):
    """What a shard recorded since its last shipment."""

    recording: Recording
    elapsed: float
    """Seconds since the start line."""
    began_ns: int | None
    """When its first user crossed the start line, on the coordinator's clock."""
    users: int = 0
    """Users active now."""
    rows: Sequence[SampleRows] = ()
    """Each sample, with `--load-samples`."""


@dataclass(frozen=True, slots=True)
class Done(ShippedSamples):
    """The last shipment of a shard."""

    interrupted: str | None = None
    """Why it ended before its time."""
    by_test: bool = False
    """True when the test itself ended it: its outcome is what this worker reports to pytest."""
    failed_users: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    refused: str | None = None
    """Why the shard could not begin: what its process lacks."""
    awaited_nothing: bool = False
    """True if the body ran without ever waiting for anything."""


@dataclass(frozen=True, slots=True)
class Abandon(OfAttempt):
    """The test was skipped from within."""

    reason: str


# --- from the coordinator


@dataclass(frozen=True, slots=True)
class Assign:
    """A load test begins: this worker's share of it."""

    attempt: int
    shard: int
    shards: int
    """Into how many shares the users are divided; a shard with a number beyond it has none."""
    alone: bool
    """True when no other worker takes part."""
    seed: int
    lag_limit_ns: int
    url: str | None
    """The agent's; None while no test has needed one."""
    family: Family
    """The processes of this run, to separate their processor time from that of others."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """The load test does not begin, or does not go on."""

    reason: str
    skip: bool = False
    """True when the test is to be reported as skipped."""
    stop: bool = False
    """True when the run is to end."""
    attempt: int | None = None
    """The attempt it ends; a worker that has left it by itself ignores this. None: what the worker waits for."""


@dataclass(frozen=True, slots=True)
class ClockTold:
    """The coordinator's monotonic clock, and the worker's when it asked. Nanoseconds."""

    asked: int
    answered: int


@dataclass(frozen=True, slots=True)
class Go:
    """The start line is drawn."""

    at_ns: int | None
    """When, on the coordinator's clock; None for a single worker: at once."""
    phases: dict[Phase, tuple[float, float]]
    commands: list[Command]


@dataclass(frozen=True, slots=True)
class Steer:
    """Further commands of the load profile."""

    commands: list[Command]


@dataclass(frozen=True, slots=True)
class Stop:
    """End the load test now and ship what there is."""

    reason: str


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict on the whole load test."""

    failed: bool
    text: str
    properties: list[tuple[str, object]]
    result: dict[str, Any]
    """The test's entry of the JSON result."""
    raised: Exception | None = None
    """What the body raised first, while it is debugged; never sent."""


@dataclass(frozen=True, slots=True)
class Patience:
    """The coordinator is still there."""


@dataclass(frozen=True, slots=True)
class AgentFound:
    """The agent under test."""

    url: str
    dialect: str
    embedded: bool


@dataclass(frozen=True, slots=True)
class ServiceFound:
    """A service of the embedded agent."""

    url: str
    key: str
    pid: int


# --- at either end


@dataclass(frozen=True, slots=True)
class Gone:
    """The process at the other end is gone: said by the link itself."""


ToCoordinator: TypeAlias = (
    Hello
    | Collected
    | Begins
    | Ended
    | Arrive
    | Waiting
    | FindAgent
    | ClockAsked
    | Ready
    | NeedAgent
    | OperationEnded
    | ShippedSamples
    | Done
    | Abandon
    | Gone
)
ToWorker: TypeAlias = (
    Assign | Refuse | ClockTold | Go | Steer | Stop | Judged | Patience | AgentFound | ServiceFound | Gone
)
Message: TypeAlias = ToCoordinator | ToWorker
