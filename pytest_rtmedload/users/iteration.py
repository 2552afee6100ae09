"""One iteration of a virtual user: the body, with its fixtures, measured and sorted by how it ended.

An exception ends the iteration, `pytest.skip`, `pytest.fail` and `pytest.exit` end the whole test, and what was cut off
by us is a sample: it took longer than it was waited for.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
import traceback
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_rtmedload.clients.own_limits import count_own_limit, own_limit_in
from pytest_rtmedload.clients.timeouts import time_out_in
from pytest_rtmedload.results.names import ITERATION
from pytest_rtmedload.results.recording import Outcome
from pytest_rtmedload.users.suspension import Suspension
from pytest_rtmedload.users.user_fixture import FixtureValues, UserFixtureDef
from pytest_rtmedload.users.virtual_user import ChecksFailed, VirtualUser, describe

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping

    from pytest_rtmedload.measure.recorder import Recorder
    from pytest_rtmedload.spec.load_spec import LoadSpec
    from pytest_rtmedload.users.shared_context import SharedContext

ENDS_TEST: Final = (pytest.skip.Exception, pytest.fail.Exception, pytest.exit.Exception)
"""Outcomes that end the whole test, as they do anywhere in pytest."""


class CancelReason(StrEnum):
    """Why the engine cancelled a user's task."""

    TIMEOUT = "timeout"
    END = "end"


class UserState:
    """A virtual user with its task."""

    __slots__ = (
        "cancelled_for",
        "due_ns",
        "one_too_many",
        "ready",
        "started_ns",
        "task",
        "thinking",
        "user",
        "waits_for_line",
    )

    def __init__(self, user: VirtualUser, *, waits_for_line: bool) -> None:
        self.user = user
        self.waits_for_line = waits_for_line
        self.ready = False
        self.started_ns = 0  # 0: no iteration in flight
        self.due_ns = 0  # 0: closed model, the iteration is due when it begins
        self.thinking = False
        self.one_too_many = False  # it left because fewer users were wanted
        self.cancelled_for: CancelReason | None = None
        self.task: asyncio.Task[None] | None = None


class ErrorCounter:
    """Counts errors under their messages, without secrets.

    Args:
        recorder: takes the errors.
        shared: knows the secrets.
    """

    def __init__(self, recorder: Recorder, shared: SharedContext) -> None:
        self._recorder = recorder
        self._shared = shared
        self.failed_users: list[str] = []
        """Why users never started, or failed to leave their fixtures; one line each."""

    def user_failed(self, what: str, error: BaseException) -> None:
        """A user could not start or leave."""
        message = f"virtual user failed to {what}: {describe(error)}"
        limit = own_limit_in(error)
        if limit is not None:
            self._recorder.own_limit(limit)
        self.failed_users.append(self._shared.settings.redact(message))
        self.note(message, error)

    def note(self, message: str, error: BaseException) -> None:
        """Count an error; clients of all kinds put keys and URLs into theirs."""
        redact = self._shared.settings.redact
        self._recorder.error(redact(message), redact(excerpt(error)))


