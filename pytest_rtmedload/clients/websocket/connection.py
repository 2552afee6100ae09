"""One WebSocket connection, nothing measured: whole messages in order; waiters are notified when it ends.

Nothing here waits without a limit, and nothing that the peer sends raises: a peer that breaks the protocol ends the
connection with that as its reason. Reading never pauses, so that a pong is not delayed by unread messages;
more than `MOST_UNREAD` of them end the connection instead.
"""

from __future__ import annotations

import asyncio
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar, cast

from picows import WSListener, WSMsgType, WSProtocolError

from pytest_rtmedload.clients.websocket.deadlines import Deadlines
from pytest_rtmedload.clients.websocket.inbox import Inbox
from pytest_rtmedload.clients.websocket.loss import (
    INVALID_TEXT,
    MESSAGE_TOO_BIG,
    MOST_MESSAGE,
    NO_CLOSE_FRAME,
    NO_CODE,
    POLICY_VIOLATION,
    PROTOCOL_ERROR,
    TOO_BIG,
    ConnectionLost,
    Loss,
    sendable,
    violation,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from picows import WSCloseCode, WSFrame, WSTransport

    from pytest_rtmedload.clients.websocket.inbox import Answer, Message

MOST_UNREAD: Final = 64 * 2**20
"""Bytes of all unread messages."""

_TEXT: Final = WSMsgType.TEXT
_BINARY: Final = WSMsgType.BINARY
_CONTINUATION: Final = WSMsgType.CONTINUATION
_PING: Final = WSMsgType.PING
_PONG: Final = WSMsgType.PONG
_LEAVING: Final = 1.0  # seconds in which an aborted connection must end; it takes one turn of the loop

_T = TypeVar("_T")


class Connection(WSListener):
    """One connection: picows calls the methods of the first part, clients those of the second."""

    def __init__(self) -> None:
        self.opened_ns = 0
        """When the 101 was read, on `time.perf_counter_ns`."""
        self.loss: Loss | None = None
        """How the connection ended; None while it is open."""
        self.on_loss: Callable[[Loss], object] = id  # no subscriber yet
        """Called once, before the waiters are notified."""
        self.inbox = Inbox()
        self.deliver: Callable[[Message, int], object] = self.inbox.deliver
        """Takes each message and when it was read; the inbox, unless a caller wants them at once."""
        self._deadlines = Deadlines()
        self._loop = asyncio.get_running_loop()
        self._pings: dict[bytes, asyncio.Future[int]] = {}
        self._draining: list[asyncio.Future[None]] = []
        self.paused = False
        """True if the peer reads more slowly than this client writes."""
        self._leaving = False
        self._partial: bytearray | None = None
        self._partial_is_text = False

    # --- what happens on it

    def on_ws_connected(self, transport: WSTransport) -> None:
        """The 101 was read."""
        self.opened_ns = perf_counter_ns()
        self._transport = transport
        self._watching = self._loop.create_task(self._watch())

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """A frame was read."""
        if self.loss is not None or (transport.is_close_frame_sent and not self._leaving):
            return  # it has ended; where picows found a fault, `_watch` is about to learn which
        if frame.rsv1 or frame.rsv2 or frame.rsv3:
            self._break_off(PROTOCOL_ERROR, "a reserved bit is set, and no extension was agreed on")
        kind = frame.msg_type
        if kind in (_TEXT, _BINARY):
            self._on_data(frame, text=kind == _TEXT)
        elif kind == _CONTINUATION:
            self._on_continuation(frame)
        elif kind == _PONG:
            self._on_pong(frame.get_payload_as_bytes())
        elif kind != _PING:
            self._on_close(frame.get_payload_as_bytes())
        elif not self.paused:  # pongs would pile up for a peer that does not read them
            transport.send_pong(frame.get_payload_as_bytes())

    def pause_writing(self) -> None:
        """The peer reads more slowly than this client writes."""
        self.paused = True

    def resume_writing(self) -> None:
        """The peer has caught up."""
        self.paused = False
        for waiting in self._draining:
            if not waiting.done():
                waiting.set_result(None)
        self._draining.clear()

    # --- what is done with it

    @property
    def cookies_set(self) -> list[str]:
        """Values of `Set-Cookie` in the answer to the handshake."""
        return list(self._transport.response.headers.getall("Set-Cookie", []))

    @property
    def subprotocol(self) -> str | None:
        """What the peer chose."""
        return self._transport.response.headers.get("Sec-WebSocket-Protocol")

    def write(self, message: str | bytes | bytearray | memoryview, *, text: bool) -> None:
        """Hand a message to the network; a connection that is ending ignores it."""
        self._transport.send(_TEXT if text else _BINARY, message)

    def written(self) -> asyncio.Future[None] | None:
        """Done when the peer reads again; None when no wait is needed."""
        if not self.paused:
            return None
        waiting: asyncio.Future[None] = self._loop.create_future()
        self._draining.append(waiting)
        return waiting

    def ping(self, payload: bytes) -> asyncio.Future[int]:
        """Send a ping; the result is when its pong was read."""
        self._pings = {sent: pong for sent, pong in self._pings.items() if not pong.done()}
        pong: asyncio.Future[int] = self._loop.create_future()
        self._pings[payload] = pong
        self._transport.send_ping(payload)
        return pong

    async def receive(self, limit: float) -> Message:
        """The next message.

        Raises:
            NotInTime: there was none for `limit` seconds.
            ConnectionLost: there will be none.
        """
        if self.loss is not None and not self.inbox:
            raise ConnectionLost(self.loss)
        return await self.inbox.take(lambda future: self.wait(future, limit))

    async def answer(self, expected: asyncio.Future[Answer], limit: float) -> Answer:
        """What `inbox.expect` returned, once it is there; raises as `receive`, and what the match raised."""
        return await self.inbox.answer(expected, lambda future: self.wait(future, limit))

    def wait(self, future: asyncio.Future[_T], limit: float) -> Coroutine[Any, Any, _T]:
        """Wait for something of this connection for at most `limit` seconds; raises as `receive`."""
        return self._deadlines.wait(future, limit)

    async def close(self, code: int, reason: str, limit: float) -> None:
        """Send a close frame and end the connection, at the latest after `limit` seconds; can be called again."""
        self._leaving = True
        try:
            self._transport.send_close(cast("WSCloseCode", code), reason)
            if limit > 0:
                await asyncio.wait((self._watching,), timeout=limit)
        finally:
            if not self._watching.done():
                unsent = self._transport.underlying_transport.get_write_buffer_size()
                self._transport.disconnect(graceful=not unsent)
        await asyncio.wait((self._watching,), timeout=_LEAVING)

    # --- how it works

    async def _watch(self) -> None:
        """Learn how the connection ended: picows reports protocol errors only here."""
        loss = Loss(NO_CLOSE_FRAME, "connection lost without a close frame")
        try:
            await self._transport.wait_disconnected()
        except WSProtocolError as error:
            loss = violation(error.code, str(error))
        except Exception as error:  # noqa: BLE001 - any error that a peer can cause must become a reason
            loss = Loss(NO_CLOSE_FRAME, f"connection lost: {type(error).__name__}")
        self._end(loss)

    def _end(self, loss: Loss) -> None:
        if self.loss is not None:
            return
        self.loss = loss
        self._deadlines.stop()
        self.on_loss(loss)
        self.inbox.fail(lambda: ConnectionLost(loss))
        for pong in self._pings.values():
            if not pong.done():
                pong.set_exception(ConnectionLost(loss))
        for draining in self._draining:
            if not draining.done():
                draining.set_exception(ConnectionLost(loss))
        self._pings.clear()
        self._draining.clear()

    def _break_off(self, code: int, text: str) -> NoReturn:
        """The peer broke the protocol: picows turns what is raised into a close frame and ends the connection."""
        self._end(violation(code, text))
        raise WSProtocolError(code, text)

    def _on_data(self, frame: WSFrame, *, text: bool) -> None:
        if self._partial is not None:
            self._break_off(PROTOCOL_ERROR, "a message begins before the previous one has ended")
        if not frame.fin:
            self._partial, self._partial_is_text = bytearray(frame.get_payload_as_memoryview()), text
        elif text:
            self._on_text(frame.get_payload_as_utf8_text)
        else:
            self._on_message(frame.get_payload_as_bytes())

    def _on_continuation(self, frame: WSFrame) -> None:
        partial = self._partial
        if partial is None:
            self._break_off(PROTOCOL_ERROR, "a message begins with a continuation frame")
        if len(partial) + frame.payload_size > MOST_MESSAGE:
            self._break_off(MESSAGE_TOO_BIG, TOO_BIG)
        partial += frame.get_payload_as_memoryview()
        if frame.fin:
            self._partial = None
            if self._partial_is_text:
                self._on_text(partial.decode)
            else:
                self._on_message(bytes(partial))

    def _on_text(self, decode: Callable[[], str]) -> None:
        try:
            text = decode()
        except UnicodeDecodeError:
            self._break_off(INVALID_TEXT, "a text message is not UTF-8")
        self._on_message(text)

    def _on_message(self, message: Message) -> None:
        self.deliver(message, perf_counter_ns())
        if self.inbox.size > MOST_UNREAD:
            self._break_off(POLICY_VIOLATION, f"more than {MOST_UNREAD >> 20} MiB of messages unread")

    def _on_pong(self, payload: bytes) -> None:
        if payload not in self._pings:
            return
        now = perf_counter_ns()
        for sent, pong in list(self._pings.items()):  # a pong also answers what was sent before (RFC 6455, 5.5.3)
            del self._pings[sent]
            if not pong.done():
                pong.set_result(now)
            if sent == payload:
                return

    def _on_close(self, payload: bytes) -> None:
        code = int.from_bytes(payload[:2], "big") if payload else NO_CODE
        given = "a close frame without a code" if code == NO_CODE else str(code)
        self._transport.send_close(cast("WSCloseCode", code if sendable(code) else 1000))
        self._transport.disconnect()
        self._end(Loss(code, f"closed by the agent with {given}", payload[2:].decode(errors="replace")))
