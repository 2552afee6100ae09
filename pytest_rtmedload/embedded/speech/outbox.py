"""Performs the actions that the state machine of a connection requests, each when it is due.

The rule: one task per connection sends, so that messages keep their order regardless of the time between them; it ends
with the connection.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.embedded.speech.actions import Action, Hangup

if TYPE_CHECKING:
    from collections.abc import Iterable

    from websockets.asyncio.server import ServerConnection

    from pytest_rtmedload.embedded.deadlines import ServiceDeadlines
    from pytest_rtmedload.embedded.speech.ground_truth import SpeechTruth

_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: close() sends RST


class Outbox:
    """The pending actions of one connection."""

    def __init__(self, connection: ServerConnection, deadlines: ServiceDeadlines, truth: SpeechTruth) -> None:
        self._connection = connection
        self._deadlines = deadlines
        self._truth = truth
        self._actions: asyncio.Queue[Action] = asyncio.Queue()

    def put(self, actions: Iterable[Action]) -> None:
        """Add actions, to be performed after all earlier ones."""
        for action in actions:
            self._actions.put_nowait(action)

    async def run(self) -> None:
        """Perform the actions until one of them ends the connection.

        Raises:
            ConnectionClosed: the client closed it first.
        """
        while True:
            action = await self._actions.get()
            await self._deadlines.until(action.due)
            if isinstance(action, Hangup):
                return await self._end(action)
            await self._connection.send(action.data)
            if action.sent is not None:
                action.sent(time.perf_counter_ns())

    async def _end(self, end: Hangup) -> None:
        self._truth.ended[str(end.code or "reset")] += 1
        if end.code is None:
            reset(self._connection)
        else:
            await self._connection.close(end.code, end.reason)


def reset(connection: ServerConnection) -> None:
    """Close the TCP connection so that the client sees "connection reset"."""
    connection.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    connection.transport.abort()
