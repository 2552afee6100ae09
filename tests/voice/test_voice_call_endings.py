from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest

from pytest_rtmedload.clients.errors import TransportError
from pytest_rtmedload.voice import voice_call
from pytest_rtmedload.voice.errors import CallEnded, NoAnswer
from tests.clients.websocket.fake_websocket import BINARY, CONTINUATION, TEXT, Peer, frame, goodbye, serving
from tests.voice.talkers import SHORT, Calling, Talker, answering, hears_out, listening, message, says, sound

pytestmark = pytest.mark.asyncio

LOST = (None, 1000, 1011, 4321, "reset")
"""How a connection can end: close codes, no code, no goodbye."""
NORMAL = (None, 1000)
FAILED_LOOP = ("voice.loop", "failed")


def ends(peer: Peer, how: object) -> None:
    if how == "reset":
        peer.reset()
    else:
        peer.send(goodbye(how, "no s3cret") if isinstance(how, int) else goodbye(None))


# --- connections that end


async def left_with(call: Any, doing: Awaitable[object]) -> None:
    with pytest.raises(CallEnded) as raised:
        await asyncio.wait_for(doing, 4)
    assert raised.value.counted
    assert "s3cret" not in str(raised.value)
    with pytest.raises(CallEnded):
        await call.say(SHORT)
    with pytest.raises(CallEnded):
        call.write("hello?")
    await call.hang_up()


@pytest.mark.parametrize("how", LOST)
async def test_it_ends_before_the_greeting(talker: Talker, calling: Calling, how: object) -> None:
    async def script(peer: Peer) -> None:
        await sound(peer)
        ends(peer, how)

    async with serving(script) as agent:
        call = calling(agent.port)
        await call.connect()
        await left_with(call, call.greeted(3.0))
    assert talker.of_voice() == [("voice.greeting", "failed")]
    assert len(talker.errors) == 1
    assert talker.counts == ["ws.dropped"]


@pytest.mark.parametrize("how", [None, 1000, 1011])
async def test_it_ends_with_the_101(talker: Talker, calling: Calling, how: object) -> None:
    async def script(peer: Peer) -> None:
        peer.send(peer.accept() + (goodbye(how) if isinstance(how, int) else goodbye(None)))
        await peer.until_gone()

    async with serving(script, handshake=False) as agent:
        call = calling(agent.port)
        await call.connect()
        await left_with(call, call.greeted(3.0))
    assert talker.of_voice() == [("voice.greeting", "failed")]
    assert len(talker.errors) == 1


@pytest.mark.parametrize("how", LOST)
async def test_it_ends_while_the_caller_speaks(talker: Talker, calling: Calling, how: object) -> None:
    async def script(peer: Peer) -> None:
        while not any(await sound(peer) or b"x"):
            pass
        ends(peer, how)

    async with serving(script) as agent:
        call = calling(agent.port)
        await call.connect()
        await left_with(call, call.say(SHORT))
    assert talker.of_voice() == [FAILED_LOOP]
    assert len(talker.errors) == 1
    assert talker.counts == ["ws.dropped"]


@pytest.mark.parametrize("how", LOST)
async def test_it_ends_while_the_answer_is_awaited(talker: Talker, calling: Calling, how: object) -> None:
    async def script(peer: Peer) -> None:
        await hears_out(peer)
        ends(peer, how)

    async with serving(script) as agent:
        call = calling(agent.port)
        await call.connect()
        await call.say(SHORT)
        await left_with(call, call.heard())
    assert talker.of_voice() == [FAILED_LOOP]
    assert len(talker.errors) == 1
    assert talker.counts == ["ws.dropped"]


@pytest.mark.parametrize("how", LOST)
async def test_it_ends_while_the_answer_sounds(talker: Talker, calling: Calling, how: object) -> None:
    """A regular goodbye after a whole answer is how some agents end a call; everything else is a failure."""

    async def script(peer: Peer) -> None:
        await hears_out(peer)
        peer.send(says(800))
        await asyncio.sleep(0.05)
        ends(peer, how)

    async with serving(script) as agent:
        call = calling(agent.port)
        await call.connect()
        await call.say(SHORT)
        answer = await call.heard()
        failed = [] if how in NORMAL else [FAILED_LOOP]
        assert talker.of_voice() == [("voice.loop", "ok"), ("voice.ttfb", "ok"), *failed]
        assert answer.cut == bool(failed)
        await left_with(call, call.say(SHORT))
    assert len([outcome for outcome in talker.of_voice() if outcome == FAILED_LOOP]) == 1
    assert len(talker.errors) == 1
    assert answer.duration == 0.8


async def test_a_goodbye_when_more_was_promised_is_a_failure(talker: Talker, calling: Calling) -> None:
    async def script(peer: Peer) -> None:
        await hears_out(peer)
        peer.send(says(100, is_final=False) + goodbye(1000))

    async with serving(script) as agent:
        call = calling(agent.port)
        await call.connect()
        await call.say(SHORT)
        await left_with(call, call.heard())
    assert talker.of_voice() == [FAILED_LOOP]


@pytest.mark.parametrize("how", [1000, 1011, "reset"])
async def test_it_ends_while_nobody_waits(talker: Talker, calling: Calling, how: object) -> None:
    """A regular goodbye is a failure only for who goes on talking."""
    over = asyncio.Event()

    async def script(peer: Peer) -> None:
        await hears_out(peer)
        peer.send(says(150))
        await over.wait()
        ends(peer, how)

    async with serving(script) as agent:
        call = calling(agent.port)
        await call.connect()
        await call.say(SHORT)
        await call.heard()
        over.set()
        await asyncio.wait({call._connection._watching}, timeout=2)
        assert talker.of_voice()[2:] == ([] if how in NORMAL else [FAILED_LOOP])
        await left_with(call, call.say(SHORT))
    assert talker.of_voice()[2:] == [FAILED_LOOP]
    assert len(talker.errors) == 1


