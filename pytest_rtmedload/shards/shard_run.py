"""One attempt at one load test in one process: from the assignment of users to the last sample shipped."""

from __future__ import annotations

import asyncio
import gc
import itertools
import sys
import time
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pytest_rtmedload import clients, voice
from pytest_rtmedload.measure.health import HealthProbe
from pytest_rtmedload.measure.open_files import Room, make_room
from pytest_rtmedload.measure.recorder import NS, Recorder, warm_up
from pytest_rtmedload.measure.trace import Trace
from pytest_rtmedload.results.recording import Health, Phase
from pytest_rtmedload.schedule.factory import conductor_for
from pytest_rtmedload.shards import messages
from pytest_rtmedload.shards.clocks import EXCHANGES, ClockExchange, offset_ns
from pytest_rtmedload.shards.load_test import LoadTest, Messenger, Refused, StartOver
from pytest_rtmedload.spec.target_syntax import named_metrics
from pytest_rtmedload.users.agent_clients import NeedsAgent
from pytest_rtmedload.users.fan_out import FanOut
from pytest_rtmedload.users.shared_context import SharedContext
from pytest_rtmedload.users.virtual_user import describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_rtmedload.schedule.conductors import Command

POLL_NS: Final = NS // 10
"""How often a shard looks at overdue iterations and for messages."""
DRAIN_NS: Final = NS
"""Once a second samples become histograms and are shipped."""
ENTER_S: Final = 5.0
"""Users may take at least this long to enter their fixtures, however short the timeout of operations is."""
SPARE_USERS: Final = 3
"""Open model: users kept waiting for an arrival."""
LATE_YIELD_NS: Final = NS // 1000
DEBUG_TIMEOUT_S: Final = 3600.0
"""While a test is debugged its iteration is not cut off: it may be stopped at a breakpoint. Operations are cut off."""
DEBUGGED: Final = "debug mode: one user made one iteration, and latency is not judged"
STOP_GRACE_NS: Final = NS
"""Grace for iterations in flight when a test is stopped before its time."""


