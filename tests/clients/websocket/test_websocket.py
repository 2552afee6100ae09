"""`load.ws` against a server on loopback that does as it is told: operations, and what they leave in the recorder."""

from __future__ import annotations

import asyncio
import json

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from pytest_rtmedload.clients.errors import DecodingError, TimeoutException
from pytest_rtmedload.clients.websocket import connection, session
from pytest_rtmedload.clients.websocket.client import WebSocketClient
from pytest_rtmedload.clients.websocket.errors import ConnectionClosed
from tests.clients.websocket.fake_websocket import (
    BINARY,
    CLOSE,
    CONTINUATION,
    MIB,
    OPENED,
    PING,
    PONG,
    SOON,
    TEXT,
    Connect,
    CountingRows,
    Peer,
    answers,
    frame,
    goodbye,
    sends,
    serving,
)

pytestmark = pytest.mark.asyncio

# --- messages


async def test_text_and_binary_go_both_ways(connect: Connect, rows: CountingRows) -> None:
    async with serving(Peer.echo) as agent, connect(agent.url) as ws:
        await ws.send("gesund – ✓")
        assert await ws.recv() == "gesund – ✓"
        for message in (b"\0\xff", bytearray(b"\0\xff"), memoryview(b"\0\xff")):
            await ws.send(message)
            assert await ws.recv() == b"\0\xff"
        await ws.send_json({"text": "gesund – ✓"})
        assert json.loads(await ws.recv()) == {"text": "gesund – ✓"}
        await ws.send(b'{"a": 1}')
        assert await ws.recv_json() == {"a": 1}
        await ws.send("")
        assert await ws.recv() == ""
        assert ws.is_open
        assert ws.close_code is None
        assert ws.subprotocol is None
    assert not ws.is_open
    assert (ws.close_code, ws.close_reason) == (1000, "")
    assert rows.outcomes == [OPENED]
    assert (rows.errors, rows.counts) == ([], [])


async def test_only_str_and_bytes_are_messages(connect: Connect, rows: CountingRows) -> None:
    async with serving(Peer.echo) as agent, connect(agent.url) as ws:
        with pytest.raises(TypeError, match=r"not dict: use send_json\(\)"):
            await ws.send({"a": 1})  # type: ignore[arg-type]
        with pytest.raises(UnicodeEncodeError):
            await ws.ask("\ud800")
        assert await ws.ask("still here") == "still here"
    assert rows.outcomes == [OPENED, ("ws.message", "ok")]


async def test_fragments_are_one_message_and_control_frames_may_come_between(connect: Connect) -> None:
    word = "ü".encode()
    script = sends(
        frame(TEXT, word[:1], fin=False),
        frame(PONG, b"nobody asked"),
        frame(CONTINUATION, fin=False),
        frame(CONTINUATION, word[1:]),
        frame(BINARY, b"\0", fin=False),
        frame(CONTINUATION, b"\1"),
    )
    async with serving(script) as agent, connect(agent.url) as ws:
        assert await ws.recv() == "ü"
        assert await ws.recv() == b"\0\1"


async def test_a_loop_over_messages_ends_with_the_goodbye(connect: Connect, rows: CountingRows) -> None:
    script = sends(frame(TEXT, "a"), frame(TEXT, "b"), goodbye(1000, "done"))
    async with serving(script) as agent, connect(agent.url) as ws:
        assert [message async for message in ws] == ["a", "b"]
        assert (ws.close_code, ws.close_reason) == (1000, "done")
    assert rows.outcomes == [OPENED]
    assert (rows.errors, rows.counts) == ([], [])


async def test_a_reader_in_the_background_ends_with_the_own_close(connect: Connect, rows: CountingRows) -> None:
    async def read(ws: WebSocketClient) -> list[object]:
        return [message async for message in ws]

    async with serving(Peer.echo) as agent:
        ws = await connect(agent.url)
        reader = asyncio.create_task(read(ws))
        await ws.send("a")
        await ws.ping()
        await ws.close()
        assert await reader == ["a"]
    assert rows.outcomes == [OPENED, ("ws.ping", "ok")]
    assert (rows.errors, rows.counts) == ([], [])


