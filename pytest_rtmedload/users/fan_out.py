"""Fan-out: one test body, many virtual users, on the event loop the body's async plugin gave it.

Each user is a task: it enters its user fixtures, waits for the start line if it is due at once, then iterates until
its time is over. Nothing here knows of shards or messages: the worker tells it how many users there should be.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
import types
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_rtmedload.users.iteration import ENDS_TEST, CancelReason, ErrorCounter, Iterations, UserState
from pytest_rtmedload.users.load import Load
from pytest_rtmedload.users.pool import Pool
from pytest_rtmedload.users.user_fixture import FixtureValues, UserFixtureDef
from pytest_rtmedload.users.virtual_user import CURRENT, VirtualUser

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping

    from pytest_rtmedload.measure.recorder import Recorder
    from pytest_rtmedload.spec.load_spec import LoadSpec
    from pytest_rtmedload.users.shared_context import SharedContext

SLICE_NS: Final = 1_000_000
"""A body that never waits gives way to the other users after 1 ms: often enough for them, and it costs little."""
TEARDOWN_S: Final = 5.0
"""How long users may take to leave their fixtures once they were cut off."""

LOAD = UserFixtureDef("load", lambda: None, {}, "user")
"""What the `load` fixture gives to pytest; each user replaces it with itself."""


@types.coroutine
def _give_way() -> Generator[None, None, None]:
    """Let the event loop run once: `asyncio.sleep(0)` without its overhead."""
    yield


class FanOut:
    """The users of one shard.

    Args:
        body: the test function.
        arguments: its arguments as pytest resolved them; user fixtures are entered by each user.
        spec: the load test.
        recorder: takes the samples.
        shared: what users share.
        late_ns: an arrival that begins later than this counts as late.
        in_flight: open model: iterations that may be in flight at once here; None: the test's limit.
    """

    def __init__(
        self,
        body: Callable[..., Awaitable[object]],
        arguments: Mapping[str, Any],
        spec: LoadSpec,
        recorder: Recorder,
        shared: SharedContext,
        late_ns: int = 15_000_000,
        in_flight: int | None = None,
    ) -> None:
        self._arguments = arguments
        self._spec = spec
        self._recorder = recorder
        self._shared = shared
        self._states: dict[int, UserState] = {}
        self._line = asyncio.Event()
        self._changed = asyncio.Event()
        self._live = 0
        self._errors = ErrorCounter(recorder, shared)
        self._iterations = Iterations(body, arguments, spec, recorder, self._errors)
        self.crossed_ns: int | None = None
        """When the first user crossed the start line."""
        self.pool = Pool(spec, recorder, late_ns, spec.in_flight_limit if in_flight is None else in_flight)
        """Open model: where arrivals and users find each other."""
        self.allowed = 0
        """Users over all shards that may iterate; those with a higher index end after their present iteration."""
        self.ended_by: BaseException | None = None
        """The outcome, signal or interrupt that ends the whole test."""

    @property
    def failed_users(self) -> list[str]:
        """Why users never started, or failed to leave their fixtures; one line each."""
        return self._errors.failed_users

    @property
    def awaited_nothing(self) -> bool:
        """Whether the body was run and never waited for anything."""
        return self._iterations.suspension.never

    @property
    def entered(self) -> bool:
        """True once every user that waits for the start line has entered its fixtures or failed to."""
        return all(state.ready for state in self._states.values() if state.waits_for_line)

    @property
    def skipped(self) -> bool:
        """True when the test was skipped from within."""
        return isinstance(self.ended_by, pytest.skip.Exception)

    @property
    def finished(self) -> bool:
        """True when no user is left."""
        return self._live == 0

    def has(self, index: int) -> bool:
        """True once this user was started; one that left when there were too many can be started again."""
        state = self._states.get(index)
        return state is not None and not (state.one_too_many and state.task is not None and state.task.done())

    async def changed(self, at_most: float) -> None:
        """Wait until a user became ready or ended, at most `at_most` seconds."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), at_most)
        self._changed.clear()

    def start_user(self, index: int, *, waits_for_line: bool = False) -> None:
        """Let user `index` enter its fixtures and begin."""
        user = VirtualUser(index, self._recorder, self._shared)
        state = UserState(user, waits_for_line=waits_for_line)
        self._states[index] = state
        self._live += 1
        state.task = asyncio.create_task(self._live_through(state), name=f"virtual user {index}")
        state.task.add_done_callback(functools.partial(self._gone, state))

    def _gone(self, state: UserState, task: asyncio.Task[None]) -> None:
        """A user has ended, however; also one that was cancelled before its first step, which runs no `finally`."""
        state.ready = True
        self._live -= 1
        if task.cancelled() and state.cancelled_for is None:
            self.failed_users.append(f"{task.get_name()} was cancelled by something in this process")
        self._changed.set()

    def open_line(self) -> None:
        """The start line: users that are ready begin."""
        self._line.set()

    def end_at(self, at_ns: int) -> None:
        """No iteration starts at or after this moment."""
        self._iterations.end_ns = at_ns

    def wake(self) -> None:
        """The end has come: users that only think, or never began, leave now; those in an iteration may finish it."""
        for state in self._states.values():
            if state.thinking or not state.ready:
                self._cancel(state, CancelReason.END)

    def cut_entering(self, limit_s: float) -> None:
        """Give up on users that have not entered their fixtures within `limit_s`: the others begin without them."""
        for state in self._states.values():
            if not state.ready:
                self.failed_users.append(
                    f"virtual user {state.user.user} did not enter its fixtures within {limit_s:g} s"
                )
                state.ready = True
                self._cancel(state, CancelReason.END)

    def cut_overdue(self, now_ns: int) -> None:
        """Cut off iterations that have taken longer than the timeout: they become censored samples."""
        limit = now_ns - round(self._spec.timeout * 1e9)
        for state in self._states.values():
            if 0 < state.started_ns < limit - state.user.pausing_ns(now_ns) and state.cancelled_for is None:
                self._cancel(state, CancelReason.TIMEOUT)

    def cut_all(self) -> None:
        """Cut off everyone: iterations in flight become censored samples, fixtures are left."""
        self._iterations.end_ns = 0
        for state in self._states.values():
            self._cancel(state, CancelReason.END)

    async def leave(self) -> list[str]:
        """Wait until users that were cut off have left their fixtures; returns those that did not in time."""
        tasks = [state.task for state in self._states.values() if state.task is not None and not state.task.done()]
        if not tasks:
            return []
        _, stuck = await asyncio.wait(tasks, timeout=TEARDOWN_S)
        for task in stuck:
            task.cancel()
        return [f"{task.get_name()} did not leave its fixtures within {TEARDOWN_S:g} s" for task in stuck]

    def _cancel(self, state: UserState, reason: CancelReason) -> None:
        if state.task is not None and not state.task.done() and state.cancelled_for is not CancelReason.END:
            state.cancelled_for = reason
            state.task.cancel()

    async def _live_through(self, state: UserState) -> None:
        CURRENT.set(state.user)
        try:
            async with contextlib.AsyncExitStack() as stack:
                stack.push_async_callback(state.user.aclose)
                await self._enter_and_iterate(state, stack)
        except asyncio.CancelledError:
            if state.cancelled_for is None:
                raise
        except ENDS_TEST as error:
            self.ended_by = self.ended_by or error
        except Exception as error:  # noqa: BLE001 - any exception of a user fixture's teardown fails the test
            self._errors.user_failed("leave", error)
        except BaseException as error:  # noqa: BLE001 - ends the test, raised again by the fan-out's owner
            self.ended_by = self.ended_by or error

    async def _enter_and_iterate(self, state: UserState, stack: contextlib.AsyncExitStack) -> None:
        user = state.user
        entered = FixtureValues(stack, {LOAD: Load(user)})
        try:
            for value in self._arguments.values():
                await entered.prepare(value)
        except ENDS_TEST:
            raise
        except Exception as error:  # noqa: BLE001 - any exception of a user fixture fails the test
            self._errors.user_failed("start", error)
            return
        user.leave_setup()
        state.ready = True
        self._changed.set()
        if state.waits_for_line:
            await self._line.wait()
            self.crossed_ns = self.crossed_ns or time.perf_counter_ns()
        iterate = self._iterations.of(state, entered.values)
        if self._spec.open:
            await self._serve(state, iterate)
            return
        self._recorder.users_changed(+1, time.perf_counter_ns())
        try:
            await self._repeat(state, iterate)
        finally:
            self._recorder.users_changed(-1, time.perf_counter_ns())

    async def _serve(self, state: UserState, iterate: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Open model: iterate when an arrival comes, else wait in the pool."""
        while state.cancelled_for is not CancelReason.END and time.perf_counter_ns() < self._iterations.end_ns:
            state.cancelled_for = None
            state.thinking = True
            state.due_ns = await self.pool.next()
            state.thinking = False
            state.user.begin_iteration()
            self._recorder.users_changed(+1, time.perf_counter_ns())
            try:
                await iterate()
            finally:
                self._recorder.users_changed(-1, time.perf_counter_ns())
                self.pool.ended()

    async def _repeat(self, state: UserState, iterate: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Closed model: iterate, think, iterate, until the user's time is over."""
        user, think, end = state.user, self._spec.think, CancelReason.END
        limit = self._spec.iterations or 2**62
        gave_way = time.perf_counter_ns()
        while user.user < self.allowed and user.iteration + 1 < limit:
            user.begin_iteration()
            await iterate()
            now = time.perf_counter_ns()
            if state.cancelled_for is end or now >= self._iterations.end_ns or user.iteration + 1 >= limit:
                return
            state.cancelled_for = None
            if think:
                state.thinking = True
                pause = user.random.expovariate(1 / think)
                self._recorder.paused(now, now + round(pause * 1e9))  # in full, as the iteration in flight at the end
                await asyncio.sleep(pause)
                state.thinking = False
            elif now - gave_way > SLICE_NS:
                await _give_way()
                gave_way = time.perf_counter_ns()
        state.one_too_many = user.user >= self.allowed
