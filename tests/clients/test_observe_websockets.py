"""`load.observe` of a connection of websockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConcurrencyError, ConnectionClosed, ConnectionClosedOK

from pytest_rtmedload.clients.observe.observer import ClientObserver
from tests.clients.websocket.fake_websocket import (
    TEXT,
    CountingRows,
    FakeAgent,
    Peer,
    Script,
    answers,
    frame,
    goodbye,
    sends,
    serving,
)

pytestmark = pytest.mark.asyncio

Open = Callable[[Script], AbstractAsyncContextManager[ClientConnection]]


@pytest.fixture
def rows() -> CountingRows:
    return CountingRows()


@pytest.fixture
def opened(rows: CountingRows) -> Open:
    """A connection to a script, observed by `rows`."""

    @asynccontextmanager
    async def make(script: Script) -> AsyncIterator[ClientConnection]:
        observer = ClientObserver(rows, redact=lambda text: text.replace("hunter2", "***"))
        async with serving(script) as agent, dial(agent) as connection:
            assert observer.observe(connection) is connection
            observer.observe(connection)
            yield connection
        observer.stop()

    return make


def dial(agent: FakeAgent, **options: float) -> connect:
    return connect(f"{agent.url}?token=hunter2", proxy=None, compression=None, close_timeout=0.5, **options)  # type: ignore[arg-type]


async def test_a_ping_is_measured_until_its_pong(opened: Open, rows: CountingRows) -> None:
    async with opened(Peer.echo) as connection:
        latency = await (await connection.ping())
        await connection.ping(b"nobody waits for this one")
        await (await connection.ping("own"))
        await connection.send("a")
        assert await connection.recv() == "a"
    assert rows.outcomes == [("ws.ping", "ok")] * 3
    assert rows.took_ms("ws.ping")[0] == pytest.approx(latency * 1e3, abs=1e-3)
    assert (rows.errors, rows.counts) == ([], [])


async def test_a_ping_that_somebody_stops_waiting_for_is_censored(opened: Open, rows: CountingRows) -> None:
    async with opened(Peer.until_left) as connection:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(await connection.ping(), 0.01)
    assert rows.outcomes == [("ws.ping", "censored")]
    assert rows.errors == []


async def test_a_ping_under_way_at_the_own_close_is_censored(opened: Open, rows: CountingRows) -> None:
    async with opened(Peer.until_left) as connection:
        await connection.ping()
    assert rows.outcomes == [("ws.ping", "censored")]
    assert (rows.errors, rows.counts) == ([], [])


async def test_a_ping_of_the_callers_mistake_is_none(opened: Open, rows: CountingRows) -> None:
    async with opened(Peer.until_left) as connection:
        pong = await connection.ping(b"same")
        with pytest.raises(ConcurrencyError):
            await connection.ping(b"same")
        with pytest.raises(TypeError):
            await connection.ping(3)  # type: ignore[arg-type]
        pong.cancel()  # type: ignore[attr-defined]
    assert rows.outcomes == [("ws.ping", "censored")]


async def test_the_librarys_own_pings_are_not_measured(rows: CountingRows) -> None:
    pinged = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.read()
        pinged.set()
        await peer.until_left()

    observer = ClientObserver(rows)
    async with serving(script) as agent, dial(agent, ping_interval=0.01, ping_timeout=5) as connection:
        observer.observe(connection)
        await pinged.wait()
    observer.stop()
    assert rows.samples == []


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (answers(goodbye(1011, "hunter2\n says no")), "closed by the agent with 1011: *** says no"),
        (answers(goodbye(1001)), "closed by the agent with 1001"),
        (answers(frame(TEXT, b"\xff")), "protocol error: invalid start byte at position 0"),
        (answers(), "connection lost without a close frame"),
    ],
)
async def test_a_cut_is_a_failed_sample_of_whoever_waits(
    opened: Open, rows: CountingRows, script: Script, reason: str
) -> None:
    async def leaves(peer: Peer) -> None:
        await peer.read()

    async with opened(leaves if "lost" in reason else script) as connection:
        pong = await connection.ping()
        with pytest.raises(ConnectionClosed) as raised:
            await connection.recv()
        assert raised.value.counted  # type: ignore[attr-defined]
        with pytest.raises(ConnectionClosed):
            await pong
        with pytest.raises(ConnectionClosed):
            await connection.send("a")
    assert sorted(rows.outcomes) == [("ws.message", "failed"), ("ws.message", "failed"), ("ws.ping", "failed")]
    assert {message.partition(" ")[2] for message in rows.messages} == {f"/ws/relay: {reason}"}
    assert rows.counts == ["ws.dropped"]


async def test_a_goodbye_ends_reading_without_a_sample(opened: Open, rows: CountingRows) -> None:
    async with opened(sends(frame(TEXT, "a"), goodbye(1000))) as connection:
        assert [message async for message in connection] == ["a"]
        with pytest.raises(ConnectionClosedOK):
            await connection.recv()
        assert rows.samples == []
        with pytest.raises(ConnectionClosedOK):
            await connection.send("more")
    assert rows.outcomes == [("ws.message", "failed")]
    assert rows.counts == ["ws.dropped"]


async def test_after_the_own_close_nothing_is_measured(opened: Open, rows: CountingRows) -> None:
    async with opened(Peer.until_left) as connection:
        await connection.close()
        for operation in (connection.send("a"), connection.recv(), connection.ping()):
            with pytest.raises(ConnectionClosed):
                await operation
    assert (rows.samples, rows.errors, rows.counts) == ([], [], [])


async def test_stop_leaves_the_connection_as_it_was(rows: CountingRows) -> None:
    observer = ClientObserver(rows)
    async with serving(Peer.echo) as agent, dial(agent) as connection:
        before = set(vars(connection))
        observer.observe(connection)
        pong = await connection.ping()
        observer.stop()
        assert rows.outcomes == [("ws.ping", "censored")]
        await pong
        assert set(vars(connection)) == before
        await (await connection.ping())
    assert rows.outcomes == [("ws.ping", "censored")]
