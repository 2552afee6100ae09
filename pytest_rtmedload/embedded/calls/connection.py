"""One WebSocket of the agent: uvicorn's sans-I/O protocol with less overhead per message.

The rule: a message is handled the moment it arrives, with that time, and outgoing messages are written at once. uvicorn
would pause the transport, wake a task through a queue and build a frame for each message: 40 µs, and the time of
arrival lost, at 50 messages a second per call and direction. Protocol errors end the connection as the standard
requires, and never reach standard error; the sender of a message that is too large reads why before the connection is
gone.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, Protocol

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from pytest_rtmedload.embedded.asgi import reset_transport
from pytest_rtmedload.embedded.calls.settings import ABNORMAL

if TYPE_CHECKING:
    from asyncio import BaseTransport

MAX_MESSAGE: Final = 1 << 20
"""Bytes of a message; a larger one closes the connection with 1009."""
MAX_UNREAD: Final = 8 << 20
"""Bytes a client may leave unread before the connection is reset, so that a slow reader cannot fill the memory."""
SOCKET: Final = "socket"
"""Key of `scope["state"]`: the `CallProtocol`."""
OPTIONS: Final[dict[str, Any]] = {"ws_max_size": MAX_MESSAGE, "ws_per_message_deflate": False}
"""uvicorn's options in addition to the class."""
_INVALID_DATA: Final = 1007


class Listener(Protocol):
    """Handles the messages of a socket; both methods get the time of arrival, `time.perf_counter_ns`."""

    def text(self, message: bytes, received: int) -> None:
        """A text message; it is valid UTF-8."""

    def binary(self, message: bytes, received: int) -> None:
        """A binary message."""


class CallProtocol(WebSocketsSansIOProtocol):
    """A WebSocket connection whose messages are kept until it has a listener."""

    _listener: Listener | None = None
    _failed = False

    def connection_made(self, transport: BaseTransport) -> None:
        """Make this object available to the application."""
        super().connection_made(transport)
        self._early: list[tuple[bool, bytes, int]] = []
        self.app_state = {**self.app_state, SOCKET: self}

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if not self._failed:
            self._received = time.perf_counter_ns()
            super().data_received(data)

    def send_receive_event_to_app(self) -> None:
        """A message is complete."""
        message = bytes(self.frames[0]) if len(self.frames) == 1 else b"".join(self.frames)
        self.frames = []
        if self.close_sent:
            return
        text = self.curr_msg_data_type != "bytes"
        if text and not _is_utf8(message):
            self.conn.fail(_INVALID_DATA)
            self.handle_parser_exception()
        elif self._listener is None:
            self._early.append((text, message, self._received))
            if sum(len(early) for _, early, _ in self._early) > MAX_UNREAD:
                self.reset()
        else:
            self._hand_over(self._listener, text, message, self._received)

    def listen(self, listener: Listener) -> None:
        """Pass all messages to a listener; those received earlier come first, with their original times."""
        self._listener = listener
        early, self._early = self._early, []
        for text, message, received in early:
            self._hand_over(listener, text, message, received)

    @staticmethod
    def _hand_over(listener: Listener, text: bool, message: bytes, received: int) -> None:
        if text:
            listener.text(message, received)
        else:
            listener.binary(message, received)

    def handle_parser_exception(self) -> None:
        """The client broke the protocol: report it, and let the client read that before the connection closes."""
        self._failed = True
        close = self.conn.close_sent
        if close is not None and not self.close_sent:
            self.queue.put_nowait({"type": "websocket.disconnect", "code": close.code, "reason": close.reason})
        self.close_sent = True
        if self.transport.is_closing():
            return
        self.transport.write(b"".join(self.conn.data_to_send()))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.close)

    @property
    def is_open(self) -> bool:
        """True while messages can be sent."""
        return self.handshake_complete and not (self.close_sent or self.disconnected or self.transport.is_closing())

    def send_frames(self, frames: bytes) -> None:
        """Write one or more ready frames; what cannot be sent any more is dropped."""
        if not self.is_open:
            return
        self.transport.write(frames)
        if self.transport.get_write_buffer_size() > MAX_UNREAD:
            self.reset()

    def end(self, code: int) -> None:
        """Close with this code; `ABNORMAL`: by a reset."""
        if code == ABNORMAL:
            self.reset()
        elif self.is_open:
            self.conn.send_close(code)
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": ""})
            self.close_sent = True
            self.close_timer = self.loop.call_later(self.close_timeout, self.transport.close)

    def reset(self) -> None:
        """Let the client see "connection reset"."""
        if not self.disconnected:
            reset_transport(self.transport)


def _is_utf8(message: bytes) -> bool:
    if message.isascii():  # nearly always, at a tenth of the cost
        return True
    try:
        message.decode()
    except UnicodeDecodeError:
        return False
    return True
