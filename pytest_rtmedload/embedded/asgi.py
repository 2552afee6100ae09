"""ASGI helpers shared by the HTTP services of the embedded agent.

The rule: a request's time counts from the arrival of its last byte (`RECEIVED`), and a connection that is cut on
purpose is reset, which no client mistakes for an orderly close after which it may retry.
"""

from __future__ import annotations

import socket
import struct
import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from asyncio import BaseTransport
    from collections.abc import Awaitable, Callable, MutableMapping

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

RECEIVED: Final = "received_ns"
TRANSPORT: Final = "transport"
"""Keys of `scope["state"]`, set by `serving.StampingProtocol`."""
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: close() sends RST


async def read_body(receive: Receive) -> bytes:
    """The whole body of a request."""
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    return body


def received_ns(scope: Scope) -> int:
    """When the request was fully received (`time.perf_counter_ns`); call it after `read_body`."""
    return scope["state"].get(RECEIVED) or time.perf_counter_ns()


async def reset_connection(scope: Scope, receive: Receive) -> None:
    """Close so that the client sees "connection reset"; returns when the connection is gone."""
    reset_transport(scope["state"][TRANSPORT])
    await disconnected(receive)


def reset_transport(transport: BaseTransport) -> None:
    """Close a connection, asyncio's or uvloop's, so that the client sees "connection reset"."""
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()  # type: ignore[attr-defined]  # every transport of a stream has it


async def disconnected(receive: Receive) -> None:
    """Return when either side has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass


def query_of(scope: Scope) -> dict[str, str]:
    """The query of a handshake; of a name given twice, the last value."""
    return {name: values[-1] for name, values in parse_qs(scope["query_string"].decode("latin-1")).items()}
