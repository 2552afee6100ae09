"""The server for the doctor's measurement: far less expensive than any client, in a separate process.

It answers every request with the same bytes, and every message of a call with 20 ms of speech. It prints the ports of
its HTTP and its phone socket, then serves until its standard input is closed.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import sys
from itertools import cycle
from typing import TYPE_CHECKING, Final, cast

import orjson
from picows import WSListener, WSMsgType, ws_create_server

from pytest_rtmedload.audio import clip
from pytest_rtmedload.dialects import RTMEDAGENT
from pytest_rtmedload.dialects.wire import fill

if TYPE_CHECKING:
    from collections.abc import Iterator

    from picows import WSFrame, WSTransport

_BODY: Final = b'{"status":"ok"}'
_ANSWER: Final = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
    len(_BODY),
    _BODY,
)
_END_OF_HEAD: Final = b"\r\n\r\n"
_REPLY: Final = "chest_pain_1_reply"


class Web(asyncio.Protocol):
    """One HTTP connection: an answer for each head; requests have no bodies."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer all complete requests."""
        *heads, self._unread = (self._unread + data).split(_END_OF_HEAD)
        if heads and self._transport is not None:
            self._transport.write(_ANSWER * len(heads))


class Phone(WSListener):
    """The agent's side of one call: speech for every message."""

    def __init__(self, speech: Iterator[bytes]) -> None:
        self._speech = speech

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Answer a message or a close frame."""
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
        else:
            transport.send(WSMsgType.TEXT, next(self._speech))


def speech() -> list[bytes]:
    """A recorded answer as messages of 20 ms."""
    spoken, wire = clip(_REPLY), RTMEDAGENT.voice.phone
    begin, end = spoken.voiced
    voiced, size = spoken.pcm[2 * begin : 2 * end], wire.chunk_bytes
    frames = [voiced[at : at + size] for at in range(0, len(voiced) - size, size)]
    return [orjson.dumps(fill(wire.audio, {"data": base64.b64encode(frame).decode()})) for frame in frames]


async def serve() -> None:
    """Serve until standard input closes."""
    logging.disable()  # callers disconnect without a close frame
    loop, spoken = asyncio.get_running_loop(), speech()
    web = await loop.create_server(Web, "127.0.0.1", 0)
    phone = await ws_create_server(lambda _: Phone(cycle(spoken)), "127.0.0.1", 0)
    ports = [server.sockets[0].getsockname()[1] for server in (web, phone)]
    sys.stdout.write(" ".join(map(str, ports)) + "\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)
    web.close()
    phone.close()


if __name__ == "__main__":
    asyncio.run(serve())
