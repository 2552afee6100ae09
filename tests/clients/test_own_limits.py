"""What the load generator ran out of, as systems and clients tell it."""

from __future__ import annotations

import errno
import os
import resource
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest

from pytest_rtmedload.clients.errors import TransportError
from pytest_rtmedload.clients.own_limits import own_limit_in, own_limit_said
from pytest_rtmedload.clients.websocket.client import WebSocketClient
from pytest_rtmedload.results.names import OwnLimit
from tests.clients.fake_http import Connect, Rows, Serve


@pytest.mark.parametrize(
    ("error", "limit"),
    [
        (OSError(errno.EMFILE, "Too many open files"), OwnLimit.OPEN_FILES),
        (OSError(errno.ENFILE, "Too many open files in system"), OwnLimit.OPEN_FILES_OF_MACHINE),
        (OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address"), OwnLimit.PORTS),
        (OSError(errno.ENOBUFS, "No buffer space available"), OwnLimit.MEMORY),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), OwnLimit.MEMORY),
        (MemoryError(), OwnLimit.MEMORY),
        (RuntimeError("can't start new thread"), OwnLimit.THREADS),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), OwnLimit.NAMES),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), None),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), None),
        (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), None),
        (TimeoutError(), None),
        (RuntimeError("something else"), None),
    ],
)
def test_the_limit_that_was_met(error: Exception, limit: OwnLimit | None) -> None:
    assert own_limit_in(error) is limit
    assert own_limit_in(ExceptionGroup("several", [ConnectionError(error)])) is limit


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("Too many open files (os error 24)", OwnLimit.OPEN_FILES),
        ("Cannot assign requested address (os error 99)", OwnLimit.PORTS),
        ("failed to lookup address information: Temporary failure in name resolution", OwnLimit.NAMES),
        ("Connection refused (os error 111)", None),
        ("connection closed before message completed", None),
    ],
)
def test_the_limit_that_a_text_tells(text: str, limit: OwnLimit | None) -> None:
    assert own_limit_said(text) is limit


@pytest.fixture
def no_files_left() -> Iterator[None]:
    """This process may open no more files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    last = os.open(os.devnull, os.O_RDONLY)
    os.close(last)
    held: list[int] = []
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (last + 8, hard))
        with suppress(OSError):
            while True:
                held.append(os.open(os.devnull, os.O_RDONLY))
        yield
    finally:
        for each in held:
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.asyncio
async def test_measured_clients_tell_it(
    serve: Serve, connect: Connect, rows: Rows, request: pytest.FixtureRequest
) -> None:
    server = await serve()
    client = connect(server.url)
    await client.get("/warm")  # its thread and its first connection are there
    request.getfixturevalue("no_files_left")
    with pytest.raises(TransportError):
        await client.get(f"http://127.0.0.2:{server.port}/")
    with pytest.raises(TransportError):
        await WebSocketClient(rows, f"ws://127.0.0.1:{server.port}/")
    assert set(rows.own_limits) == {OwnLimit.OPEN_FILES}
