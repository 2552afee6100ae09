"""Settings and services that all calls share.

The rule: a call waits only for the clock; writes to other services happen in the background, so a slow session store
does not delay an answer.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_rtmedload.embedded.valkey import ValkeyError

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from pytest_rtmedload.dialects import Dialect
    from pytest_rtmedload.embedded.calls.ground_truth import CallsTruth
    from pytest_rtmedload.embedded.calls.lines import CallLines
    from pytest_rtmedload.embedded.calls.relay import Relay
    from pytest_rtmedload.embedded.calls.settings import VoiceSettings
    from pytest_rtmedload.embedded.deadlines import ServiceDeadlines
    from pytest_rtmedload.embedded.sessions import SessionStore


@dataclass(frozen=True, slots=True)
class Office:
    """Settings and services of all calls."""

    dialect: Dialect
    settings: VoiceSettings
    seed: int
    lines: CallLines
    deadlines: ServiceDeadlines
    sessions: SessionStore
    truth: CallsTruth
    relay: Relay
    _tasks: set[asyncio.Task[Any]] = field(default_factory=set)

    def background(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run something in the background; a failure of the session store does not affect the call."""
        task = asyncio.get_running_loop().create_task(_forgiving(work))
        self._tasks.add(task)  # the loop keeps only weak references
        task.add_done_callback(self._tasks.discard)
        return task


async def _forgiving(work: Coroutine[Any, Any, Any]) -> None:
    with contextlib.suppress(ValkeyError):
        await work
