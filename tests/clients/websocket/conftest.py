from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from pytest_rtmedload.clients.websocket.client import WebSocketClient
from tests.clients.websocket.fake_websocket import Connect, CountingRows


@pytest.fixture
def rows() -> CountingRows:
    return CountingRows()


@pytest_asyncio.fixture
async def quiet(caplog: pytest.LogCaptureFixture) -> AsyncIterator[None]:
    """Nothing is left to asyncio's last resort, and nothing is logged."""
    unhandled: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context))
    with caplog.at_level(logging.WARNING):
        yield
    assert unhandled == []
    assert caplog.records == []


@pytest_asyncio.fixture
async def connect(rows: CountingRows, quiet: None) -> AsyncIterator[Connect]:
    """Makes clients that record into `rows`; closed after the test."""
    made: list[WebSocketClient] = []

    def make(url: str, **options: object) -> WebSocketClient:
        client = WebSocketClient(rows, url, **{"timeout": 5.0, **options})  # type: ignore[arg-type]
        made.append(client)
        return client

    yield make
    for client in made:
        await client.close()
