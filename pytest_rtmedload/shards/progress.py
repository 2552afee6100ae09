"""One load test under way: what its shards have shipped so far, merged, and how far each of them has come."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.results.names import ITERATION
from pytest_rtmedload.results.plan import ShardPart, TestPlan
from pytest_rtmedload.results.recording import Clock, Health, Outcome, Phase, Recording
from pytest_rtmedload.schedule.factory import conductor_for
from pytest_rtmedload.spec.shapes import ShapeKind
from pytest_rtmedload.text.formats import count

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_rtmedload.results.plan import Stage, Target
    from pytest_rtmedload.schedule.conductors import Conductor
    from pytest_rtmedload.shards.messages import Done, ShippedSamples
    from pytest_rtmedload.shards.start_line import WorkerHandle
    from pytest_rtmedload.spec.load_spec import LoadSpec

SILENCE_S: Final = 60.0
"""A shard ships once a second: one that is silent for this long while others have finished hangs."""
HOPELESS_S: Final = 5.0
"""A test in which nothing has succeeded for this long, and something failed, is stopped early."""
APART_MS: Final = 50.0
"""Shards that begin further apart than this are worth a note: a loaded machine stays far below it."""


@dataclass(slots=True)
class ShardProgress:
    """How far one shard has come: the share of a load test that one worker drives."""

    worker: WorkerHandle
    ready: bool = False
    done: bool = False
    lost: str | None = None
    health: Health = field(default_factory=Health)
    iterations: int = 0
    elapsed: float = 0.0
    """When it last shipped, in seconds after the start line."""
    users: int = 0
    """Users active at the last shipment."""
    most_users: int = 0
    began_ns: int | None = None
    """When its first user crossed the start line, on the coordinator's clock."""
    shown: bool = True
    """False while the live view has not seen its last shipment."""

    @property
    def over(self) -> bool:
        """True when nothing more will come."""
        return self.done or self.lost is not None