async def test_a_cancelled_reader_in_the_background_is_no_sample(connect: Connect, rows: CountingRows) -> None:
    async with serving(Peer.until_left) as agent, connect(agent.url, timeout=1) as ws:
        reader = asyncio.create_task(anext(ws))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader
    assert rows.outcomes == [OPENED]


async def test_a_message_is_not_lost_to_a_cancelled_reader(connect: Connect) -> None:
    async with serving(Peer.echo) as agent, connect(agent.url) as ws:
        reader = asyncio.create_task(ws.recv())
        await asyncio.sleep(0)
        inbox = ws._session.reading().inbox
        inbox.deliver("just there", 0)  # the reader has it, and is cancelled before it runs
        inbox.deliver("next", 0)
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader
        assert [await ws.recv(), await ws.recv()] == ["just there", "next"]
        assert inbox.size == 0


async def test_several_readers_get_messages_in_turn(connect: Connect) -> None:
    async with serving(answers(frame(TEXT, "1"), frame(TEXT, "2"))) as agent, connect(agent.url) as ws:
        readers = [asyncio.create_task(ws.recv()) for _ in range(2)]
        await asyncio.sleep(0)
        await ws.send("go")
        assert await asyncio.gather(*readers) == ["1", "2"]


@pytest.mark.timing
async def test_no_message_in_time_is_censored(connect: Connect, rows: CountingRows) -> None:
    async with serving(Peer.until_left) as agent, connect(agent.url, timeout=SOON) as ws:
        with pytest.raises(TimeoutException, match=r"^ws.message /ws/relay: no message within 0.05 s$") as raised:
            await ws.recv()
        assert raised.value.counted
        assert raised.value.request.url == agent.url
        with pytest.raises(TimeoutException, match=r"within 0.01 s"):
            await ws.recv(timeout=0.01)
        with pytest.raises(TimeoutException, match=r"within 0.05 s"):
            await anext(ws)  # type: ignore[arg-type]
    assert rows.outcomes == [OPENED, *[("ws.message", "censored")] * 3]
    assert rows.took_ms("ws.message")[0] >= 49
    assert rows.errors[0] == (str(raised.value), f"GET {agent.url}")
    assert rows.counts == []


async def test_what_is_not_json_is_a_failed_sample(connect: Connect, rows: CountingRows) -> None:
    script = sends(frame(BINARY, b"\xff\xfe garbage"), frame(TEXT, "{}{ password=hunter2"), frame(TEXT, "[1]"))
    async with serving(script) as agent, connect(agent.url, redact=lambda s: s.replace("hunter2", "***")) as ws:
        for _ in range(2):
            with pytest.raises(DecodingError, match=r"^ws.message /ws/relay: not JSON$") as raised:
                await ws.recv_json()
            assert raised.value.counted
        assert await ws.recv_json() == [1]
    assert rows.outcomes == [OPENED, *[("ws.message", "failed")] * 2]
    assert [example for _, example in rows.errors] == ["\ufffd\ufffd garbage", "{}{ password=***"]


async def test_an_agent_that_does_not_read_stops_the_sender_in_time(connect: Connect, rows: CountingRows) -> None:
    stop = asyncio.Event()

    async def deaf(peer: Peer) -> None:
        await stop.wait()

    async with serving(deaf) as agent, connect(agent.url, timeout=SOON) as ws:
        with pytest.raises(TimeoutException, match="not read by the agent within"):
            await ws.send(bytes(32 * MIB))
        stop.set()
    assert rows.outcomes == [OPENED, ("ws.message", "censored")]


