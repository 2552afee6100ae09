"""The worker: runs its share of a load test as the coordinator says, and ships what it recorded.

One conversation per load test::

    worker                                     coordinator
    arrive {spec}                      →       (waits for all workers)
                                       ←       assign {attempt, shard, shards, seed, url, lag_limit_ns, family}
                                               or refuse {reason, skip, stop}
    clock {asked}                      →       (a few times, with several shards)
                                       ←       clock {asked, answered}
    ready {}                           →       (waits for all shards)
                                       ←       go {at_ns, phases, commands}
    samples {recording, elapsed, …}    →       once a second; each is what came since the last
    need_agent {}                      →       (finds or starts it; all shards start over)
                                       ←       assign, to every shard
                                       ←       stop {reason}: end now, keep what there is
    done {recording, interrupted, …}   →       (merges, judges)
                                       ←       verdict {failed, text, properties, result}
    waiting {}                         →       every two seconds while it waits for a word
                                       ←       patience {}
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from pytest_rtmedload.shards.messages import Judged, LoadTest, Refused, StartOver
from pytest_rtmedload.shards.shard_run import ShardRun
from pytest_rtmedload.users.agent_clients import NeedsAgent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_rtmedload.shards.link import Link, Message
    from pytest_rtmedload.spec.load_config import LoadConfig

ASK_S: Final = 2.0
"""Who waits for so long asks whether the coordinator is still there."""
LOST_S: Final = 60.0
"""A coordinator that has not answered for so long is gone."""


class Worker:
    """One shard, for all load tests of this process, one at a time."""

    def __init__(self, link: Link, settings: LoadConfig) -> None:
        self.settings = settings
        self.told_to_stop: str | None = None
        """Why this process should run no more tests, once the coordinator said so."""
        self.turned_away = False
        """True when somebody else's outcome is that of the last load test."""
        self._link = link
        self._inbox: deque[Message] = deque()
        self._came = threading.Event()
        self._wake: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        self._attempt: int | None = None
        self._gone = False
        link.setcallback(self._deliver)

    async def run(self, test: LoadTest) -> Judged:
        """Drive this shard's users of one load test to the end and return the verdict on the whole.

        Raises:
            Refused: the coordinator did not let it start, or ended it.
            BaseException: the outcome or interrupt that ended the test early; what was measured is kept.
        """
        self._wake = (asyncio.get_running_loop(), asyncio.Event())
        try:
            self._begin("arrive", spec=test.spec)
            assigned = await self.expect("assign")
            while True:
                self._attempt = assigned["attempt"]
                try:
                    return await ShardRun(self, test, assigned).run()
                except StartOver as again:
                    assigned = again.assigned
                except NeedsAgent:
                    self.tell("need_agent")
                    assigned = await self.expect("assign")
        finally:
            self._wake = self._attempt = None

    def find(self, service: str | None = None) -> dict[str, Any]:
        """Ask, before there is an event loop, for the agent or for one of the embedded agent's services.

        Args:
            service: its name; None asks for the agent.

        Returns:
            Of the agent its `url` and `dialect`, and whether it is `embedded`; of a service its `url` and `key`.

        Raises:
            Refused: there is none, or the coordinator does not answer.
        """
        self._came.clear()
        self._begin("find_agent", service=service)
        deadline = time.monotonic() + LOST_S
        while self._came.wait(max(0.0, deadline - time.monotonic())):
            self._came.clear()
            for kind, content in self.messages():
                if kind == "found":
                    return content
        raise _lost(service or "the agent")

    def _begin(self, kind: str, **content: Any) -> None:
        """Open a conversation: what was left unread of the last one is about nothing any more."""
        self._inbox.clear()
        self.turned_away = False
        if self._gone:
            self._heed(("gone", {}))
        self.tell(kind, **content)

    def tell(self, kind: str, **content: Any) -> None:
        """Send a message to the coordinator."""
        if self._attempt is not None:
            content["attempt"] = self._attempt
        self._link.send((kind, content))

    async def expect(self, kind: str) -> dict[str, Any]:
        """Wait for a message of this kind.

        Raises:
            Refused: the coordinator refused, or did not answer in time.
            StartOver: the test begins anew.
        """
        deadline = time.monotonic() + LOST_S
        while time.monotonic() < deadline:
            while self._inbox:
                message = self._inbox.popleft()
                deadline = time.monotonic() + LOST_S
                if message[0] == kind:
                    return message[1]
                self._heed(message)
            if not await self._message_came():
                self.tell("waiting")
        raise _lost(repr(kind))

    def messages(self) -> Iterator[Message]:
        """All messages that have arrived since the last call.

        Raises:
            Refused: the coordinator ends the test, or is gone.
            StartOver: the test begins anew.
        """
        while self._inbox:
            message = self._inbox.popleft()
            self._heed(message)
            yield message

    def _heed(self, message: Message) -> None:
        """Orders that are obeyed whatever the worker is at."""
        kind, content = message
        if kind == "assign":
            raise StartOver(content)
        if kind == "refuse":
            self.turned_away = content["skip"]
            if content.get("stop"):
                self.told_to_stop = content["reason"]
            raise Refused(content["reason"], skip=content["skip"])
        if kind == "gone":
            raise Refused("the process that coordinates the load tests is gone", skip=False)

    async def _message_came(self) -> bool:
        """Wait for a message, for as long as one waits without asking."""
        if self._wake is None:
            return False
        self._wake[1].clear()
        if not self._inbox:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake[1].wait(), ASK_S)
        return bool(self._inbox)

    def _deliver(self, message: Message) -> None:
        """Called by the link, possibly in a thread of its own."""
        self._gone = self._gone or message[0] == "gone"
        self._inbox.append(message)
        self._came.set()
        wake = self._wake
        if wake is not None:
            loop, event = wake
            with contextlib.suppress(RuntimeError):  # the loop has just been closed: nobody waits any more
                loop.call_soon_threadsafe(event.set)


def _lost(what: str) -> Refused:
    return Refused(f"the coordinator did not answer within {LOST_S:g} s (waiting for {what})", skip=False)