class Iterations:
    """The iterations of a test's users.

    Args:
        body: the test function.
        arguments: its arguments as pytest resolved them; user fixtures are entered by each user.
        spec: the load test.
        recorder: takes the samples.
        errors: takes the errors.
    """

    def __init__(
        self,
        body: Callable[..., Awaitable[object]],
        arguments: Mapping[str, Any],
        spec: LoadSpec,
        recorder: Recorder,
        errors: ErrorCounter,
    ) -> None:
        self._body = body
        self._arguments = arguments
        self._spec = spec
        self._recorder = recorder
        self._errors = errors
        self.suspension = Suspension()
        """Whether the body ever waits."""
        self.end_ns = 2**62
        """No iteration starts at or after this moment."""

    def of(self, state: UserState, known: Mapping[UserFixtureDef, Any]) -> Callable[[], Coroutine[Any, Any, None]]:
        """A function that runs one iteration of this user, with or without fixtures of its own."""
        arguments = {
            name: known.get(v, v) if isinstance(v, UserFixtureDef) else v for name, v in self._arguments.items()
        }
        own_defs = {n: v for n, v in self._arguments.items() if isinstance(v, UserFixtureDef) and v.per_iteration}
        if own_defs:
            return functools.partial(self._with_fixtures, state, arguments, own_defs, known)
        return functools.partial(self._measured, state, arguments)

    async def _with_fixtures(
        self,
        state: UserState,
        arguments: dict[str, Any],
        own_defs: Mapping[str, UserFixtureDef],
        known: Mapping[UserFixtureDef, Any],
    ) -> None:
        """One iteration with fixtures of its own; a fixture that fails is a failed iteration."""
        user, start, measured = state.user, time.perf_counter_ns(), False
        state.started_ns, user.thought_ns = start, 0
        user.late_ns = start - state.due_ns if state.due_ns else 0
        try:
            async with contextlib.AsyncExitStack() as stack:
                entered = FixtureValues(stack, known)
                own = {name: await entered.resolve(definition) for name, definition in own_defs.items()}
                if state.due_ns:  # its fixtures are not part of an iteration, nor are they why it is late
                    state.due_ns += time.perf_counter_ns() - start
                await self._measured(state, arguments | own)
                measured, state.started_ns = True, time.perf_counter_ns()  # leaving has a limit of its own
        except asyncio.CancelledError:
            if state.cancelled_for is None:
                raise
            outcome = self._cut_off(state)
            if measured:
                self._errors.user_failed(
                    "leave", TimeoutError(f"an iteration's fixture took over {self._spec.timeout:g} s")
                )
            else:
                user.add(ITERATION, start, time.perf_counter_ns(), outcome)
        except ENDS_TEST:
            raise
        except Exception as error:  # noqa: BLE001 - as in a body
            user.add(ITERATION, start, time.perf_counter_ns(), self._failed(user, error))
        finally:
            state.started_ns = 0

    async def _measured(self, state: UserState, arguments: dict[str, Any]) -> None:
        """Run the body once and record how it went. The hot path: see benchmarks/test_iteration.py."""
        user, clock = state.user, time.perf_counter_ns
        state.started_ns = start = clock()
        user.thought_ns = 0  # of this iteration's body alone
        if state.due_ns:
            user.late_ns = start - state.due_ns  # all samples count from when the iteration was due
        elif start >= self.end_ns:
            state.started_ns = 0
            return
        outcome = Outcome.OK
        try:
            body = self._body(**arguments)
            await (self.suspension.watched(body) if self.suspension.left else body)
            if user.failed_checks:
                raise ChecksFailed.of(user.failed_checks, user.heard_instead)  # noqa: TRY301 - as a body would
        except asyncio.CancelledError as error:
            if state.cancelled_for is None:
                if state.task is None or state.task.cancelling():
                    raise  # this user is being cancelled, and not by us
                outcome = self._failed(user, error)  # something the body waited for was cancelled
        except ENDS_TEST:
            raise
        except Exception as error:  # noqa: BLE001 - a body's exception fails its iteration, nothing else
            outcome = self._failed(user, error)
        finally:
            state.started_ns = 0
        if state.cancelled_for is not None or user.failed_operations:
            outcome = self._true_outcome(state, outcome)
        user.add(ITERATION, start, clock() - user.thought_ns, outcome)

    def _true_outcome(self, state: UserState, outcome: Outcome) -> Outcome:
        """How an iteration ended that was cut off, or in which an operation failed, whatever the body made of it."""
        if state.cancelled_for is not None:
            return self._cut_off(state)
        if outcome is Outcome.OK:
            return Outcome.CENSORED if state.user.unanswered else Outcome.ABORTED
        return outcome

    def _cut_off(self, state: UserState) -> Outcome:
        """What was cancelled by us is a sample: the iteration took longer than it was waited for."""
        if state.task is not None:
            state.task.uncancel()
        if state.cancelled_for is CancelReason.TIMEOUT:
            self._recorder.error(f"{ITERATION}: not finished within {self._spec.timeout:g} s")
        else:
            self._recorder.error(f"{ITERATION}: still running at the end of the test, cut off")
        return Outcome.CENSORED

    def _failed(self, user: VirtualUser, error: BaseException) -> Outcome:
        counted = getattr(error, "counted", False)
        late = time_out_in(error)
        if not counted:
            self._errors.note(_described(error, late), error)
            if not user.failed_operations:  # else whoever measured the operation has counted it
                count_own_limit(user, own_limit_in(error))
        if late is not None:
            return Outcome.CENSORED  # it, too, would have taken longer than what was waited
        return Outcome.ABORTED if counted or user.failed_operations else Outcome.FAILED


def _described(error: BaseException, late: BaseException | None) -> str:
    """One line; a time-out that was wrapped is named, too."""
    text = describe(error)
    if late is None or late is error or describe(late) in text:
        return text
    return f"{text} (after a time-out: {describe(late)})"


def excerpt(error: BaseException) -> str:
    """The traceback from the test's own code on, without the frames of this package and of the event loop."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if "pytest_rtmedload" not in frame.filename or "/tests/" in frame.filename
    ]
    lines = traceback.format_list(frames) + traceback.format_exception_only(error)
    return "".join(lines).rstrip()