@dataclass(slots=True)
class TestProgress:
    """How far a load test has come.

    Args:
        spec: the load test.
        attempt: its number; what shards ship for an earlier attempt is ignored.
        started_s: start line in seconds after the run began.
        shards: number of a worker → its shard, in order.
    """

    spec: LoadSpec
    attempt: int
    started_s: float
    shards: dict[int, ShardProgress]
    running: bool = False
    line_ns: int = 0
    """When the shards were sent the start signal, on `time.perf_counter_ns`."""
    recording: Recording = field(default_factory=Recording)
    elapsed: float = 0.0
    last_success: float = 0.0
    interrupted: str | None = None
    ended_by: ShardProgress | None = None
    """The shard whose body ended the test for all."""
    failed_users: list[str] = field(default_factory=list)
    awaiting: set[bool] = field(default_factory=set)
    """Reports of the shards about the body: True from one in which it never waited for anything."""
    refused: list[str] = field(default_factory=list)
    """Why shards could not begin: what they lack themselves."""
    notes: dict[str, None] = field(default_factory=dict)
    """What a reader should know, in order and once each, whatever the number of shards."""
    unseen: Recording = field(default_factory=Recording)
    """Shipped since the live view was last shown."""
    conductor: Conductor = field(init=False)
    stage_healths: dict[float, Health] = field(default_factory=dict)
    """Begin of a stage → what the shards observed of themselves during it."""

    def __post_init__(self) -> None:
        """Every attempt has its own conductor, as some of them keep state."""
        self.conductor = conductor_for(self.spec)

    @classmethod
    def of(cls, spec: LoadSpec, attempt: int, started_s: float, workers: Iterable[WorkerHandle]) -> TestProgress:
        """A test that these workers begin."""
        return cls(spec, attempt, started_s, {worker.number: ShardProgress(worker) for worker in workers})

    @property
    def share_count(self) -> int:
        """Into how many shares the work is divided: never more than there are users to share."""
        places = self.spec.in_flight_limit if self.spec.open else self.spec.most_users
        return max(1, min(len(self.shards), places))

    @property
    def workers(self) -> list[WorkerHandle]:
        """The workers that are still there, in order."""
        return [shard.worker for shard in self.shards.values() if shard.lost is None]

    @property
    def ready(self) -> bool:
        """True when all wait at the start line."""
        return all(shard.ready for shard in self.shards.values())

    @property
    def over(self) -> bool:
        """True when no shard will ship anything more."""
        return all(shard.over for shard in self.shards.values())

    @property
    def users(self) -> int:
        """Users active, over all shards."""
        return sum(shard.users for shard in self.shards.values())

    @property
    def hopeless(self) -> bool:
        """True when nothing has succeeded for too long."""
        return self.elapsed - self.last_success >= HOPELESS_S

    def silent(self, now_s: float) -> list[tuple[WorkerHandle, str]]:
        """Workers in other processes that should have shipped long ago, each with the reason to give it up."""
        limit = SILENCE_S if self.running else SILENCE_S + self.spec.timeout  # fixtures may take that long, silently
        at_work = [shard.worker for shard in self.shards.values() if not shard.over]
        return [
            (worker, f"{worker.name} did not answer for {limit:g} s")
            for worker in at_work
            if worker.remote and now_s - worker.heard_s > limit
        ]

    def take(self, number: int, shipped: ShippedSamples) -> None:
        """A shard shipped what it recorded since its last shipment."""
        shard, delta = self.shards[number], shipped.recording
        self.recording.merge(delta)
        self.unseen.merge(delta)
        self.elapsed = max(self.elapsed, shipped.elapsed)
        shard.began_ns, shard.elapsed = shipped.began_ns, shipped.elapsed
        for stage in self.conductor.stages():
            if stage.begin < shard.elapsed <= stage.end:
                self.stage_healths.setdefault(stage.begin, Health()).merge(delta.health)
        shard.health.merge(delta.health)
        shard.iterations += measured_iterations(delta)
        shard.users = shipped.users
        shard.most_users = max(shard.most_users, *delta.users.values(), 0, shard.users)
        if any(key.outcome == Outcome.OK for key in delta.series) or not delta.series:
            self.last_success = self.elapsed

    def show(self, number: int) -> Recording | None:
        """What is new for the live view, once every shard has shipped; None until then."""
        shard = self.shards[number]
        again, shard.shown = not shard.shown, False
        if not again and any(other.shown and not other.over for other in self.shards.values()):
            return None
        for other in self.shards.values():
            other.shown = True
        unseen, self.unseen = self.unseen, Recording()
        return unseen

    def end(self, number: int, last: Done) -> None:
        """A shard shipped its last."""
        self.take(number, last)
        shard = self.shards[number]
        shard.done = True
        self.failed_users += last.failed_users
        self.notes |= dict.fromkeys(last.notes)
        if shard.iterations:
            self.awaiting.add(last.awaited_nothing)
        if last.refused is not None:
            self.refused.append(last.refused)
        self.interrupted = self.interrupted or last.interrupted
        if last.by_test and self.ended_by is None:
            self.ended_by = shard

    def plan(self, targets: tuple[Target, ...], fatal: str | None) -> TestPlan:
        """What the verdict needs in addition to the samples.

        Args:
            targets: the limits, with those of the options.
            fatal: what is wrong with the test itself, whatever it measured.
        """
        spec = self.spec
        return TestPlan(
            nodeid=spec.nodeid,
            group=spec.group,
            model="open" if spec.open else "closed",
            users=self._users_of_plan(),
            phases=self._phases(),
            evidence=spec.evidence,
            targets=targets,
            metric=spec.metric,
            critical=spec.critical,
            negative=spec.negative,
            shards=len(self.shards),
            planned_rate=spec.peak_rate,
            parts=self._facts(),
            started_s=self._began_s(),
            saturated=spec.saturates,
            steady=spec.iterations is None and spec.shape.kind in (ShapeKind.STEADY, ShapeKind.SUSTAINED),
            interrupted=self.interrupted,
            fatal=fatal,
            invalid=self._invalid(),
            awaited_nothing=self.awaiting == {True},
            shape=spec.shape.text,
            stages=self._stages(),
            spiked=spec.shape.kind is ShapeKind.SPIKE,
            searches=spec.shape.kind is ShapeKind.CAPACITY,
            goes_to=max(spec.shape.users or (spec.users,)),
            must_not_drift=spec.shape.kind is ShapeKind.SUSTAINED,
            notes=(*self._second_run(), *self.notes, *self._sharing()),
        )

    def phase(self, at: float) -> str:
        """The phase at this time in seconds after the start line."""
        phases = self.conductor.phases()
        return next((phase for phase, (begin, end) in phases.items() if begin <= at < end), Phase.COOLDOWN)

    def _began_s(self) -> float:
        """The start line as the first shard crossed it: the start signal takes time to arrive."""
        began = [shard.began_ns for shard in self.shards.values() if shard.began_ns is not None]
        return self.started_s + max(0, min(began, default=self.line_ns) - self.line_ns) / 1e9

    def _phases(self) -> dict[str, tuple[float, float]]:
        """Phases as they were, cut where the test ended."""
        if not self.running:
            return {}
        planned = self.conductor.phases()
        return {str(p): (b, min(e, self.elapsed)) for p, (b, e) in planned.items() if b < self.elapsed}

    def _users_of_plan(self) -> int:
        """Most users at once; of a search, the most that it tried."""
        if self.spec.open:
            return self.spec.in_flight_limit
        tried = [stage.users for stage in self.conductor.stages()]
        return (
            max(tried, default=self.spec.users) if self.spec.shape.kind is ShapeKind.CAPACITY else self.spec.most_users
        )

    def _stages(self) -> tuple[Stage, ...]:
        """The stages as far as they came, with what the shards observed of themselves."""
        return tuple(
            replace(stage, end=min(stage.end, float(int(self.elapsed))), health=self.stage_healths.get(stage.begin))
            for stage in self.conductor.stages()
            if stage.begin < self.elapsed
        )

    def _facts(self) -> tuple[ShardPart, ...]:
        """What each shard contributed; nothing when there is only one."""
        if len(self.shards) == 1:
            return ()
        first = min((shard.began_ns for shard in self.shards.values() if shard.began_ns is not None), default=0)
        return tuple(
            ShardPart(
                name=shard.worker.name,
                users=shard.most_users,
                iterations=shard.iterations,
                began_ms=None if shard.began_ns is None else (shard.began_ns - first) / 1e6,
                health=shard.health,
                lost=shard.lost,
            )
            for shard in self.shards.values()
        )

    def _invalid(self) -> tuple[str, ...]:
        refused = tuple(dict.fromkeys(self.refused))
        lost = [shard for shard in self.shards.values() if shard.lost is not None]
        if not lost:
            return refused
        which = "; ".join(str(shard.lost) for shard in lost)
        return (*refused, f"{len(lost)} of {len(self.shards)} shards lost ({which}): the numbers are partial")

    def _second_run(self) -> list[str]:
        return [f"second run: the first was INVALID: {self.spec.after}"] if self.spec.after is not None else []

    def _sharing(self) -> list[str]:
        """What a reader should know about how the work was divided."""
        notes = []
        idle = len(self.shards) - self.share_count
        if idle:
            what = f"{self.share_count} in flight" if self.spec.open else count(self.share_count, "user")
            notes.append(f"{idle} of {len(self.shards)} shards had nothing to do: the test has {what}")
        began = [shard.began_ns for shard in self.shards.values() if shard.began_ns is not None]
        if began and (apart := (max(began) - min(began)) / 1e6) > APART_MS:
            notes.append(f"the shards began {apart:.0f} ms apart")
        return notes


def measured_iterations(recording: Recording) -> int:
    """Iterations of the measured phase in a shipment, however they ended."""
    return sum(
        histogram.count
        for key, cells in recording.series.items()
        if key.metric == ITERATION and key.clock == Clock.SERVICE
        for cell, histogram in cells.items()
        if cell.phase == Phase.MEASURE
    )