class ShardRun:
    """Drives a fan-out by the coordinator's commands.

    Args:
        coordinator: the other end.
        test: what to run.
        assigned: this shard's share of it.
    """

    def __init__(self, coordinator: Messenger, test: LoadTest, assigned: messages.Assign) -> None:
        self._coordinator = coordinator
        debug = coordinator.settings.debug
        self._spec = replace(test.spec, timeout=DEBUG_TIMEOUT_S) if debug else test.spec
        self._attempt = assigned.attempt
        self._shard, self._shards, self._alone = assigned.shard, assigned.shards, assigned.alone
        title = f"\n{test.spec.nodeid}: one user, one iteration"
        told = (lambda line: coordinator.tell(messages.OperationEnded(self._attempt, line))) if debug else None
        self._recorder = Recorder(
            response_time=test.spec.open,
            each=coordinator.settings.samples,
            trace=Trace(title, told) if told is not None else None,
            keep=named_metrics(test.spec.targets, coordinator.settings.targets) | {test.spec.metric},
        )
        shared = SharedContext(coordinator.settings, assigned.seed, test.spec.timeout, assigned.url, test.spec.nodeid)
        late_ns = assigned.lag_limit_ns
        self._in_flight = share(test.spec.in_flight_limit, self._shard, self._shards) if test.spec.open else 0
        self._users = FanOut(
            test.body, test.arguments, self._spec, self._recorder, shared, late_ns, in_flight=self._in_flight
        )
        self._conductor = conductor_for(test.spec)
        self._seed = assigned.seed
        self._started_users = 0
        self._dispatcher: asyncio.Task[None] | None = None
        self._arrivals = self._own_arrivals()
        self._probe = HealthProbe(asyncio.get_running_loop(), late_ns, self._recorder.lagged, assigned.family)
        self._begins: list[Command] = []
        self._commands: deque[Command] = deque()
        self._phases: dict[Phase, tuple[float, float]] = {}
        self._clock_offset = 0
        self._line: int | None = None  # where the coordinator drew the start line, on this process's clock
        self._t0 = self._opened = self._next_drain = 0
        self._cut_at = 2**62
        self._ended_ns: int | None = None
        self._interrupted: str | None = None
        self._told_last = False
        self._room = Room()

    async def run(self) -> messages.Judged:
        """Enter, start, drive, leave, ship.

        Raises:
            NeedsAgent: nothing was measured, an agent must be found first.
            Refused: the coordinator ended the test.
            StartOver: the coordinator makes the test start over.
            BaseException: the outcome or interrupt that ended the test; what was measured was shipped.
        """
        try:
            return await self._run()
        except (NeedsAgent, Refused, StartOver):
            raise
        except Exception as error:
            if not self._told_last:  # a defect of this package: no other process may wait for this shard for ever
                self._interrupted = f"the load generator failed: {describe(error)}"
                self._ship_last(by_test=True)
            raise

    async def _run(self) -> messages.Judged:
        self._room = self._make_room()
        if self._room.refusal is not None:
            self._interrupted = self._room.refusal
            self._ship_last(by_test=True)
            raise Refused(f"INVALID: {self._room.refusal}", skip=False)
        try:
            await self._enter()
            await self._drive()
        except asyncio.CancelledError:
            self._interrupted = "interrupted before its end"
            await self._leave()
            self._ship_last(by_test=True)
            raise
        except (Refused, StartOver):
            await self._leave()
            raise
        await self._leave()
        ended_by = self._users.ended_by
        if isinstance(ended_by, NeedsAgent):
            raise ended_by
        if self._users.skipped and ended_by is not None:
            self._coordinator.tell(messages.Abandon(self._attempt, str(ended_by)))
            raise ended_by
        self._ship_last(by_test=ended_by is not None)
        if ended_by is not None:
            raise ended_by
        return await self._coordinator.expect(messages.Judged)

    def _make_room(self) -> Room:
        """In an open test, the number of users follows from how fast the agent answers."""
        users = self._in_flight if self._spec.open else share(self._spec.most_users, self._shard, self._shards)
        return make_room(users, certain=not self._spec.open)

    async def _enter(self) -> None:
        """Users that are due at once enter their fixtures; then the start line is drawn for all shards."""
        if self._spec.open:
            self._fill_pool(waits_for_line=True)
        else:
            for index in self._mine(0, self._begins_with()):
                self._users.start_user(index, waits_for_line=True)
        limit = max(self._spec.timeout, ENTER_S)
        patience = time.perf_counter_ns() + round(limit * NS)
        while not self._users.entered and self._users.ended_by is None:
            await self._users.changed(at_most=POLL_NS / NS)
            if time.perf_counter_ns() >= patience:
                self._users.cut_entering(limit)
        if self._users.ended_by is not None:
            return
        clients.warm_up()
        voice.warm_up()
        warm_up()
        gc.collect()
        gc.freeze()  # objects of pytest and the imports need not be scanned during the test
        await self._await_start()

    async def _await_start(self) -> None:
        """All shards are asked to begin at the same moment."""
        if not self._alone:
            self._clock_offset = offset_ns([await self._exchange() for _ in range(EXCHANGES)])
        self._coordinator.tell(messages.Ready(self._attempt))
        go = await self._coordinator.expect(messages.Go)
        self._begins = list(go.commands)
        self._phases = go.phases
        self._line = None if go.at_ns is None else go.at_ns - self._clock_offset

    async def _exchange(self) -> ClockExchange:
        self._coordinator.tell(messages.ClockAsked(self._attempt, time.perf_counter_ns()))
        answer = await self._coordinator.expect(messages.ClockTold)
        return ClockExchange(answer.asked, answer.answered, time.perf_counter_ns())

    async def _drive(self) -> None:
        if self._users.ended_by is not None:
            return
        self._t0 = self._line or time.perf_counter_ns()
        await _until(self._t0)
        self._next_drain = self._t0 + DRAIN_NS
        self._recorder.start(self._t0, self._phases)
        self._take(self._begins)  # before users cross the line: they must know the end, if it is near
        self._probe.start()
        self._obey(self._t0)
        self._users.open_line()
        self._opened = time.perf_counter_ns()
        if self._spec.open:
            self._dispatcher = asyncio.create_task(self._dispatch())
        while self._users.ended_by is None:
            now = time.perf_counter_ns()
            self._obey(now)
            self._hear(now)
            self._users.cut_overdue(now)
            if now >= self._cut_at:
                self._users.cut_all()
                break  # leaving has a limit of its own
            if now >= self._next_drain:
                with self._probe.bookkeeping():
                    self._ship(now)
            if self._over():
                break
            await self._users.changed(at_most=max(0, self._next_event(now) - now) / NS)

    def _begins_with(self) -> int:
        """Users that are due at the start line itself."""
        due = [command.value for command in self._conductor.commands() if command.kind == "users" and command.at <= 0]
        return round(max(due, default=1))

    def _over(self) -> bool:
        """True if no users are left and none will be added."""
        if self._dispatcher is None:
            return self._users.finished and not any(command.kind == "users" for command in self._commands)
        if not self._dispatcher.done():
            return False
        self._dispatcher.result()  # raises its exception
        if self._users.finished:
            self._users.pool.give_up()
            return True
        return self._users.finished if self._ended_ns is not None else self._users.pool.in_flight == 0

    async def _dispatch(self) -> None:
        """Open model: let iterations begin when they are due, however the agent answers."""
        for due in self._arrivals:
            late = await _until(due)
            if self._ended_ns is not None:
                self._users.pool.miss(due)
                return
            self._users.pool.arrive(due)
            self._fill_pool()
            if late > LATE_YIELD_NS:
                await asyncio.sleep(0)  # after that: what is due at once must still get its turn

    def _own_arrivals(self) -> Iterator[int]:
        """When this shard's arrivals are due, in nanoseconds."""
        for number, at in enumerate(self._conductor.arrivals(self._seed)):
            if number % self._shards == self._shard:
                yield self._at(at)

    def _fill_pool(self, *, waits_for_line: bool = False) -> None:
        """Keep users ready ahead of the arrivals, so that entering their fixtures delays no arrival."""
        wanted = min(self._in_flight, self._started_users + max(0, SPARE_USERS - self._users.pool.spare))
        while self._started_users < wanted:
            self._users.start_user(self._shard + self._started_users * self._shards, waits_for_line=waits_for_line)
            self._started_users += 1

    async def _leave(self) -> None:
        if self._ended_ns is None:
            self._end(time.perf_counter_ns())
        if self._dispatcher is not None:
            self._dispatcher.cancel()
            await asyncio.wait([self._dispatcher])
            # arrivals that never got their turn are charged to the generator: planned, and not started
            for due in itertools.takewhile(lambda due: due < (self._ended_ns or 0), self._arrivals):
                self._users.pool.miss(due)
        self._users.cut_all()  # an iteration still in flight is a censored sample, and fixtures must not wait for it
        for line in await self._users.leave():
            self._recorder.error(line)
            self._users.failed_users.append(line)
        self._probe.stop()
        gc.unfreeze()

    def _obey(self, now: int) -> None:
        """Carry out the commands that are due and notice the beginning of the measured phase."""
        begin, _ = self._phases.get(Phase.MEASURE, (0.0, 0.0))
        if self._ended_ns is None and not self._probe.measuring and now >= self._at(begin):
            self._probe.measure(on=True)
        while self._commands and self._at(self._commands[0].at) <= now:
            command = self._commands.popleft()
            if command.kind == "users":
                self._allow(round(command.value))
            else:
                self._end(self._at(command.at))
                self._cut_at = self._at(command.at) + round(self._spec.grace * NS)

    def _allow(self, users: int) -> None:
        before, self._users.allowed = self._users.allowed, users
        for index in self._mine(before, users):
            if not self._users.has(index):  # a user that was let go may still be finishing, and then goes on
                self._users.start_user(index)

    def _mine(self, first: int, last: int) -> list[int]:
        """This shard's users among those with these global indices."""
        return [index for index in range(first, last) if index % self._shards == self._shard]

    def _hear(self, now: int) -> None:
        for message in self._coordinator.messages():
            if self._interrupted is not None:
                continue
            if isinstance(message, messages.Steer):
                self._take(message.commands)
            elif isinstance(message, messages.Stop):
                self._interrupted = message.reason
                self._commands.clear()
                self._users.end_at(now)
                self._end(now)
                self._cut_at = now + STOP_GRACE_NS

    def _take(self, commands: list[Command]) -> None:
        """Further commands; the end is known to all users before it comes."""
        self._commands.extend(commands)
        for command in commands:
            if command.kind == "end":
                self._users.end_at(self._at(command.at))

    def _end(self, at_ns: int) -> None:
        """The measured phase is over: what starts from now on only cools down."""
        if self._ended_ns is None:
            self._ended_ns = at_ns
            self._probe.measure(on=False)
            self._recorder.end_phase(Phase.COOLDOWN, at_ns)
            self._users.wake()

    def _next_event(self, now: int) -> int:
        due = self._at(self._commands[0].at) if self._commands else now + POLL_NS
        return min(now + POLL_NS, due, self._next_drain, self._cut_at)

    def _at(self, seconds: float) -> int:
        return self._t0 + round(min(seconds, 1e9) * NS)

    def _ship(self, now: int) -> None:
        self._next_drain = now + DRAIN_NS
        self._coordinator.tell(
            messages.ShippedSamples(
                self._attempt,
                recording=self._recorder.drain(now, health=self._health()),
                rows=self._recorder.take_rows(),
                elapsed=(now - self._t0) / NS,
                users=self._recorder.users,
                began_ns=self._began_ns(),
            )
        )

    def _health(self) -> Health:
        """What the probe saw and how the arrivals fared since the last shipment."""
        health = self._probe.take()
        health.merge(self._users.pool.take_starts())
        return health

    def _began_ns(self) -> int | None:
        """When the first user crossed the start line, or when it opened if none did; on the coordinator's clock."""
        return (self._users.crossed_ns or self._opened) + self._clock_offset if self._opened else None

    def _ship_last(self, *, by_test: bool) -> None:
        now = time.perf_counter_ns()
        ended_by = self._users.ended_by
        self._told_last = True
        self._coordinator.tell(
            messages.Done(
                self._attempt,
                recording=self._recorder.drain(now, health=self._health(), final=True),
                rows=self._recorder.take_rows(),
                elapsed=((self._ended_ns or now) - self._t0) / NS if self._t0 else 0.0,
                interrupted=describe(ended_by) if ended_by is not None else self._interrupted,
                by_test=by_test,
                began_ns=self._began_ns(),
                failed_users=list(self._users.failed_users),
                notes=[
                    *([DEBUGGED] if self._coordinator.settings.debug else []),
                    *([self._room.note] if self._room.note is not None else []),
                    *slowed_by(),
                ],
                refused=self._room.refusal,
                awaited_nothing=self._users.awaited_nothing,
            )
        )


async def _until(moment_ns: int) -> int:
    """Sleep until a moment of this process's clock; returns by how much it was missed, in nanoseconds."""
    while (late := time.perf_counter_ns() - moment_ns) < 0:  # noqa: ASYNC110 - timers may fire a little early
        await asyncio.sleep(-late / NS)
    return late


def share(total: int, shard: int, shards: int) -> int:
    """This shard's part of `total` places; a shard beyond the number of sharing ones gets none."""
    return total // shards + (shard < total % shards) if shard < shards else 0


def slowed_by() -> list[str]:
    """Tools active in this process that make a load generator several times slower; one line each."""
    found = []
    if asyncio.get_running_loop().get_debug():
        found.append("asyncio's debug mode is on: the load generator is several times slower than necessary")
    if sys.gettrace() is not None or sys.getprofile() is not None:
        found.append("coverage, a debugger or a profiler is watching: the load generator is slower than necessary")
    return found
