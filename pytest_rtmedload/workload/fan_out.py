"""Fan-out: one test body, many virtual users, on the event loop the body's async plugin gave it.

Each user is a task: it enters its user fixtures, waits for the start line if it is due at once, then iterates until
its time is over. An exception ends an iteration, `pytest.skip`, `pytest.fail` and `pytest.exit` end the whole test.
Nothing here knows of shards or messages: the worker tells it how many users there should be.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
import traceback
import types
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_rtmedload.results.names import ITERATION
from pytest_rtmedload.results.recording import Outcome
from pytest_rtmedload.workload.pool import Pool
from pytest_rtmedload.workload.user import CURRENT, ChecksFailed, NeedsAgent, Surroundings, VirtualUser, describe
from pytest_rtmedload.workload.user_fixture import Entered, Recipe

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping

    from pytest_rtmedload.measure.recorder import Recorder
    from pytest_rtmedload.workload.spec import LoadSpec

SLICE_NS: Final = 1_000_000
"""A body that never waits gives way to the other users after 1 ms: often enough for them, and it costs little."""
TEARDOWN_S: Final = 5.0
"""How long users may take to leave their fixtures once they were cut off."""

ENDS_TEST = (pytest.skip.Exception, pytest.fail.Exception, pytest.exit.Exception)
"""Outcomes that end the whole test, as they do anywhere in pytest."""

LOAD = Recipe("load", lambda: None, {}, "user")
"""What the `load` fixture gives to pytest; each user replaces it with itself."""


@types.coroutine
def _give_way() -> Generator[None, None, None]:
    """Let the event loop run once: `asyncio.sleep(0)` without its overhead."""
    yield


class Cut:
    """Why a user's task was cancelled by us, as opposed to by the event loop's owner."""

    TIMEOUT = "timeout"
    END = "end"


class _Running:
    """A virtual user with its task."""

    __slots__ = ("cut", "due_ns", "ready", "started_ns", "task", "thinking", "user", "waits_for_line")

    def __init__(self, user: VirtualUser, *, waits_for_line: bool) -> None:
        self.user = user
        self.waits_for_line = waits_for_line
        self.ready = False
        self.started_ns = 0  # 0: no iteration in flight
        self.due_ns = 0  # 0: closed model, nobody waits for this iteration
        self.thinking = False
        self.cut: str | None = None
        self.task: asyncio.Task[None] | None = None


class FanOut:
    """The users of one shard.

    Args:
        body: the test function.
        arguments: its arguments as pytest resolved them; recipes are entered by each user.
        spec: the load test.
        recorder: takes the samples.
        surroundings: what users share.
        late_ns: an arrival that begins later than this counts as late.
        in_flight: open model: iterations that may be in flight at once here; None: the test's limit.
    """

    def __init__(
        self,
        body: Callable[..., Awaitable[object]],
        arguments: Mapping[str, Any],
        spec: LoadSpec,
        recorder: Recorder,
        surroundings: Surroundings,
        late_ns: int = 15_000_000,
        in_flight: int | None = None,
    ) -> None:
        self._body = body
        self._arguments = arguments
        self._spec = spec
        self._recorder = recorder
        self._surroundings = surroundings
        self._running: dict[int, _Running] = {}
        self._line = asyncio.Event()
        self._changed = asyncio.Event()
        self._live = 0
        self._end_ns = 2**62
        self.crossed_ns: int | None = None
        """When the first user crossed the start line."""
        self.pool = Pool(spec, recorder, late_ns, spec.in_flight_limit if in_flight is None else in_flight)
        """Open model: where arrivals and users find each other."""
        self.allowed = 0
        """Users over all shards that may iterate; those with a higher index end after their present iteration."""
        self.ended_by: BaseException | None = None
        """The outcome, signal or interrupt that ends the whole test."""
        self.failed_users: list[str] = []
        """Why users never started, or failed to leave their fixtures; one line each."""

    @property
    def entered(self) -> bool:
        """True once every user that waits for the start line has entered its fixtures or failed to."""
        return all(running.ready for running in self._running.values() if running.waits_for_line)

    @property
    def skipped(self) -> bool:
        """True when the test was skipped from within."""
        return isinstance(self.ended_by, pytest.skip.Exception)

    @property
    def finished(self) -> bool:
        """True when no user is left."""
        return self._live == 0

    def knows(self, index: int) -> bool:
        """True when this user was started before."""
        return index in self._running

    async def changed(self, at_most: float) -> None:
        """Wait until a user became ready or ended, at most so many seconds."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), at_most)
        self._changed.clear()

    def start_user(self, index: int, *, waits_for_line: bool = False) -> None:
        """Let user `index` enter its fixtures and begin."""
        user = VirtualUser(index, self._recorder, self._surroundings)
        running = _Running(user, waits_for_line=waits_for_line)
        self._running[index] = running
        self._live += 1
        running.task = asyncio.create_task(self._live_through(running), name=f"virtual user {index}")
        running.task.add_done_callback(functools.partial(self._gone, running))

    def _gone(self, running: _Running, task: asyncio.Task[None]) -> None:
        """A user has ended, however; also one that was cancelled before its first step, which runs no `finally`."""
        running.ready = True
        self._live -= 1
        if task.cancelled() and running.cut is None:
            self.failed_users.append(f"{task.get_name()} was cancelled by something in this process")
        self._changed.set()

    def open_line(self) -> None:
        """The start line: users that are ready begin."""
        self._line.set()

    def end_at(self, at_ns: int) -> None:
        """No iteration starts at or after this moment."""
        self._end_ns = at_ns

    def wake(self) -> None:
        """The end has come: users that only think, or never began, leave now; those in an iteration may finish it."""
        for running in self._running.values():
            if running.thinking or not running.ready:
                self._cancel(running, Cut.END)

    def cut_entering(self, limit_s: float) -> None:
        """Give up on users that have not entered their fixtures within `limit_s`: nobody waits for them any more."""
        for running in self._running.values():
            if not running.ready:
                self.failed_users.append(
                    f"virtual user {running.user.user} did not enter its fixtures within {limit_s:g} s"
                )
                running.ready = True
                self._cancel(running, Cut.END)

    def cut_overdue(self, now_ns: int) -> None:
        """Cut off iterations that have taken longer than the timeout: they become censored samples."""
        limit = now_ns - round(self._spec.timeout * 1e9)
        for running in self._running.values():
            if 0 < running.started_ns < limit - running.user.pausing_ns(now_ns) and running.cut is None:
                self._cancel(running, Cut.TIMEOUT)

    def cut_all(self) -> None:
        """Cut off everyone: iterations in flight become censored samples, fixtures are left."""
        self._end_ns = 0
        for running in self._running.values():
            self._cancel(running, Cut.END)

    async def leave(self) -> list[str]:
        """Wait until users that were cut off have left their fixtures; returns those that did not in time."""
        tasks = [
            running.task for running in self._running.values() if running.task is not None and not running.task.done()
        ]
        if not tasks:
            return []
        _, stuck = await asyncio.wait(tasks, timeout=TEARDOWN_S)
        for task in stuck:
            task.cancel()
        return [f"{task.get_name()} did not leave its fixtures within {TEARDOWN_S:g} s" for task in stuck]

    def _cancel(self, running: _Running, why: str) -> None:
        if running.task is not None and not running.task.done() and running.cut != Cut.END:
            running.cut = why
            running.task.cancel()

    async def _live_through(self, running: _Running) -> None:
        CURRENT.set(running.user)
        try:
            async with contextlib.AsyncExitStack() as stack:
                stack.push_async_callback(running.user.aclose)
                await self._enter_and_iterate(running, stack)
        except asyncio.CancelledError:
            if running.cut is None:
                raise
        except ENDS_TEST as error:
            self.ended_by = self.ended_by or error
        except Exception as error:  # noqa: BLE001 - whatever a user fixture raises on its way out is the test's failure
            self._user_failed("leave", error)
        except BaseException as error:  # noqa: BLE001 - ends the test, raised again by the fan-out's owner
            self.ended_by = self.ended_by or error

    async def _enter_and_iterate(self, running: _Running, stack: contextlib.AsyncExitStack) -> None:
        user = running.user
        entered = Entered(stack, {LOAD: user})
        try:
            for value in self._arguments.values():
                await entered.prepare(value)
        except ENDS_TEST:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a user fixture raises is the test's failure
            self._user_failed("start", error)
            return
        user.leave_setup()
        running.ready = True
        self._changed.set()
        if running.waits_for_line:
            await self._line.wait()
            self.crossed_ns = self.crossed_ns or time.perf_counter_ns()
        iterate = self._iteration_of(running, entered.values)
        if self._spec.open:
            await self._serve(running, iterate)
            return
        self._recorder.users_changed(+1, time.perf_counter_ns())
        try:
            await self._repeat(running, iterate)
        finally:
            self._recorder.users_changed(-1, time.perf_counter_ns())

    def _iteration_of(self, running: _Running, known: Mapping[Recipe, Any]) -> Callable[[], Coroutine[Any, Any, None]]:
        """What one iteration of this user is, with or without fixtures of its own."""
        arguments = {name: known.get(v, v) if isinstance(v, Recipe) else v for name, v in self._arguments.items()}
        recipes = {n: v for n, v in self._arguments.items() if isinstance(v, Recipe) and v.per_iteration}
        if recipes:
            return functools.partial(self._with_fixtures, running, arguments, recipes, known)
        return functools.partial(self._measured, running, arguments)

    async def _serve(self, running: _Running, iterate: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Open model: iterate when an arrival comes, else wait in the pool."""
        while running.cut != Cut.END and time.perf_counter_ns() < self._end_ns:
            running.cut = None
            running.thinking = True
            running.due_ns = await self.pool.next()
            running.thinking = False
            running.user.begin_iteration()
            self._recorder.users_changed(+1, time.perf_counter_ns())
            try:
                await iterate()
            finally:
                self._recorder.users_changed(-1, time.perf_counter_ns())
                self.pool.ended()

    async def _repeat(self, running: _Running, iterate: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Closed model: iterate, think, iterate, until the user's time is over."""
        user, think = running.user, self._spec.think
        limit = self._spec.iterations or 2**62
        gave_way = time.perf_counter_ns()
        while user.user < self.allowed and user.iteration + 1 < limit:
            user.begin_iteration()
            await iterate()
            now = time.perf_counter_ns()
            if running.cut == Cut.END or now >= self._end_ns or user.iteration + 1 >= limit:
                return
            running.cut = None
            if think:
                running.thinking = True
                pause = user.random.expovariate(1 / think)
                self._recorder.paused(now, now + round(pause * 1e9))  # in full, as the iteration in flight at the end
                await asyncio.sleep(pause)
                running.thinking = False
            elif now - gave_way > SLICE_NS:
                await _give_way()
                gave_way = time.perf_counter_ns()

    async def _with_fixtures(
        self, running: _Running, arguments: dict[str, Any], recipes: Mapping[str, Recipe], known: Mapping[Recipe, Any]
    ) -> None:
        """One iteration with fixtures of its own; one of them failing is the iteration failing."""
        user, start, measured = running.user, time.perf_counter_ns(), False
        running.started_ns, user.thought_ns = start, 0
        user.late_ns = start - running.due_ns if running.due_ns else 0
        try:
            async with contextlib.AsyncExitStack() as stack:
                entered = Entered(stack, known)
                own = {name: await entered.resolve(recipe) for name, recipe in recipes.items()}
                if running.due_ns:  # its fixtures are no part of an iteration, nor are they why it is late
                    running.due_ns += time.perf_counter_ns() - start
                await self._measured(running, arguments | own)
                measured, running.started_ns = True, time.perf_counter_ns()  # leaving has a limit of its own
        except asyncio.CancelledError:
            if running.cut is None:
                raise
            outcome = self._cut_off(running)
            if measured:
                self._user_failed("leave", TimeoutError(f"an iteration's fixture took over {self._spec.timeout:g} s"))
            else:
                user.add(ITERATION, start, time.perf_counter_ns(), outcome)
        except ENDS_TEST:
            raise
        except Exception as error:  # noqa: BLE001 - as in a body
            user.add(ITERATION, start, time.perf_counter_ns(), self._failed(user, error))
        finally:
            running.started_ns = 0

    async def _measured(self, running: _Running, arguments: dict[str, Any]) -> None:
        """Run the body once and record how it went. The hot path: see benchmarks/test_iteration.py."""
        user, clock = running.user, time.perf_counter_ns
        running.started_ns = start = clock()
        user.thought_ns = 0  # of this iteration's body alone
        if running.due_ns:
            user.late_ns = start - running.due_ns  # all samples count from when the iteration was due
        elif start >= self._end_ns:
            running.started_ns = 0
            return
        outcome = Outcome.OK
        try:
            await self._body(**arguments)
            if user.failed_checks:
                raise ChecksFailed("check failed: " + ", ".join(user.failed_checks))  # noqa: TRY301 - as a body would
        except asyncio.CancelledError as error:
            if running.cut is None:
                if running.task is None or running.task.cancelling():
                    raise  # this user is being cancelled, and not by us
                outcome = self._failed(user, error)  # something the body waited for was cancelled
        except ENDS_TEST:
            raise
        except Exception as error:  # noqa: BLE001 - a body's exception fails its iteration, nothing else
            outcome = self._failed(user, error)
        finally:
            running.started_ns = 0
        if running.cut is not None:
            outcome = self._cut_off(running)  # whatever the body made of being cut off
        user.add(ITERATION, start, clock() - user.thought_ns, outcome)

    def _cut_off(self, running: _Running) -> Outcome:
        """What was cancelled by us is a sample: the iteration took longer than it was waited for."""
        if running.task is not None:
            running.task.uncancel()
        if running.cut == Cut.TIMEOUT:
            self._recorder.error(f"{ITERATION}: not finished within {self._spec.timeout:g} s")
        else:
            self._recorder.error(f"{ITERATION}: still running at the end of the test, cut off")
        return Outcome.CENSORED

    def _failed(self, user: VirtualUser, error: BaseException) -> Outcome:
        counted = getattr(error, "counted", False)
        if not counted:
            self._note(describe(error), error)
        if getattr(error, "censored", False) or isinstance(error, TimeoutError):
            return Outcome.CENSORED  # it, too, would have taken longer than what was waited
        return Outcome.ABORTED if counted or user.failed_operations else Outcome.FAILED

    def _user_failed(self, what: str, error: BaseException) -> None:
        message = f"virtual user failed to {what}: {describe(error)}"
        self.failed_users.append(self._surroundings.settings.redact(message))
        self._note(message, error)

    def _note(self, message: str, error: BaseException) -> None:
        """Count an error; clients of all kinds put keys and URLs into theirs."""
        redact = self._surroundings.settings.redact
        self._recorder.error(redact(message), redact(excerpt(error)))


def excerpt(error: BaseException) -> str:
    """The traceback from the test's own code on, without the frames of this package and of the event loop."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if "pytest_rtmedload" not in frame.filename or "/tests/" in frame.filename
    ]
    lines = traceback.format_list(frames) + traceback.format_exception_only(error)
    return "".join(lines).rstrip()


__all__ = ["ENDS_TEST", "LOAD", "FanOut", "NeedsAgent", "excerpt"]
