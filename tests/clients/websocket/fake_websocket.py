"""A WebSocket server on loopback that does to the letter what a test tells it, wrong or right."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from pytest_rtmedload.clients.websocket.client import WebSocketClient
from tests.clients.fake_http import Rows

OPENED = ("ws.handshake", "ok")
SOON = 0.05
"""Seconds to wait for what never comes."""
MIB = 2**20

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def frame(opcode: int, payload: bytes | str = b"", *, fin: bool = True, rsv: int = 0, mask: bool = False) -> bytes:
    """A frame as servers send it."""
    data = payload.encode() if isinstance(payload, str) else payload
    size, flag = len(data), 0x80 if mask else 0
    head = bytes([fin << 7 | rsv << 4 | opcode])
    if size < 126:
        head += bytes([flag | size])
    elif size < 2**16:
        head += struct.pack("!BH", flag | 126, size)
    else:
        head += struct.pack("!BQ", flag | 127, size)
    return head + (b"\0\0\0\0" if mask else b"") + data


def goodbye(code: int | None, reason: str = "") -> bytes:
    """A close frame."""
    return frame(CLOSE, b"" if code is None else struct.pack("!H", code) + reason.encode())


@dataclass
class Peer:
    """The server's end of one connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    target: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    async def request(self) -> None:
        """Read the handshake."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        self.target = head[0].split(" ")[1]
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}

    def accept(self, **wrong: str) -> bytes:
        """The 101; `wrong` replaces or adds headers (`_` for `-`), an empty value leaves one out."""
        guid = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        proof = base64.b64encode(hashlib.sha1(self.headers["sec-websocket-key"].encode() + guid).digest()).decode()  # noqa: S324
        headers = {"upgrade": "websocket", "connection": "Upgrade", "sec-websocket-accept": proof}
        headers |= {name.replace("_", "-"): value for name, value in wrong.items()}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value)
        return f"HTTP/1.1 101 Switching Protocols\r\n{lines}\r\n".encode()

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def read(self) -> tuple[int, bytes]:
        """The next frame: opcode and unmasked payload."""
        first, second = await self.reader.readexactly(2)
        size = second & 0x7F
        if size > 125:
            size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8), "big")
        mask = await self.reader.readexactly(4)
        payload = await self.reader.readexactly(size)
        return first & 0xF, bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))

    async def echo(self) -> None:
        """Send back what comes, until a close frame."""
        while True:
            opcode, payload = await self.read()
            self.send(frame(PONG if opcode == PING else opcode, payload))
            if opcode == CLOSE:
                return

    async def until_left(self) -> None:
        """Ignore what comes, and answer the goodbye."""
        while (await self.read())[0] != CLOSE:
            pass
        self.send(goodbye(1000))

    async def until_gone(self) -> None:
        """Ignore what comes, the goodbye too, until the connection has ended."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(65536):
                pass

    def reset(self) -> None:
        """End the connection the rude way."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Script = Callable[[Peer], Awaitable[None]]
Connect = Callable[..., WebSocketClient]


def sends(*data: bytes) -> Script:
    """Sends this at once and keeps the connection."""

    async def script(peer: Peer) -> None:
        peer.send(b"".join(data))
        await peer.until_left()

    return script


def answers(*data: bytes) -> Script:
    """Sends this after the first message and keeps the connection."""

    async def script(peer: Peer) -> None:
        await peer.read()
        peer.send(b"".join(data))
        await peer.until_left()

    return script


@dataclass
class FakeAgent:
    """Runs the same script on every connection, then closes it."""

    script: Script
    handshake: bool = True
    """Whether the script begins after the 101."""
    port: int = 0
    peers: list[Peer] = field(default_factory=list)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a script has ended or its client has gone."""

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws/relay"

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer)
        self.peers.append(peer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await peer.request()
            if self.handshake:
                peer.send(peer.accept())
            await self.script(peer)
        self.gone.set()
        writer.close()


@contextlib.asynccontextmanager
async def serving(script: Script, *, handshake: bool = True, **options: object) -> AsyncIterator[FakeAgent]:
    """A running agent; gone afterwards, even if its script is not."""
    agent = FakeAgent(script, handshake)
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        await agent.handle(reader, writer)

    server = await asyncio.start_server(handle, "127.0.0.1", 0, **options)  # type: ignore[arg-type]
    agent.port = server.sockets[0].getsockname()[1]
    try:
        yield agent
    finally:
        server.close()
        for peer in agent.peers:
            with contextlib.suppress(AttributeError):  # asyncio's own, of one that is closed already
                peer.writer.transport.abort()
        if tasks:
            done, stuck = await asyncio.wait(tasks, timeout=1)
            for task in stuck:
                task.cancel()
            await asyncio.gather(*stuck, return_exceptions=True)
            for task in done:
                task.result()


class CountingRows(Rows):
    """A recorder that counts, too."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: list[str] = []

    def count(self, name: str, by: int = 1) -> None:
        self.counts += [name] * by

    @property
    def messages(self) -> list[str]:
        return [message for message, _ in self.errors]

    def took_ms(self, metric: str) -> list[float]:
        return [(end - start) / 1e6 for name, start, end, _ in self.samples if name == metric]