@pytest.mark.parametrize("status", [403, 500])
async def test_a_refused_call(talker: Talker, calling: Calling, status: int) -> None:
    async def script(peer: Peer) -> None:
        peer.send(f"HTTP/1.1 {status} No\r\ncontent-length: 0\r\n\r\n".encode())

    async with serving(script, handshake=False) as agent:
        call = calling(agent.port)
        with pytest.raises(TransportError):
            await call.connect()
        await call.hang_up()
    assert talker.outcomes == [("ws.handshake", "failed")]


# --- agents that misbehave

GARBAGE = {
    "binary": frame(BINARY, bytes(640)),
    "no JSON": frame(TEXT, "{"),
    "no object": frame(TEXT, "[1]"),
    "no audio in audio": message(type="audio_data", data=None),
    "half a sample": message(type="audio_data", data="AAAA"),
    "no base64": message(type="audio_data", data="A"),
    "a rate of 1 Hz": message(type="audio_data", data="AAA=" * 100, sample_rate=1),
    "10 MB of text": message(type="assistant", content="a " * 5_000_000),
}


@pytest.mark.parametrize("sent", ["binary", "no JSON", "a rate of 1 Hz", "10 MB of text"])
async def test_garbage_instead_of_an_answer(talker: Talker, calling: Calling, sent: str) -> None:
    async with serving(answering(GARBAGE[sent])) as agent:
        call = calling(agent.port)
        await call.connect()
        await call.say(SHORT)
        with pytest.raises(NoAnswer, match=r"no answer within 0\.15 s"):
            await call.heard(0.15)
    assert talker.of_voice() == [("voice.loop", "censored")]
    assert len(talker.errors) == 2
    assert talker.messages[0].startswith("/ws/realtime: ")


async def test_garbage_before_an_answer_does_not_spoil_it(talker: Talker, calling: Calling) -> None:
    async with serving(answering(*GARBAGE.values(), says(150))) as agent:
        call = calling(agent.port)
        await call.connect()
        await call.say(SHORT)
        assert (await call.heard()).duration == 0.15
    assert len(set(talker.messages)) == len(GARBAGE)
    assert ("voice.loop", "ok") in talker.outcomes


@pytest.mark.parametrize(
    "broken",
    [
        frame(TEXT, says(20)[4:], fin=False) + frame(TEXT, "x"),
        frame(CONTINUATION, "x"),
        frame(TEXT, b"\xff\xfe"),
        frame(TEXT, "x", rsv=4),
        b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff",
    ],
    ids=["half a message", "continuation", "not UTF-8", "reserved bit", "too long"],
)
async def test_a_broken_protocol_ends_the_call(talker: Talker, calling: Calling, broken: bytes) -> None:
    async with serving(answering(broken)) as agent:
        call = calling(agent.port)
        await call.connect()
        await call.say(SHORT)
        await left_with(call, call.heard())
    assert talker.of_voice() == [FAILED_LOOP]


@pytest.mark.parametrize("asked", ["greeted", "heard"])
async def test_nothing_at_all(talker: Talker, calling: Calling, asked: str) -> None:
    async with serving(listening) as agent:
        call = calling(agent.port, limit=0.2)
        await call.connect()
        if asked == "greeted":
            assert await call.greeted(0.1) is None
        else:
            await call.say(SHORT)
            for _ in range(2):
                with pytest.raises(NoAnswer):
                    await call.heard()
    assert talker.of_voice() == [("voice.greeting" if asked == "greeted" else "voice.loop", "censored")]
    assert len(talker.errors) == 1


async def test_an_agent_that_speaks_before_the_caller_has_finished(talker: Talker, calling: Calling) -> None:
    async def script(peer: Peer) -> None:
        while not any(await sound(peer) or b"x"):
            pass
        peer.send(says(300))
        await listening(peer)

    async with serving(script) as agent:
        call = calling(agent.port)
        await call.connect()
        await call.say(SHORT)
        answer = await call.heard()
    assert answer.problem == "the agent spoke before the caller had finished"
    assert talker.of_voice() == [FAILED_LOOP]


async def test_an_agent_that_never_stops_talking(
    talker: Talker, calling: Calling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(voice_call, "LONGEST_ANSWER_S", 0.2)
    async with serving(answering(says(3_000))) as agent:
        call = calling(agent.port)
        await call.connect()
        await call.say(SHORT)
        answer = await call.heard()
    assert answer.problem == "the agent was still speaking after 0.2 s"
    assert answer.cut
    assert len(talker.errors) == 1


async def test_an_agent_that_stops_reading(talker: Talker, calling: Calling, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voice_call, "UNREAD_S", 0.1)
    silent = asyncio.Event()

    async def script(peer: Peer) -> None:
        await silent.wait()

    async with serving(script, limit=2**10) as agent:
        call = calling(agent.port)
        await call.connect()
        call.write("x" * 15_000_000)

        async def talk() -> object:
            await call.say(SHORT)  # it may be noticed here already
            return await call.heard()

        await left_with(call, talk())
        silent.set()
    assert talker.of_voice() == [FAILED_LOOP]
    assert talker.messages == ["voice.loop: the agent has not read for 0.1 s"]
    assert talker.counts == ["ws.dropped"]
