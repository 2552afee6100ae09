"""What all calls share.

The rule: a call waits for nothing but the clock; what must be written elsewhere is done in the background, and an
answer does not suffer when the session store does.
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
        """Do something that nothing waits for; a session store that fails is none of a call's business."""
        task = asyncio.get_running_loop().create_task(_forgiving(work))
        self._tasks.add(task)  # the loop keeps only weak references
        task.add_done_callback(self._tasks.discard)
        return task


async def _forgiving(work: Coroutine[Any, Any, Any]) -> None:
    with contextlib.suppress(ValkeyError):
        await work
