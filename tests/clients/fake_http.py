"""Servers on loopback that misbehave as told, and a recorder made of lists."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from pytest_rtmedload.clients.http.client import HttpClient


@dataclass
class Seen:
    """A request as the server read it."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


Answer = Callable[[Seen, asyncio.StreamWriter], Awaitable[None]]


def answer(body: bytes = b"{}", status: str = "200 OK", headers: str = "", length: int | None = None) -> bytes:
    """An HTTP answer; `headers` are whole lines."""
    size = len(body) if length is None else length
    return f"HTTP/1.1 {status}\r\ncontent-length: {size}\r\n{headers}\r\n".encode("latin-1") + body


def raw(data: bytes, *, close: bool = False) -> Answer:
    """Always the same bytes."""

    async def write(_: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        if close:
            writer.close()

    return write


@dataclass
class FakeServer:
    """A server on loopback that keeps what it was asked."""

    answer: Answer
    requests: list[Seen] = field(default_factory=list)
    connections: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a client has closed its connection."""
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a request has been read."""
    port: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    handlers: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        task = asyncio.current_task()
        assert task is not None
        self.handlers.append(task)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                request = await _read(reader)
                self.requests.append(request)
                self.asked.set()
                await self.answer(request, writer)
        self.ended.set()
        writer.close()


async def _read(reader: asyncio.StreamReader) -> Seen:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = head[0].split(" ")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
    return Seen(method, target, headers, await reader.readexactly(int(headers.get("content-length", 0))))


class Rows:
    """A recorder that keeps everything in lists."""

    def __init__(self) -> None:
        self.samples: list[tuple[str, int, int, str]] = []
        self.errors: list[tuple[str, str]] = []
        self.own_limits: list[str] = []

    def add(self, metric: str, start_ns: int, end_ns: int, outcome: str = "ok") -> None:
        self.samples.append((metric, start_ns, end_ns, outcome))

    def error(self, message: str, example: str = "") -> None:
        self.errors.append((message, example))

    def own_limit(self, limit: str) -> None:
        self.own_limits.append(limit)

    @property
    def outcomes(self) -> list[tuple[str, str]]:
        return [(metric, outcome) for metric, _, _, outcome in self.samples]


Serve = Callable[..., Awaitable[FakeServer]]
Connect = Callable[..., HttpClient]
