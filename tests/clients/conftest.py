from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from pytest_rtmedload.clients.http.client import HttpClient
from tests.clients.fake_http import Answer, Connect, FakeServer, Rows, Serve, answer, raw


@pytest_asyncio.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts servers; gone after the test."""
    started: list[tuple[FakeServer, asyncio.Server]] = []

    async def start(how: Answer | bytes = b"", **options: object) -> FakeServer:
        fake = FakeServer(raw(how or answer()) if isinstance(how, bytes) else how)
        server = await asyncio.start_server(fake.handle, "127.0.0.1", 0, **options)  # type: ignore[arg-type]
        fake.port = server.sockets[0].getsockname()[1]
        started.append((fake, server))
        return fake

    yield start
    for fake, server in started:
        server.close()
        for writer in fake.writers:
            writer.transport.abort()
        await asyncio.gather(*fake.handlers)


@pytest.fixture
def rows() -> Rows:
    return Rows()


@pytest_asyncio.fixture
async def connect(rows: Rows) -> AsyncIterator[Connect]:
    """Makes clients that record into `rows`; closed after the test."""
    made: list[HttpClient] = []

    def make(base_url: object = None, **options: object) -> HttpClient:
        client = HttpClient(rows, base_url=base_url, **options)  # type: ignore[arg-type]
        made.append(client)
        return client

    yield make
    for client in made:
        await client.aclose()
