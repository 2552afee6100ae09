"""A connection that a server closed while its user thought is told from one that broke under a request."""

from __future__ import annotations

import asyncio

import pytest

from pytest_rtmedload.clients.errors import TransportError
from tests.clients.fake_http import Connect, Rows, Seen, Serve, answer


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("pause_s", "told"),
    [(1.1, " on a connection idle for 1 s, probably by the server's keep-alive time-out"), (0, "")],
)
async def test_a_kept_connection_that_was_closed_meanwhile_says_so(
    serve: Serve, connect: Connect, rows: Rows, pause_s: float, told: str
) -> None:
    async def once(seen: Seen, writer: asyncio.StreamWriter) -> None:
        if seen.target == "/first":
            writer.write(answer())
        else:
            writer.close()  # as a server whose time-out is over just when the request arrives

    server = await serve(once)
    client = connect(server.url)
    await client.get("/first")
    await asyncio.sleep(pause_s)
    with pytest.raises(TransportError):
        await client.get("/second")
    assert rows.errors[0][0] == (
        f"GET /second: connection closed before message completed{told} (127.0.0.1:{server.port})"
    )
    assert rows.outcomes == [("GET /first", "ok"), ("GET /second", "failed")]


@pytest.mark.asyncio
async def test_a_connection_that_is_known_to_be_closed_is_opened_anew_without_a_failure(
    serve: Serve, connect: Connect, rows: Rows
) -> None:
    async def and_close(_: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(answer())
        writer.close()

    server = await serve(and_close)
    client = connect(server.url)
    for _ in range(3):
        await client.get("/")
        await server.ended.wait()
        server.ended.clear()
        await asyncio.sleep(0.05)
    assert rows.outcomes == [("GET /", "ok")] * 3
    assert server.connections == 3


@pytest.mark.asyncio
async def test_a_first_connection_was_never_idle(serve: Serve, connect: Connect, rows: Rows) -> None:
    async def never(_: Seen, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await serve(never)
    with pytest.raises(TransportError):
        await connect(server.url).get("/")
    assert "idle" not in rows.errors[0][0]
