"""The worker: runs its shard of a load test as the coordinator says, and ships what it recorded.

The messages about one load test, in order (`pytest_rtmedload/shards/messages.py`)::

    worker                                     coordinator
    Arrive         →    waits for all workers
                   ←    Assign, or Refuse
    ClockAsked     →    a few times, with several shards
                   ←    ClockTold
    Ready          →    waits for all shards
                   ←    Go
    Samples        →    once a second: what was recorded since the last time
    NeedAgent      →    finds or starts it; all shards start over
                   ←    Assign, to every shard
                   ←    Steer: further commands
                   ←    Stop: end now, keep what there is
    Done           →    merges, judges
                   ←    Judged
    Waiting        →    every two seconds while it waits for an answer
                   ←    Patience
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Final, TypeVar

from pytest_rtmedload.shards.load_test import LoadTest, Refused, StartOver
from pytest_rtmedload.shards.messages import (
    AgentFound,
    Arrive,
    Assign,
    FindAgent,
    Gone,
    NeedAgent,
    Refuse,
    ServiceFound,
    Waiting,
)
from pytest_rtmedload.shards.shard_run import ShardRun
from pytest_rtmedload.users import agent_clients

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_rtmedload.shards.link import Link
    from pytest_rtmedload.shards.messages import Judged, ToCoordinator, ToWorker
    from pytest_rtmedload.spec.load_config import LoadConfig

M = TypeVar("M")

ASK_S: Final = 2.0
"""A worker that has waited this long asks whether the coordinator is still there."""
LOST_S: Final = 60.0
"""A coordinator that has not answered for this long is gone."""


class Worker:
    """Drives this process's shard of each load test, one test at a time."""

    def __init__(self, link: Link[ToCoordinator, ToWorker], settings: LoadConfig) -> None:
        self.settings = settings
        self.told_to_stop: str | None = None
        """Why this process should run no more tests, once the coordinator said so."""
        self.turned_away = False
        """True when the outcome of the last load test is another worker's."""
        self._link = link
        self._inbox: deque[ToWorker] = deque()
        self._came = threading.Event()
        self._wake: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        self._gone = False
        self._attempt: int | None = None
        link.setcallback(self._deliver)

    async def run(self, test: LoadTest) -> Judged:
        """Drive this shard's users of one load test to the end and return the verdict on the whole.

        Raises:
            Refused: the coordinator did not let it start, or ended it.
            BaseException: the outcome or interrupt that ended the test early; what was measured is kept.
        """
        self._wake = (asyncio.get_running_loop(), asyncio.Event())
        try:
            self._begin(Arrive(test.spec))
            assigned = await self.expect(Assign)
            while True:
                try:
                    return await ShardRun(self, test, assigned).run()
                except StartOver as again:
                    assigned = again.assigned
                except agent_clients.NeedsAgent:
                    self.tell(NeedAgent(assigned.attempt))
                    assigned = await self.expect(Assign)
        finally:
            self._wake = None

    def find_agent(self) -> AgentFound:
        """Ask, before there is an event loop, for the agent.

        Raises:
            Refused: there is none, or the coordinator does not answer.
        """
        return self._find(None, AgentFound)

    def find_service(self, name: str) -> ServiceFound:
        """Ask, before there is an event loop, for a service of the embedded agent.

        Raises:
            Refused: there is none, or the coordinator does not answer.
        """
        return self._find(name, ServiceFound)

    def _find(self, service: str | None, kind: type[M]) -> M:
        self._came.clear()
        self._begin(FindAgent(service))
        deadline = time.monotonic() + LOST_S
        while self._came.wait(max(0.0, deadline - time.monotonic())):
            self._came.clear()
            for message in self.messages():
                if isinstance(message, kind):
                    return message
        raise _lost(service or "the agent")

    def _begin(self, message: ToCoordinator) -> None:
        """Send the first message about a test; what was left unread about the last one is forgotten."""
        self._inbox.clear()
        self._attempt = None
        self.turned_away = False
        if self._gone:
            self._heed(Gone())
        self.tell(message)

    def tell(self, message: ToCoordinator) -> None:
        """Send a message to the coordinator."""
        self._link.send(message)

    async def expect(self, kind: type[M]) -> M:
        """Wait for a message of this kind.

        Raises:
            Refused: the coordinator refused, or did not answer in time.
            StartOver: the test starts over.
        """
        deadline = time.monotonic() + LOST_S
        while time.monotonic() < deadline:
            while self._inbox:
                message = self._next()
                deadline = time.monotonic() + LOST_S
                if isinstance(message, kind):
                    return message
                self._heed(message)
            if not await self._message_came():
                self.tell(Waiting())
        raise _lost(f"{kind.__name__!r}")

    def messages(self) -> Iterator[ToWorker]:
        """All messages that have arrived since the last call.

        Raises:
            Refused: the coordinator ends the test, or is gone.
            StartOver: the test starts over.
        """
        while self._inbox:
            message = self._next()
            self._heed(message)
            yield message

    def _next(self) -> ToWorker:
        message = self._inbox.popleft()
        if isinstance(message, Assign):
            self._attempt = message.attempt
        return message

    def _heed(self, message: ToWorker) -> None:
        """Handle the messages that apply in any state of the worker."""
        if isinstance(message, Assign):
            raise StartOver(message)
        if isinstance(message, Refuse) and message.attempt in (None, self._attempt):
            self.turned_away = message.skip
            if message.stop:
                self.told_to_stop = message.reason
            raise Refused(message.reason, skip=message.skip)
        if isinstance(message, Gone):
            raise Refused("the process that coordinates the load tests is gone", skip=False)

    async def _message_came(self) -> bool:
        """Wait for a message, but no longer than the interval between questions to the coordinator."""
        if self._wake is None:
            return False
        self._wake[1].clear()
        if not self._inbox:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake[1].wait(), ASK_S)
        return bool(self._inbox)

    def _deliver(self, message: ToWorker) -> None:
        """Called by the link, possibly in a thread of its own."""
        self._gone = self._gone or isinstance(message, Gone)
        self._inbox.append(message)
        self._came.set()
        wake = self._wake
        if wake is not None:
            loop, event = wake
            with contextlib.suppress(RuntimeError):  # the loop has just been closed: no waiters are left
                loop.call_soon_threadsafe(event.set)


def _lost(what: str) -> Refused:
    return Refused(f"the coordinator did not answer within {LOST_S:g} s (waiting for {what})", skip=False)
