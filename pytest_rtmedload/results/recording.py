"""What one shard recorded: the only thing that travels from workers to the coordinator.

A recording is a set of histograms, never percentiles, so merging shards loses nothing. Each series is split into
*cells* of (phase, second): the time line, the one-second blocks of the evidence and the totals of a phase are all
sums of the same cells.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from pytest_rtmedload.results.conversations import Conversations
from pytest_rtmedload.results.histogram import Histogram
from pytest_rtmedload.results.names import ITERATION
from pytest_rtmedload.results.slowest import Slowest

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_ERROR_GROUPS = 50
"""Distinct messages kept per test; the rest are counted together, so that a storm cannot fill the memory."""
MAX_PLACES = 50
"""Most code locations kept as causes of lag."""
OTHER_ERRORS = "(further distinct messages)"


class Outcome(StrEnum):
    """How a measured operation ended."""

    OK = "ok"
    FAILED = "failed"
    """A wrong answer: its latency has a separate series and does not count as latency."""
    ABORTED = "aborted"
    """An iteration in which an operation failed: the operation is counted, this is its consequence."""
    CENSORED = "censored"
    """No answer within what was waited: known only to be slower than the recorded value."""


class Clock(StrEnum):
    """From when a latency is counted."""

    SERVICE = "service"
    """From the moment the operation was started."""
    RESPONSE = "response"
    """From the moment it was due, so that a stall is charged to everyone it delayed."""


class Phase(StrEnum):
    """Which part of a run a sample belongs to, by its intended start. Only `MEASURE` is judged."""

    SETUP = "setup"
    RAMP = "ramp"
    WARMUP = "warmup"
    MEASURE = "measure"
    COOLDOWN = "cooldown"


class SeriesKey(NamedTuple):
    """Names one series of samples."""

    metric: str
    tag: str = ""
    outcome: str = Outcome.OK
    clock: str = Clock.SERVICE


class Cell(NamedTuple):
    """One part of a series: a phase, a whole second since the start line, and whether the generator lagged then."""

    phase: str
    second: int
    lagged: bool = False


class CallSample(NamedTuple):
    """One sample made within a call: turns of a call are alike, so a verdict must know which belong together."""

    call: str
    cell: Cell
    us: int
    """Latency in microseconds."""


@dataclass(slots=True)
class ValueStats:
    """Count, sum, minimum and maximum of a value that is not a time."""

    unit: str = ""
    count: int = 0
    total: float = 0.0
    minimum: float = float("inf")
    maximum: float = float("-inf")

    def add(self, value: float) -> None:
        """Add one observation."""
        self.count += 1
        self.total += value
        self.minimum = min(self.minimum, value)
        self.maximum = max(self.maximum, value)

    def merge(self, other: ValueStats) -> None:
        """Add all observations of another shard."""
        self.unit = self.unit or other.unit
        self.count += other.count
        self.total += other.total
        self.minimum = min(self.minimum, other.minimum)
        self.maximum = max(self.maximum, other.maximum)


@dataclass(slots=True)
class ErrorGroup:
    """Errors with the same message: how many, and the first traceback or answer seen."""

    count: int = 0
    example: str = ""


@dataclass(slots=True)
class Health:
    """What a shard observed about itself, as opposed to the agent. Nanoseconds; sums merge by adding."""

    lag: Histogram = field(default_factory=Histogram)
    """Lateness of the 10 ms ticker during the measured time, missed ticks filled in (microseconds)."""
    lagging_ns: int = 0
    """Measured time during which the lag was above the limit."""
    lag_causes: dict[tuple[str, str], int] = field(default_factory=dict)
    """(a `Cause`, function with file and line where one is known) → how much of that time it explains."""
    late_us: int = 0
    """Lateness of all ticks in that time, added up: divided by all ticks, the mean delay that such lag causes."""
    measured_ns: int = 0
    thread_cpu_ns: int = 0
    """Processor time of the event loop's thread during `measured_ns`."""
    gc_pause_ns: int = 0
    gc_longest_ns: int = 0
    planned_starts: int = 0
    achieved_starts: int = 0
    late_starts: int = 0
    """Starts more than the lag limit after they were due."""
    dropped_starts: int = 0
    """Arrivals refused at the in-flight limit: the agent's doing, not the generator's."""
    paused_ns: int = 0
    """Think time of all users that began in the measured phase."""
    pauses: int = 0
    """How many times they thought."""
    iterating_ns: int = 0
    """Length of all iterations of the measured phase, think time taken out."""
    iterations: int = 0
    operations: int = 0
    """Samples of the measured phase that are not iterations, nor parts of what another sample measures."""
    frames: int = 0
    """Frames of audio that were due in the measured phase."""
    frames_late_ns: int = 0
    """How late they were sent, all together."""
    frame_lateness: Histogram = field(default_factory=Histogram)
    """How late each was (microseconds)."""
    own_errors: dict[tuple[str, str], int] = field(default_factory=dict)
    """(`OwnLimit`, phase) → failures of the generator itself, which are failed samples, too."""
    watched_ns: int = 0
    """Time over which the next four were measured; 0 where the system does not report it."""
    cores_ns: int = 0
    """What all processors of the machine could have given."""
    machine_ns: int = 0
    """Processor time of all processes of the machine."""
    run_ns: int = 0
    """Of this, what all processes of this run used, the embedded agent included."""
    agent_ns: int = 0
    """Of this, what the embedded agent used."""

    def explain(self, cause: str, place: str, lag_ns: int) -> None:
        """A cause explains so much of the lag; beyond a number of places only the cause is kept."""
        key = (cause, place) if (cause, place) in self.lag_causes or len(self.lag_causes) < MAX_PLACES else (cause, "")
        self.lag_causes[key] = self.lag_causes.get(key, 0) + lag_ns

    def merge(self, other: Health) -> None:
        """Add another shard's observations; the longest pause is the longest of both."""
        self.lag.merge(other.lag)
        self.frame_lateness.merge(other.frame_lateness)
        self.gc_longest_ns = max(self.gc_longest_ns, other.gc_longest_ns)
        for (cause, place), lag_ns in other.lag_causes.items():
            self.explain(cause, place, lag_ns)
        for name in _HEALTH_SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for key, count in other.own_errors.items():
            self.own_errors[key] = self.own_errors.get(key, 0) + count


