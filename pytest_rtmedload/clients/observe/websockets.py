"""Measures a connection of `websockets`: each `ping` until its pong, and what ends badly.

`send` and `recv` make no ok samples: it is unknown which message answers which. A call that finds the connection cut
is a failed `ws.message`. A regular close (code 1000, or none) ends a `recv` without a sample, since an `async for` asks
in the same way and expects it; and a cancelled `recv` may be a reader in the background that no message was due to.
The pings of the library's own keepalive are not measured.
"""

from __future__ import annotations

import asyncio
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final

from pytest_rtmedload.clients.observe.operation import CENSORED, OK, ObservedOperation, OperationWatch
from pytest_rtmedload.clients.websocket_metrics import DROPPED, MESSAGE, PING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_NORMAL: Final = (1000, 1005)
_GIVEN_UP: Final = (1002, 1007, 1009, 1011)  # what the library says when it has found a fault


def watch_websocket(connection: Any) -> OperationWatch:
    """Measure the pings of a connection, and what ends badly."""
    measured = _Connection(connection)
    connection.ping, connection.recv, connection.send = measured.ping, measured.recv, measured.send
    return measured.watch


class _Connection:
    """What takes the place of three methods of a connection."""

    def __init__(self, connection: Any) -> None:
        self.watch = OperationWatch(self._undo)
        self._connection = connection
        self._ping, self._recv, self._send = connection.ping, connection.recv, connection.send
        self._path = connection.request.path.partition("?")[0] if connection.request else "/"
        self._dropped = False

    async def ping(self, *given: Any, **named: Any) -> Any:
        if asyncio.current_task() is self._connection.keepalive_task:
            return await self._ping(*given, **named)
        operation = ObservedOperation(self.watch, PING)
        pong = await self._measured(operation, self._ping(*given, **named))
        pong.add_done_callback(lambda pong: self._ponged(operation, pong))
        return pong

    async def recv(self, *given: Any, **named: Any) -> Any:
        return await self._unless_cut(self._recv(*given, **named), expected=_said_goodbye)

    async def send(self, *given: Any, **named: Any) -> Any:
        return await self._unless_cut(self._send(*given, **named), expected=_left)

    def _undo(self) -> None:
        for name in ("ping", "recv", "send"):
            vars(self._connection).pop(name, None)  # the class's own method applies again

    async def _measured(self, operation: ObservedOperation, sending: Awaitable[Any]) -> Any:
        try:
            return await sending
        except Exception as error:
            if _is_cut(error) and not _left(error):
                self._cut(operation, error)
            operation.drop()  # otherwise the caller's own error, such as two pings with the same data
            raise
        except asyncio.CancelledError:
            operation.end(CENSORED)
            raise

    async def _unless_cut(self, talking: Awaitable[Any], *, expected: Callable[[Any], bool]) -> Any:
        start = perf_counter_ns()
        try:
            return await talking
        except Exception as error:
            if _is_cut(error) and not expected(error):
                operation = ObservedOperation(self.watch, MESSAGE)
                operation.start_ns = start
                self._cut(operation, error)
            raise

    def _ponged(self, operation: ObservedOperation, pong: asyncio.Future[float]) -> None:
        error = None if pong.cancelled() else pong.exception()
        if pong.cancelled() or (error is not None and _left(error)):
            operation.end(CENSORED)
        elif error is not None:
            self._cut(operation, error)
        else:
            operation.end(OK, end_ns=operation.start_ns + round(pong.result() * 1e9))

    def _cut(self, operation: ObservedOperation, error: BaseException) -> None:
        if not self._dropped:
            self._dropped = True
            self.watch.count(DROPPED)
        operation.fail(error, _ending(error), where=self._path)


def _is_cut(error: BaseException) -> bool:
    return any(cls.__name__ == "ConnectionClosed" for cls in type(error).__mro__)


def _left(error: Any) -> bool:
    """True if the user closed the connection."""
    return error.sent is not None and error.rcvd_then_sent is not True and error.sent.code not in _GIVEN_UP


def _said_goodbye(error: Any) -> bool:
    """True if a reader could expect this."""
    return _left(error) or (error.rcvd is not None and error.rcvd.code in _NORMAL)


def _ending(error: Any) -> str:
    if error.rcvd is not None and error.rcvd_then_sent is not False:
        code = "a close frame without a code" if error.rcvd.code == 1005 else error.rcvd.code
        reason = " ".join(error.rcvd.reason.split())
        return f"closed by the agent with {code}{': ' if reason else ''}{reason}"
    if error.sent is not None:
        return f"protocol error: {' '.join(error.sent.reason.split()) or error.sent.code}"
    return "connection lost without a close frame"