async def test_a_sender_goes_on_when_the_agent_reads_again(
    connect: Connect, rows: CountingRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = asyncio.Event()

    async def slow(peer: Peer) -> None:
        await go.wait()
        await peer.until_gone()

    monkeypatch.setattr(session, "CLOSING", SOON)
    async with serving(slow) as agent, connect(agent.url) as ws:
        sending = asyncio.create_task(ws.send(bytes(32 * MIB)))
        await asyncio.sleep(0)
        assert not sending.done()
        go.set()
        await sending
    assert rows.outcomes == [OPENED]


# --- asking


async def test_an_answer_is_the_first_message_after(connect: Connect, rows: CountingRows) -> None:
    async def script(peer: Peer) -> None:
        peer.send(frame(TEXT, "welcome"))
        await peer.echo()

    async with serving(script) as agent, connect(agent.url) as ws:
        await ws.ping()  # the welcome is here
        assert await ws.ask("one") == "one"
        assert await ws.ask(b"two") == b"two"
        assert await ws.recv() == "welcome"
    assert rows.outcomes == [OPENED, ("ws.ping", "ok"), ("ws.message", "ok"), ("ws.message", "ok")]


async def test_match_tells_the_answer_and_the_rest_stays_readable(connect: Connect, rows: CountingRows) -> None:
    script = answers(frame(TEXT, "news"), frame(BINARY, b"\0"), frame(TEXT, "answer"), frame(TEXT, "more news"))
    async with serving(script) as agent, connect(agent.url) as ws:
        assert await ws.ask("question", lambda message: message == "answer") == "answer"
        assert [await ws.recv() for _ in range(3)] == ["news", b"\0", "more news"]
    assert rows.outcomes == [OPENED, ("ws.message", "ok")]


async def test_several_questions_get_their_own_answers(connect: Connect) -> None:
    async def backwards(peer: Peer) -> None:
        questions = [(await peer.read())[1] for _ in range(3)]
        for question in reversed(questions):
            peer.send(frame(TEXT, question))
        await peer.until_left()

    async with serving(backwards) as agent, connect(agent.url) as ws:
        asked = (ws.ask(str(n), lambda message, n=n: message == str(n)) for n in range(3))  # type: ignore[misc]
        assert await asyncio.gather(*asked) == ["0", "1", "2"]


async def test_questions_without_a_match_are_answered_in_order(connect: Connect) -> None:
    async with serving(Peer.echo) as agent, connect(agent.url) as ws:
        assert await asyncio.gather(*(ws.ask(str(n)) for n in range(5))) == ["0", "1", "2", "3", "4"]


async def test_name_replaces_the_metric_of_messages_alone(connect: Connect, rows: CountingRows) -> None:
    async with serving(Peer.echo) as agent, connect(agent.url, name="relay") as ws:
        await ws.ask("a")
        await ws.ask("b", name="other")
        await ws.ping()
        with pytest.raises(TimeoutException, match=r"^relay: no message within"):
            await ws.recv(timeout=0.01)
        await ws._session.reading().close(1000, "", 0)  # as if the network had
        with pytest.raises(ConnectionClosed, match=r"^ws.ping relay: "):
            await ws.ping()
    assert rows.outcomes[:4] == [OPENED, ("relay", "ok"), ("other", "ok"), ("ws.ping", "ok")]


async def test_a_question_is_measured_until_its_answer_is_read(connect: Connect, rows: CountingRows) -> None:
    async def slow(peer: Peer) -> None:
        await peer.read()
        peer.send(frame(TEXT, "wait"))
        await asyncio.sleep(0.05)
        peer.send(frame(TEXT, "now"))
        await peer.until_left()

    async with serving(slow) as agent, connect(agent.url) as ws:
        asked = asyncio.create_task(ws.ask("?", lambda message: message == "now"))
        assert await ws.recv() == "wait"
        assert await asked == "now"
    (took,) = rows.took_ms("ws.message")
    assert 49 <= took < 1000


async def test_a_late_answer_is_not_taken_for_the_next_ones(connect: Connect, rows: CountingRows) -> None:
    late = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.read()
        await late.wait()
        peer.send(frame(TEXT, "first"))
        await peer.echo()

    async with serving(script) as agent, connect(agent.url) as ws:
        with pytest.raises(TimeoutException, match="no answer within"):
            await ws.ask("first", timeout=0.01)
        with pytest.raises(RuntimeError, match="late answer would be taken"):
            await ws.ask("second")
        late.set()
        assert await ws.ask("second", lambda message: message == "second") == "second"
        assert await ws.recv() == "first"
    assert rows.outcomes == [OPENED, ("ws.message", "censored"), ("ws.message", "ok")]


async def test_a_question_with_a_match_leaves_no_doubt_behind(connect: Connect) -> None:
    async with serving(Peer.echo) as agent, connect(agent.url) as ws:
        with pytest.raises(TimeoutException):
            await ws.ask("a", lambda _: False, timeout=0.02)
        assert await ws.recv() == "a"
        assert await ws.ask("b") == "b"


async def test_a_cancelled_question_is_censored(connect: Connect, rows: CountingRows) -> None:
    async with serving(Peer.until_left) as agent, connect(agent.url, timeout=0.5) as ws:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await ws.ask("?")
        with pytest.raises(RuntimeError, match="late answer"):
            await ws.ask("?")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await ws.recv()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await ws.ping()
    censored = [("ws.message", "censored"), ("ws.message", "censored"), ("ws.ping", "censored")]
    assert rows.outcomes == [OPENED, *censored]
    assert (rows.errors, rows.counts) == ([], [])  # whoever cancelled knows


async def test_a_match_that_fails_is_a_failed_sample_and_its_own_error(connect: Connect, rows: CountingRows) -> None:
    async with serving(Peer.echo) as agent, connect(agent.url) as ws:
        with pytest.raises(json.JSONDecodeError):
            await ws.ask("garbage", json.loads)
        assert await ws.recv() == "garbage"
        assert await ws.ask("more") == "more"
    assert rows.outcomes == [OPENED, ("ws.message", "failed"), ("ws.message", "ok")]


# --- pings


async def test_ping_measures_until_its_own_pong(connect: Connect, rows: CountingRows) -> None:
    async def script(peer: Peer) -> None:
        _, payload = await peer.read()
        peer.send(frame(PONG, b"another") + frame(TEXT, "between") + frame(PONG, payload))
        await peer.echo()

    async with serving(script) as agent, connect(agent.url) as ws:
        took = await ws.ping()
        assert await ws.recv() == "between"
    assert rows.outcomes == [OPENED, ("ws.ping", "ok")]
    assert rows.took_ms("ws.ping") == [took]


async def test_a_pong_answers_earlier_pings_too(connect: Connect, rows: CountingRows) -> None:
    async def lazy(peer: Peer) -> None:
        for _ in range(3):
            _, payload = await peer.read()
        peer.send(frame(PONG, payload))
        await peer.until_left()

    async with serving(lazy) as agent, connect(agent.url) as ws:
        await asyncio.gather(ws.ping(), ws.ping(), ws.ping())
    assert rows.outcomes == [OPENED, *[("ws.ping", "ok")] * 3]


@pytest.mark.timing
async def test_no_pong_in_time_is_censored(connect: Connect, rows: CountingRows) -> None:
    async with serving(Peer.until_left) as agent, connect(agent.url, timeout=SOON) as ws:
        with pytest.raises(TimeoutException, match=r"^ws.ping /ws/relay: no pong within 0.05 s$"):
            await ws.ping()
        with pytest.raises(TimeoutException, match=r"within 0.01 s"):
            await ws.ping(timeout=0.01)
    assert rows.outcomes == [OPENED, *[("ws.ping", "censored")] * 2]


async def test_the_agents_pings_are_answered(connect: Connect) -> None:
    async def script(peer: Peer) -> None:
        peer.send(frame(PING, b"there?"))
        opcode, payload = await peer.read()
        peer.send(frame(BINARY, bytes([opcode]) + payload))
        await peer.until_left()

    async with serving(script) as agent, connect(agent.url) as ws:
        assert await ws.recv() == bytes([PONG]) + b"there?"


# --- sizes


@pytest.mark.parametrize("pieces", [1, 4])
async def test_16_mib_are_taken(connect: Connect, rows: CountingRows, pieces: int) -> None:
    piece = bytes(16 * MIB // pieces)
    opcodes = [BINARY, *[CONTINUATION] * (pieces - 1)]
    frames = [frame(opcode, piece, fin=n == pieces - 1) for n, opcode in enumerate(opcodes)]
    async with serving(answers(*frames)) as agent, connect(agent.url) as ws:
        assert len(await ws.ask("all")) == 16 * MIB
    assert rows.outcomes == [OPENED, ("ws.message", "ok")]


@pytest.mark.parametrize(
    "frames",
    [
        [frame(BINARY, bytes(16 * MIB + 1))],
        [frame(BINARY, bytes(16 * MIB), fin=False), frame(CONTINUATION, b"\0")],
        [b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff"],  # the length alone
    ],
)
async def test_more_is_not(connect: Connect, rows: CountingRows, frames: list[bytes]) -> None:
    async with serving(answers(*frames)) as agent, connect(agent.url) as ws:
        with pytest.raises(ConnectionClosed, match=r"a message of more than 16 MiB$") as raised:
            await ws.ask("all")
        assert (raised.value.code, ws.close_code) == (1009, 1009)
    assert rows.outcomes == [OPENED, ("ws.message", "failed")]
    assert rows.counts == ["ws.dropped"]


async def test_a_flood_that_nobody_reads_ends_the_connection(
    connect: Connect, rows: CountingRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "MOST_UNREAD", 2 * MIB)
    async with serving(answers(frame(BINARY, bytes(MIB)) * 3)) as agent, connect(agent.url) as ws:
        await ws.send("go")
        with pytest.raises(ConnectionClosed, match="more than 2 MiB of messages unread"):
            await ws.ping()
        assert len(await ws.recv()) == MIB  # what is here is here
    assert rows.outcomes == [OPENED, ("ws.ping", "failed")]
    assert rows.counts == ["ws.dropped"]


# --- leaving


async def test_close_tells_code_and_reason(connect: Connect) -> None:
    seen: list[tuple[int, bytes]] = []

    async def script(peer: Peer) -> None:
        seen.append(await peer.read())
        peer.send(goodbye(4001, "as you like"))
        await peer.until_left()

    async with serving(script) as agent, connect(agent.url) as ws:
        await ws.close(4001, "bye")
        assert (ws.close_code, ws.close_reason) == (4001, "as you like")
        await ws.close()
    assert seen == [(CLOSE, b"\x0f\xa1bye")]


@pytest.mark.parametrize(
    ("code", "reason"), [(0, ""), (1005, ""), (1006, ""), (2000, ""), (5000, ""), (1000, "x" * 124)]
)
async def test_close_refuses_what_no_frame_can_say(connect: Connect, code: int, reason: str) -> None:
    with pytest.raises(ValueError, match="not a close code"):
        await connect("ws://127.0.0.1:9/").close(code, reason)


async def test_after_the_own_close_nothing_is_measured(connect: Connect, rows: CountingRows) -> None:
    async with serving(Peer.echo) as agent:
        ws = await connect(agent.url)
        await ws.close()
        for operation in (ws.send("a"), ws.ask("a"), ws.ping(), ws.recv()):
            with pytest.raises(ConnectionClosed, match=r"closed by this client$") as raised:
                await operation
            assert not raised.value.counted
    assert rows.outcomes == [OPENED]
    assert (rows.errors, rows.counts) == ([], [])


async def test_the_own_close_censors_what_is_under_way(connect: Connect, rows: CountingRows) -> None:
    async def script(peer: Peer) -> None:
        while (await peer.read())[0] != CLOSE:
            pass
        peer.send(goodbye(1000))

    async with serving(script) as agent:
        ws = await connect(agent.url)
        under_way = [asyncio.create_task(operation) for operation in (ws.ask("a"), ws.ping(), ws.recv())]
        await asyncio.sleep(0)
        await ws.close()
        ended = await asyncio.gather(*under_way, return_exceptions=True)
    assert [(type(error), error.counted) for error in ended] == [  # type: ignore[union-attr]
        (ConnectionClosed, True),
        (ConnectionClosed, True),
        (ConnectionClosed, False),
    ]
    assert sorted(rows.outcomes) == [OPENED, ("ws.message", "censored"), ("ws.ping", "censored")]
    assert rows.counts == []


async def test_close_does_not_wait_for_ever(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "CLOSING", SOON)
    async with serving(Peer.until_gone) as agent:
        async with asyncio.timeout(2):
            async with connect(agent.url) as ws:
                pass
            assert ws.close_code == 1006
            await agent.gone.wait()


async def test_whoever_is_cancelled_leaves_at_once(connect: Connect, rows: CountingRows) -> None:
    seen: list[tuple[int, bytes]] = []
    inside = asyncio.Event()

    async def script(peer: Peer) -> None:
        seen.append(await peer.read())
        await peer.until_left()

    async def body(url: str) -> None:
        async with connect(url):
            inside.set()
            await asyncio.sleep(60)

    async with serving(script) as agent:
        task = asyncio.create_task(body(agent.url))
        await inside.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 1)
        await asyncio.wait_for(agent.gone.wait(), 1)
    assert seen == [(CLOSE, b"\x03\xe9")]
    assert rows.outcomes == [OPENED]
    assert rows.counts == []


async def test_a_cancelled_close_leaves_no_connection(connect: Connect) -> None:
    async with serving(Peer.until_gone) as agent:
        ws = await connect(agent.url)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await ws.close()
        await asyncio.wait_for(agent.gone.wait(), 1)


async def test_it_must_be_connected_and_only_once(connect: Connect, rows: CountingRows) -> None:
    async with serving(Peer.echo) as agent:
        ws = connect(agent.url)
        with pytest.raises(RuntimeError, match="not connected"):
            await ws.send("a")
        with pytest.raises(RuntimeError, match="not connected"):
            _ = ws.close_code
        assert not ws.is_open
        await ws.close()
        async with connect(agent.url) as ws:
            with pytest.raises(RuntimeError, match="connects once"):
                await ws
    assert rows.outcomes == [OPENED]


async def test_it_talks_to_a_server_that_others_wrote(connect: Connect, rows: CountingRows) -> None:
    async def echo(connection: ServerConnection) -> None:
        async for message in connection:
            await connection.send(message)

    async with serve(echo, "127.0.0.1", 0, subprotocols=[Subprotocol("audio.v1")], max_size=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with connect(f"ws://127.0.0.1:{port}/ws", subprotocols=["audio.v1"]) as ws:
            assert ws.subprotocol == "audio.v1"
            for size in (0, 125, 126, 65_535, 65_536, MIB):
                assert await ws.ask(bytes(size)) == bytes(size)
            assert await ws.ask("ü") == "ü"
            await ws.ping()
        assert ws.close_code == 1000
    assert rows.outcomes == [OPENED, *[("ws.message", "ok")] * 7, ("ws.ping", "ok")]


async def test_each_wait_has_its_own_limit(connect: Connect, rows: CountingRows) -> None:
    async with serving(answers(frame(TEXT, "late"))) as agent, connect(agent.url) as ws:
        waits = [asyncio.create_task(ws.recv(limit)) for limit in (0.3, 0.02, 0.1, 0.02, 0.0, 5)]
        ended = await asyncio.gather(*waits[:5], return_exceptions=True)
        assert [str(error).split()[-2] for error in ended] == ["0.3", "0.02", "0.1", "0.02", "0"]
        await ws.send("go")
        assert await waits[5] == "late"
    for took, limit in zip(sorted(rows.took_ms("ws.message")), (0, 20, 20, 100, 300), strict=True):
        assert limit - 1 <= took < limit + 1000