_HEALTH_SUMS = (
    "lagging_ns",
    "late_us",
    "measured_ns",
    "thread_cpu_ns",
    "gc_pause_ns",
    "planned_starts",
    "achieved_starts",
    "late_starts",
    "dropped_starts",
    "paused_ns",
    "pauses",
    "iterating_ns",
    "iterations",
    "operations",
    "frames",
    "frames_late_ns",
    "watched_ns",
    "cores_ns",
    "machine_ns",
    "run_ns",
    "agent_ns",
)


@dataclass(slots=True)
class Recording:
    """Everything a shard measured in one load test, or the merge of several shards."""

    series: dict[SeriesKey, dict[Cell, Histogram]] = field(default_factory=dict)
    values: dict[tuple[str, str], ValueStats] = field(default_factory=dict)
    """(name, tag) → statistics of the measured phase."""
    counts: dict[str, int] = field(default_factory=dict)
    errors: dict[str, ErrorGroup] = field(default_factory=dict)
    users: dict[int, int] = field(default_factory=dict)
    """Second since the start line → most users active in it."""
    health: Health = field(default_factory=Health)
    calls: dict[SeriesKey, list[CallSample]] = field(default_factory=dict)
    """The samples made within calls, one by one; they are in `series`, too."""
    tapes: dict[str, str] = field(default_factory=dict)
    """Call → how the names of the files begin to which it was written down."""
    notes: dict[str, None] = field(default_factory=dict)
    """What a reader should know, each line once."""
    slowest: Slowest = field(default_factory=Slowest)
    """The slowest operations of the measured phase, on the judged clock."""
    conversations: Conversations = field(default_factory=Conversations)
    """Examples of the calls that began in the measured phase."""

    def cells(self, key: SeriesKey) -> dict[Cell, Histogram]:
        """The cells of a series, created when missing."""
        found = self.series.get(key)
        if found is None:
            found = self.series[key] = {}
        return found

    def add_error(self, message: str, example: str, count: int = 1) -> None:
        """Count an error under its message, keeping the first example."""
        group = self.errors.get(message)
        if group is None:
            if len(self.errors) >= MAX_ERROR_GROUPS:
                message = OTHER_ERRORS
            group = self.errors.setdefault(message, ErrorGroup(0, example))
        group.count += count

    def select(self, metric: str, outcome: str, clock: str, tag: str | None = None) -> Iterator[tuple[Cell, Histogram]]:
        """All cells of a metric with this outcome and clock, over all tags or of one."""
        for key, cells in self.series.items():
            if key.metric == metric and key.outcome == outcome and key.clock == clock and tag in (None, key.tag):
                yield from cells.items()

    def histogram(
        self,
        metric: str,
        outcome: str = Outcome.OK,
        clock: str = Clock.SERVICE,
        *,
        phase: str | None = Phase.MEASURE,
        tag: str | None = None,
    ) -> Histogram:
        """The distribution of a metric in one phase (None: in all), over all tags or of one."""
        selected = self.select(metric, outcome, clock, tag)
        return Histogram.merged(h for cell, h in selected if phase in (None, cell.phase))

    def metrics(self) -> list[str]:
        """Names of all recorded metrics, `iteration` first, else in order of first use."""
        names = dict.fromkeys(key.metric for key in self.series)
        return sorted(names, key=lambda name: name != ITERATION)

    def measured_metrics(self) -> list[str]:
        """Names of the metrics with samples in the measured phase."""
        measured = {key.metric for key, cells in self.series.items() if any(c.phase == Phase.MEASURE for c in cells)}
        return [name for name in self.metrics() if name in measured]

    def tags(self) -> list[str]:
        """All tags that were set, sorted."""
        return sorted({key.tag for key in self.series if key.tag})

    def between(self, begin: int, end: int) -> Recording:
        """The samples that were due in these whole seconds of the measured phase; only samples are kept by second."""

        def within(cell: Cell) -> bool:
            return cell.phase == Phase.MEASURE and begin <= cell.second < end

        found = Recording()
        for key, cells in self.series.items():
            chosen = {cell: histogram for cell, histogram in cells.items() if within(cell)}
            if chosen:
                found.series[key] = chosen
        for key, samples in self.calls.items():
            found.calls[key] = [sample for sample in samples if within(sample.cell)]
        return found

    def merge(self, other: Recording) -> None:
        """Add all that another shard recorded."""
        for key, cells in other.series.items():
            mine = self.cells(key)
            for cell, histogram in cells.items():
                mine.setdefault(cell, Histogram()).merge(histogram)
        for name, stats in other.values.items():
            self.values.setdefault(name, ValueStats(stats.unit)).merge(stats)
        for counter, n in other.counts.items():
            self.counts[counter] = self.counts.get(counter, 0) + n
        for message, group in other.errors.items():
            self.add_error(message, group.example, group.count)
        for second, users in other.users.items():
            self.users[second] = self.users.get(second, 0) + users
        self.health.merge(other.health)
        for key, samples in other.calls.items():
            self.calls.setdefault(key, []).extend(samples)
        self.tapes |= other.tapes
        self.notes |= other.notes
        self.slowest.merge(other.slowest)
        self.conversations.merge(other.conversations)
