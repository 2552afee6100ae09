"""The fixtures that are calls: a fresh, connected one for each iteration.

Connecting and the greeting are metrics of their own, and no part of the iteration.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_rtmedload.users.user_fixture import user_fixture

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pytest_rtmedload.users.load import Load
    from pytest_rtmedload.voice.call_kinds import BrowserCall, PhoneCall


@user_fixture(scope="iteration")
async def phone_call(load: Load, _rtmedload_agent: Any) -> AsyncIterator[PhoneCall]:
    """A call over the media socket of Azure Communication Services, greeted by the agent.

    `await phone_call.say("chest_pain_1")`, then `answer = await phone_call.heard()`.
    """
    async with load.call("phone") as call:
        yield call


@user_fixture(scope="iteration")
async def browser_call(load: Load, _rtmedload_agent: Any) -> AsyncIterator[BrowserCall]:
    """A conversation over the browser's socket, greeted by the agent; used like `phone_call`."""
    async with load.call("browser") as call:
        yield call
