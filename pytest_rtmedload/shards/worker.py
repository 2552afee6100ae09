"""The worker: runs its share of a load test as the coordinator says, and ships what it recorded.

One conversation per load test::

    worker                                     coordinator
    arrive {spec}                      →       (waits for all shards)
                                       ←       assign {shard, shards, seed, agent, lag_limit_ns}
                                               or refuse {reason, skip}
    need_agent {}                      →       (starts it, or reports why it cannot)
                                       ←       agent {url} or refuse
    ready {}                           →       (waits for all shards)
                                       ←       go {phases, commands}
    samples {recording, elapsed}       →       once a second; each is what came since the last
                                       ←       stop {reason}: end now, keep what there is
    done {recording, interrupted, …}   →       (merges, judges)
                                       ←       verdict {failed, text, properties}
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from pytest_rtmedload.shards.shard_run import Judged, LoadTest, ShardRun
from pytest_rtmedload.workload.user import NeedsAgent

if TYPE_CHECKING:
    from pytest_rtmedload.config import LoadConfig
    from pytest_rtmedload.shards.link import Link, Message

LOST_S: Final = 60.0
"""A coordinator that has not answered for so long is gone."""


class Refused(Exception):  # noqa: N818 - a decision of the coordinator, which the plugin turns into an outcome
    """The coordinator does not let this load test run; the reason is one line."""

    def __init__(self, reason: str, *, skip: bool) -> None:
        super().__init__(reason)
        self.skip = skip


class Worker:
    """One shard, for all load tests of this process, one at a time."""

    def __init__(self, link: Link, settings: LoadConfig) -> None:
        self.settings = settings
        self._link = link
        self._inbox: deque[Message] = deque()
        self._came = threading.Event()
        self._wake: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        link.setcallback(self._deliver)

    async def run(self, test: LoadTest) -> Judged:
        """Drive this shard's users of one load test to the end and return the verdict on the whole.

        Raises:
            Refused: the coordinator did not let it start.
            BaseException: the outcome or interrupt that ended the test early; what was measured is kept.
        """
        self._inbox.clear()
        self._wake = (asyncio.get_running_loop(), asyncio.Event())
        try:
            self.tell("arrive", spec=test.spec)
            assigned = await self.expect("assign")
            while True:
                try:
                    return await ShardRun(self, test, assigned).run()
                except NeedsAgent:
                    self.tell("need_agent", nodeid=test.spec.nodeid)
                    assigned = assigned | await self.expect("agent")
        finally:
            self._wake = None

    def agent(self) -> dict[str, Any]:
        """Ask for the agent before there is an event loop: its URL, dialect, and whether it is the embedded one.

        Raises:
            Refused: there is none, or the coordinator does not answer.
        """
        self._inbox.clear()
        self._came.clear()
        self.tell("need_agent", nodeid="")
        while self._inbox or self._came.wait(LOST_S):
            self._came.clear()
            for kind, content in self.messages():
                if kind == "agent":
                    return content
                if kind == "refuse":
                    raise Refused(content["reason"], skip=content["skip"])
        raise Refused(f"the coordinator did not answer within {LOST_S:g} s (waiting for the agent)", skip=False)

    def tell(self, kind: str, **content: Any) -> None:
        """Send a message to the coordinator."""
        self._link.send((kind, content))

    async def expect(self, kind: str) -> dict[str, Any]:
        """Wait for a message of this kind.

        Raises:
            Refused: the coordinator refused, or did not answer in time.
        """
        while True:
            for received, content in self.messages():
                if received == kind:
                    return content
                if received == "refuse":
                    raise Refused(content["reason"], skip=content["skip"])
            if not await self._message_came():
                raise Refused(f"the coordinator did not answer within {LOST_S:g} s (waiting for {kind!r})", skip=False)

    def messages(self) -> list[Message]:
        """All messages that have arrived since the last call."""
        if self._wake is not None:
            self._wake[1].clear()
        return [self._inbox.popleft() for _ in range(len(self._inbox))]

    async def _message_came(self) -> bool:
        if self._wake is not None and not self._inbox:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake[1].wait(), LOST_S)
        return bool(self._inbox)

    def _deliver(self, message: Message) -> None:
        """Called by the link, possibly in a thread of its own."""
        self._inbox.append(message)
        self._came.set()
        if self._wake is not None:
            loop, event = self._wake
            loop.call_soon_threadsafe(event.set)
