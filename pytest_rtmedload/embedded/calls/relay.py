"""The dashboards' socket: events of calls, and the messages dashboards send each other.

The rule: a dashboard that reads slowly delays no other client; beyond `BACKLOG` messages it loses the oldest ones.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, Final

import orjson

from pytest_rtmedload.embedded.calls.wire import filled, text_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from pytest_rtmedload.dialects.voice import RelayWire
    from pytest_rtmedload.embedded.calls.connection import CallProtocol

BACKLOG: Final = 100


class Relay:
    """All dashboards that are connected."""

    def __init__(self, wire: RelayWire) -> None:
        self.wire = wire
        self._clients: set[Dashboard] = set()

    def join(self, client: Dashboard) -> None:
        """Add a client, which gets events from now on."""
        self._clients.add(client)

    def leave(self, client: Dashboard) -> None:
        """Remove a client."""
        self._clients.discard(client)

    def tell(self, ids: Collection[str | None], make: Callable[[], bytes]) -> None:
        """Send a frame about the call of these ids to all interested clients; it is made only if there are any."""
        receivers = [client for client in self._clients if client.wants(ids)]
        if receivers:
            frame = make()
            for client in receivers:
                client.offer(frame)

    def publish(self, sender: Dashboard, frame: bytes) -> None:
        """Send a client's message to all others."""
        for client in self._clients - {sender}:
            client.offer(frame)


class Dashboard:
    """One client of the relay."""

    def __init__(self, relay: Relay, socket: CallProtocol, session_id: str | None) -> None:
        self._relay = relay
        self._socket = socket
        self._session_id = session_id
        self._backlog: deque[bytes] = deque(maxlen=BACKLOG)
        self._sending: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """The socket is open."""
        self._relay.join(self)

    def finish(self) -> None:
        """The socket is closed."""
        self._relay.leave(self)
        if self._sending is not None:
            self._sending.cancel()

    def wants(self, ids: Collection[str | None]) -> bool:
        """True if the client wants events of that call."""
        return self._relay.wire.id_in_query is None or (self._session_id is not None and self._session_id in ids)

    def offer(self, frame: bytes) -> None:
        """Send a frame as soon as the client has read the earlier ones."""
        if self._socket.writable.is_set() and not self._backlog:
            self._socket.send_frames(frame)
            return
        self._backlog.append(frame)
        if self._sending is None:
            self._sending = asyncio.get_running_loop().create_task(self._send_backlog())

    async def _send_backlog(self) -> None:
        while self._backlog:
            await self._socket.writable.wait()
            self._socket.send_frames(self._backlog.popleft())
        self._sending = None

    def text(self, message: bytes, received: int) -> None:  # noqa: ARG002 - a listener's
        """A client subscribes or publishes, if the version allows it."""
        try:
            fields: Any = orjson.loads(message)
        except orjson.JSONDecodeError:
            return
        if type(fields) is not dict:
            return
        wire, kind = self._relay.wire, fields.get("type")
        if wire.subscribe is not None and kind == wire.subscribe.request["type"]:  # type: ignore[index]  # a JSON object
            answer = filled(wire.subscribe.answer, id=fields.get("client_id"))
            self._socket.send_frames(text_frame(answer))
        elif wire.publish is not None and kind == wire.publish["type"]:
            self._relay.publish(self, text_frame(fields))

    def binary(self, message: bytes, received: int) -> None:
        """Dashboards send none."""
