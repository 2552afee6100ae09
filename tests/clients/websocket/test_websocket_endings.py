"""Connections that end badly: every operation that waits is a failed sample with the reason, and each counts once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from pytest_rtmedload.clients.websocket.client import WebSocketClient
from pytest_rtmedload.clients.websocket.errors import ConnectionClosed
from tests.clients.websocket.fake_websocket import (
    BINARY,
    CLOSE,
    CONTINUATION,
    OPENED,
    PING,
    TEXT,
    Connect,
    CountingRows,
    Peer,
    Script,
    answers,
    frame,
    goodbye,
    sends,
    serving,
)

pytestmark = pytest.mark.asyncio

FAILED = ("ws.message", "failed")

Operation = Callable[[WebSocketClient], Coroutine[Any, Any, Any]]


async def leaves(peer: Peer) -> None:
    """Closes the connection without a word, after the first message."""
    await peer.read()


async def resets(peer: Peer) -> None:
    await peer.read()
    peer.reset()


async def half_a_frame(peer: Peer) -> None:
    await peer.read()
    peer.send(frame(TEXT, "more than this")[:5])


def hide(text: str) -> str:
    return text.replace("hunter2", "***")


LOST = "connection lost without a close frame"
ENDINGS = [
    (leaves, 1006, LOST),
    (resets, 1006, LOST),
    (half_a_frame, 1006, LOST),
    (answers(goodbye(1000, "done")), 1000, "closed by the agent with 1000: done"),
    (answers(goodbye(None)), 1005, "closed by the agent with a close frame without a code"),
    (answers(goodbye(1001)), 1001, "closed by the agent with 1001"),
    (answers(goodbye(1011, "out\r\n of order")), 1011, "closed by the agent with 1011: out of order"),
    (answers(goodbye(4999, "password hunter2")), 4999, "closed by the agent with 4999: password ***"),
    (answers(goodbye(65535)), 65535, "closed by the agent with 65535"),
    (answers(goodbye(0)), 0, "closed by the agent with 0"),
    (answers(goodbye(999)), 1002, "protocol error: received CLOSE with invalid close code: 999"),
    (answers(goodbye(1005)), 1002, "protocol error: received CLOSE with invalid close code: 1005"),
    (answers(frame(CLOSE, b"\x03")), 1002, "protocol error: "),
    (answers(frame(CLOSE, b"\x03\xe8\xff")), 1007, "protocol error: received CLOSE with invalid UTF-8 reason"),
    (answers(b"HTTP/1.1 500 Internal Server Error\r\n\r\n"), 1002, "protocol error: "),
    (answers(bytes(range(256)) * 8), 1002, "protocol error: "),
    (answers(b"\xff" * 100), 1002, "protocol error: "),
    (answers(frame(TEXT, b"\xff\xfe")), 1007, "protocol error: a text message is not UTF-8"),
    (
        answers(frame(TEXT, b"\xc3", fin=False), frame(CONTINUATION)),
        1007,
        "protocol error: a text message is not UTF-8",
    ),
    (answers(frame(BINARY, b"x", rsv=4)), 1002, "protocol error: a reserved bit is set"),
    (answers(frame(TEXT, "x", mask=True)), 1002, "protocol error: received masked frame"),
    (answers(frame(3, "x")), 1002, "protocol error: received frame with invalid opcode"),
    (answers(frame(CONTINUATION, "x")), 1002, "protocol error: a message begins with a continuation frame"),
    (answers(frame(TEXT, "x", fin=False), frame(TEXT, "y")), 1002, "protocol error: a message begins before"),
    (answers(frame(PING, "x", fin=False)), 1002, "protocol error: received fragmented control frame"),
    (answers(frame(PING, "x" * 126)), 1002, "protocol error: received control frame"),
    (answers(b"\x82\x7e\x00\x01x"), 1002, "protocol error: received frame with invalid 16-bit payload len"),
]


@pytest.mark.parametrize(("script", "code", "reason"), ENDINGS)
async def test_every_ending_is_a_failed_sample_with_its_reason(
    connect: Connect, rows: CountingRows, script: Script, code: int, reason: str
) -> None:
    async with serving(script) as agent, connect(agent.url, redact=hide) as ws:
        with pytest.raises(ConnectionClosed) as raised:
            await ws.ask("?")
        assert str(raised.value).startswith(f"ws.message /ws/relay: {reason}")
        assert raised.value.counted
        assert (raised.value.code, ws.close_code) == (code, code)
        assert raised.value.reason == ws.close_reason
        assert not ws.is_open
    assert rows.outcomes == [OPENED, FAILED]
    assert rows.errors == [(str(raised.value), f"GET {agent.url}")]
    assert rows.counts == ["ws.dropped"]


WAITS: list[tuple[Operation, str]] = [
    (lambda ws: ws.ask("?"), "ws.message"),
    (lambda ws: ws.ask("?", lambda _: True, name="own"), "own"),
    (lambda ws: ws.recv(), "ws.message"),
    (lambda ws: ws.recv_json(), "ws.message"),
    (lambda ws: ws.ping(), "ws.ping"),
    (lambda ws: ws.send(bytes(32 * 2**20)), "ws.message"),
]


@pytest.mark.parametrize(("operation", "metric"), WAITS)
@pytest.mark.parametrize("ending", [goodbye(1000), goodbye(1011, "no"), frame(3), b""])
async def test_every_operation_that_waits_is_told(
    connect: Connect, rows: CountingRows, operation: Operation, metric: str, ending: bytes
) -> None:
    go = asyncio.Event()

    async def script(peer: Peer) -> None:
        await go.wait()
        peer.send(ending)

    async with serving(script) as agent, connect(agent.url) as ws:
        waiting = asyncio.create_task(operation(ws))
        await asyncio.sleep(0)
        go.set()
        with pytest.raises(ConnectionClosed):
            await waiting
    assert rows.outcomes == [OPENED, (metric, "failed")]
    assert rows.counts == ["ws.dropped"]
    assert len(rows.errors) == 1


async def test_all_that_wait_fail_and_the_connection_counts_once(connect: Connect, rows: CountingRows) -> None:
    go = asyncio.Event()

    async def script(peer: Peer) -> None:
        await go.wait()

    async with serving(script) as agent, connect(agent.url) as ws:
        waiting = [asyncio.create_task(operation) for operation in (ws.ask("?"), ws.recv(), ws.ping())]
        await asyncio.sleep(0)
        go.set()
        ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(error) for error in ended} == {ConnectionClosed}
    assert sorted(rows.outcomes) == [OPENED, FAILED, FAILED, ("ws.ping", "failed")]
    assert rows.counts == ["ws.dropped"]


async def until_lost(ws: WebSocketClient) -> None:
    """Until the client knows of the end."""
    connection = ws._session.reading()
    await asyncio.wait((connection._watching,), timeout=2)
    assert ws.close_code is not None


@pytest.mark.parametrize("ending", [b"", goodbye(1001), goodbye(1012), frame(3)])
async def test_a_cut_while_nothing_waits_is_one_failed_sample(
    connect: Connect, rows: CountingRows, ending: bytes
) -> None:
    async def script(peer: Peer) -> None:
        peer.send(ending)

    async with serving(script) as agent, connect(agent.url) as ws:
        await until_lost(ws)
        assert rows.outcomes == [OPENED, FAILED]
        assert rows.counts == ["ws.dropped"]
        with pytest.raises(ConnectionClosed) as raised:  # who is told first has that sample
            await ws.ask("?")
        assert raised.value.counted
        assert len(rows.samples) == len(rows.errors) + 1 == 2
        with pytest.raises(ConnectionClosed):
            await ws.ping()
    assert rows.outcomes == [OPENED, FAILED, ("ws.ping", "failed")]
    assert rows.counts == ["ws.dropped"]


async def test_a_goodbye_while_nothing_waits_is_none(connect: Connect, rows: CountingRows) -> None:
    async with serving(sends(frame(TEXT, "last words"), goodbye(1000))) as agent, connect(agent.url) as ws:
        await until_lost(ws)
        assert await ws.recv() == "last words"
        assert [message async for message in ws] == []
    assert rows.outcomes == [OPENED]
    assert (rows.errors, rows.counts) == ([], [])


@pytest.mark.parametrize("operation", [operation for operation, _ in WAITS])
async def test_a_goodbye_to_somebody_who_wants_more_is_a_drop(
    connect: Connect, rows: CountingRows, operation: Operation
) -> None:
    async with serving(sends(goodbye(1000))) as agent, connect(agent.url) as ws:
        await until_lost(ws)
        with pytest.raises(ConnectionClosed):
            await operation(ws)
    assert [outcome for _, outcome in rows.outcomes] == ["ok", "failed"]
    assert rows.counts == ["ws.dropped"]


async def test_a_loop_over_messages_raises_when_the_connection_is_cut(connect: Connect, rows: CountingRows) -> None:
    async def script(peer: Peer) -> None:
        peer.send(frame(TEXT, "a") + goodbye(1011))

    async with serving(script) as agent, connect(agent.url) as ws:
        messages = aiter(ws)
        assert await anext(messages) == "a"
        with pytest.raises(ConnectionClosed, match="1011"):
            await anext(messages)
    assert rows.outcomes == [OPENED, FAILED]
    assert rows.counts == ["ws.dropped"]


async def test_the_agents_close_is_answered_with_its_code(connect: Connect) -> None:
    seen: list[tuple[int, bytes]] = []

    def script(code: int | None) -> Script:
        async def close(peer: Peer) -> None:
            peer.send(goodbye(code))
            seen.append(await peer.read())

        return close

    for code in (1000, 4001, None, 65535):
        async with serving(script(code)) as agent, connect(agent.url) as ws:
            await until_lost(ws)
            await asyncio.wait_for(agent.gone.wait(), 1)
    assert seen == [(CLOSE, sent) for sent in (b"\x03\xe8", b"\x0f\xa1", b"\x03\xe8", b"\x03\xe8")]


async def test_a_peer_that_breaks_the_protocol_is_told(connect: Connect) -> None:
    seen: list[tuple[int, bytes]] = []

    async def script(peer: Peer) -> None:
        peer.send(frame(TEXT, b"\xff"))
        seen.append(await peer.read())

    async with serving(script) as agent, connect(agent.url) as ws:
        await until_lost(ws)
        await asyncio.wait_for(agent.gone.wait(), 1)
    assert seen[0][0] == CLOSE
    assert seen[0][1][:2] == b"\x03\xef"


async def test_a_recorder_need_not_count(connect: Connect) -> None:
    class Plain:
        def __init__(self) -> None:
            self.outcomes: list[str] = []

        def add(self, *sample: object) -> None:
            self.outcomes.append(str(sample[-1]))

        def error(self, *_: str) -> None:
            """Not of interest."""

    plain = Plain()
    async with serving(leaves) as agent, WebSocketClient(plain, agent.url) as ws:
        with pytest.raises(ConnectionClosed):
            await ws.ask("?")
    assert plain.outcomes == ["ok", "failed"]


async def test_many_connections_at_once(connect: Connect, rows: CountingRows) -> None:
    async def talk(url: str) -> None:
        async with connect(url) as ws:
            for n in range(5):
                assert await ws.ask(str(n)) == str(n)

    async with serving(Peer.echo) as agent:
        await asyncio.gather(*(talk(agent.url) for _ in range(50)))
    assert len(rows.samples) == 50 * 6
    assert {outcome for _, outcome in rows.outcomes} == {"ok"}
