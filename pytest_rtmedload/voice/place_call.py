"""A call from dialling to hanging up, on behalf of a virtual user."""

from __future__ import annotations

import contextlib
from time import perf_counter_ns
from typing import TYPE_CHECKING, TypeVar

from pytest_rtmedload.voice.call_kinds import BrowserCall, PhoneCall
from pytest_rtmedload.voice.timeline import KeptCall

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Protocol

    from pytest_rtmedload.voice.call_kinds import CallUser
    from pytest_rtmedload.voice.recording.writer import Keeper

    class CallOwner(CallUser, Keeper, Protocol):
        """On whose behalf a call is made: a virtual user."""

        @property
        def nodeid(self) -> str:
            """The test it runs."""

        def keeps_call(self) -> int:
            """Number of this call among those to be written down; 0: it is not."""

        def enter_call(self, call: str) -> None:
            """What is recorded from now on belongs to this call."""

        def leave_call(self) -> None:
            """The call is over."""

        def conversed(self, call: KeptCall) -> None:
            """A call has ended."""


C = TypeVar("C", PhoneCall, BrowserCall)


@contextlib.asynccontextmanager
async def placed(kind: type[C], user: CallOwner, call_id: str | None = None) -> AsyncIterator[C]:
    """Connect, listen to the greeting, and hang up in the end.

    Args:
        kind: over which socket.
        user: on whose behalf.
        call_id: the id sent to the agent, where it knows the call already.

    Raises:
        TransportError: there is no connection; recorded.
        CallEnded: it ended before the greeting was over; recorded.
    """
    number = user.keeps_call()
    call = kind(user, call_id=call_id, keep=number > 0)
    user.enter_call(call.call_id)
    try:
        await call.connect()
        if user.settings.greeting:
            await call.greeted(user.settings.greeting)
        yield call
    finally:
        ended_ns = perf_counter_ns()
        await call.hang_up()
        user.leave_call()
        kept = KeptCall(user.nodeid, call.call_id, call.spoken, call.turns, call.found, ended_ns)
        user.conversed(kept)
        if number:
            await _keep(kept, user, number)


async def _keep(call: KeptCall, user: CallOwner, number: int) -> None:
    from pytest_rtmedload.voice.recording.writer import keep  # noqa: PLC0415 - drawing is for runs that record calls

    await keep(call, user, number)
