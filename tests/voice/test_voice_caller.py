from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pytest_rtmedload.audio import ClipError
from pytest_rtmedload.clients.errors import TransportError
from pytest_rtmedload.voice import caller
from pytest_rtmedload.voice.calls import BrowserCall, PhoneCall
from pytest_rtmedload.voice.errors import CallEnded, NoAnswer
from tests.clients.websocket.fake_websocket import BINARY, CONTINUATION, TEXT, Peer, frame, goodbye, serving
from tests.voice.talkers import LEAD_MS, SHORT, VOICE, VOICED_MS, Talker, hears_out, message, says, sound

pytestmark = pytest.mark.asyncio

Calling = Callable[..., Any]
Script = Callable[[Peer], Awaitable[None]]
LOST = (None, 1000, 1001, 1011, 4321, "reset")
"""How a connection can end: close codes, no code, no goodbye."""
NORMAL = (None, 1000)
FAILED_LOOP = ("voice.loop", "failed")


def ends(peer: Peer, how: object) -> None:
    if how == "reset":
        peer.reset()
    else:
        peer.send(goodbye(how, "no s3cret") if isinstance(how, int) else goodbye(None))


def answering(*data: bytes) -> Script:
    """Sends this after each utterance."""

    async def script(peer: Peer) -> None:
        while await hears_out(peer):
            peer.send(b"".join(data))
        peer.send(goodbye(1000))

    return script


async def listening(peer: Peer) -> None:
    """Says nothing."""
    while await sound(peer) is not None:
        pass
    peer.send(goodbye(1000))


# --- calls that go well


async def test_a_conversation(talker: Talker, calling: Calling) -> None:
    async def script(peer: Peer) -> None:
        peer.send(says(200))
        await hears_out(peer)
        peer.send(message(sender="User", message="Hello.", endpointing_ms=5))
        peer.send(says(300) + message(type="assistant", content="How are you?"))
        await listening(peer)

    async with serving(script) as agent:
        call = calling(agent.port)
        await call.connect()
        greeting = await call.greeted(2.0)
        await call.say(SHORT)
        answer = await call.heard()
        await call.hang_up()
    assert greeting.duration == 0.2
    assert (answer.text, answer.understood, answer.audio) == ("How are you?", "Hello.", VOICE[: 32 * 300])
    assert (answer.cut, answer.problem, answer.rate) == (False, None, 16_000)
    assert set(answer.samples) == {"voice.loop", "voice.ttfb", "voice.response"}
    assert answer.samples["voice.loop"] - answer.samples["voice.response"] == pytest.approx(5)
    assert talker.outcomes == [
        ("ws.handshake", "ok"),
        ("voice.greeting", "ok"),
        ("voice.loop", "ok"),
        ("voice.ttfb", "ok"),
        ("voice.response", "ok"),
    ]
    assert talker.values["stt.wer"] == 0
    assert (talker.errors, talker.counts) == ([], [])


async def test_a_phone_call_speaks_acs(talker: Talker, calling: Calling) -> None:
    first: list[dict[str, Any]] = []

    async def script(peer: Peer) -> None:
        first.append(json.loads((await peer.read())[1]))
        first.append(json.loads((await peer.read())[1]))
        await hears_out(peer)
        data = base64.b64encode(VOICE[: 32 * 200]).decode()
        peer.send(message(type="audio_data", data=data))  # a duplicate for browsers, which no phone plays
        peer.send(message(kind="AudioData", AudioData={"data": data}, StopAudio=None))
        while (dtmf := json.loads((await peer.read())[1]))["kind"] == "AudioData":
            pass
        first.append(dtmf)
        await listening(peer)

    async with serving(script) as agent:
        call = calling(agent.port, PhoneCall)
        await call.connect()
        await call.say(SHORT)
        answer = await call.heard()
        await call.send_dtmf("#")
        with pytest.raises(ValueError, match="'x' cannot be pressed"):
            await call.send_dtmf("x")
        await call.hang_up()
        assert agent.peers[0].headers["x-ms-call-connection-id"] == call.call_id
    assert answer.duration == 0.2
    assert [one["kind"] for one in first] == ["AudioMetadata", "AudioData", "DtmfData"]
    assert base64.b64decode(first[1]["audioData"]["data"]) == bytes(640)
    assert first[1]["audioData"]["silent"] is False
    assert first[2]["dtmfData"] == {"data": "#"}


async def test_the_caller_sends_all_of_his_speech_and_goes_on_with_silence(calling: Calling) -> None:
    heard: list[bytes] = []

    async def script(peer: Peer) -> None:
        while (pcm := await sound(peer)) is not None:
            heard.append(pcm)
        peer.send(goodbye(1000))

    async with serving(script) as agent:
        call = calling(agent.port)
        await call.connect()
        await call.say(SHORT)
        with pytest.raises(NoAnswer):
            await call.heard(0.15)
        await call.hang_up()
    assert {len(pcm) for pcm in heard} == {640}
    loud = [index for index, pcm in enumerate(heard) if any(pcm)]
    assert b"".join(heard[loud[0] : loud[-1] + 1]) == SHORT.pcm[32 * LEAD_MS :]
    assert len(heard) - loud[-1] >= 5


async def test_speech_is_timed_by_its_samples(
    talker: Talker, calling: Calling, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frame sent at s carries the sound of [s - 20 ms, s]: the utterance ends when its last frame is sent."""
    began: list[int] = []
    ended: list[int] = []
    sent: list[int] = []
    async with serving(listening) as agent:
        call = calling(agent.port)
        await call.connect()
        monkeypatch.setattr(call._call, "speech_began", began.append)
        inner = call._call.speech_ended
        monkeypatch.setattr(call._call, "speech_ended", lambda at: (ended.append(at), inner(at)))
        due = call.frame_due
        monkeypatch.setattr(
            call, "frame_due", lambda now, stamp: (sent.append(now) if call._speaking else None, due(now, stamp))
        )
        await call.say(SHORT)
    assert len(sent) == (LEAD_MS + VOICED_MS) // 20
    assert began == [sent[1] - 20_000_000]
    assert ended == [sent[-1]]


async def test_an_interruption(talker: Talker, calling: Calling) -> None:
    async def script(peer: Peer) -> None:
        await hears_out(peer)
        peer.send(says(3_000))
        while not any(await sound(peer) or b"x"):
            pass
        peer.send(message(type="control", action="audio_stop"))
        await hears_out(peer)
        await asyncio.sleep(0.05)
        peer.send(says(100))
        await listening(peer)

    async with serving(script) as agent:
        call = calling(agent.port)
        await call.connect()
        await call.say(SHORT)
        await call.interrupt(SHORT, after=0.1)
        answer = await call.heard()
        await call.hang_up()
    assert talker.checks == [("an answer long enough to interrupt after 0.1 s", True)]
    assert talker.of_voice() == [("voice.loop", "ok"), ("voice.ttfb", "ok"), ("voice.barge_in", "ok")] + [
        ("voice.loop", "ok"),
        ("voice.ttfb", "ok"),
    ]
    assert answer.samples.keys() == {"voice.barge_in", "voice.loop", "voice.ttfb"}
    assert answer.duration == 0.1


async def test_an_answer_too_short_to_interrupt_fails_the_check(talker: Talker, calling: Calling) -> None:
    async with serving(answering(says(150))) as agent:
        call = calling(agent.port)
        await call.connect()
        await call.say(SHORT)
        await call.interrupt(SHORT, after=2.0)
    assert [held for _, held in talker.checks] == [False]
    assert talker.messages == ["voice.barge_in: the answer was over before it could be interrupted"]


async def test_two_calls_side_by_side(talker: Talker, calling: Calling) -> None:
    async with serving(answering(says(100))) as agent:

        async def talk() -> float:
            call = calling(agent.port)
            await call.connect()
            await call.say(SHORT)
            answer = await call.heard()
            await call.hang_up()
            return answer.duration

        assert await asyncio.gather(talk(), talk()) == [0.1, 0.1]
    assert sorted(talker.of_voice()) == [("voice.loop", "ok")] * 2 + [("voice.ttfb", "ok")] * 2
    assert talker.errors == []


async def test_an_answer_can_be_asked_for_after_something_else_was_said(calling: Calling) -> None:
    async def script(peer: Peer) -> None:
        await hears_out(peer)
        peer.send(says(100) + message(type="assistant", content="The answer."))
        await asyncio.sleep(0.4)
        peer.send(says(200))
        await listening(peer)

    async with serving(script) as agent:
        call = calling(agent.port)
        await call.connect()
        await call.say(SHORT)
        await asyncio.sleep(0.6)
        answer = await call.heard()
    assert (answer.duration, answer.text) == (0.1, "The answer.")


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


@pytest.mark.parametrize("how", LOST)
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
        while call._ended is None:
            await asyncio.sleep(0.005)
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


@pytest.mark.parametrize("sent", list(GARBAGE))
async def test_garbage_instead_of_an_answer(talker: Talker, calling: Calling, sent: str) -> None:
    async with serving(answering(GARBAGE[sent])) as agent:
        call = calling(agent.port)
        await call.connect()
        await call.say(SHORT)
        with pytest.raises(NoAnswer, match=r"no answer within 0\.3 s"):
            await call.heard(0.3)
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
    monkeypatch.setattr(caller, "LONGEST_ANSWER_S", 0.2)
    async with serving(answering(says(3_000))) as agent:
        call = calling(agent.port)
        await call.connect()
        await call.say(SHORT)
        answer = await call.heard()
    assert answer.problem == "the agent was still speaking after 0.2 s"
    assert answer.cut
    assert len(talker.errors) == 1


async def test_an_agent_that_stops_reading(talker: Talker, calling: Calling, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caller, "UNREAD_S", 0.1)
    silent = asyncio.Event()

    async def script(peer: Peer) -> None:
        await silent.wait()

    async with serving(script, limit=2**10) as agent:
        call = calling(agent.port)
        await call.connect()
        call.write("x" * 15_000_000)
        await call.say(SHORT)
        await left_with(call, call.heard())
        silent.set()
    assert talker.of_voice() == [FAILED_LOOP]
    assert talker.messages == ["voice.loop: the agent has not read for 0.1 s"]
    assert talker.counts == ["ws.dropped"]


# --- callers who do otherwise


async def cancelled(doing: Awaitable[object], after: float) -> None:
    task = asyncio.ensure_future(doing)
    await asyncio.sleep(after)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()


@pytest.mark.parametrize("doing", ["greeted", "say", "heard", "sounding"])
async def test_cut_off_while_waiting(talker: Talker, calling: Calling, doing: str) -> None:
    """`say` is no measurement: what is cut off there is the iteration."""
    async with serving(answering(says(3_000)) if doing == "sounding" else listening) as agent:
        call = calling(agent.port)
        await call.connect()
        if doing == "greeted":
            await cancelled(call.greeted(3.0), 0.05)
        elif doing == "say":
            await cancelled(call.say(SHORT), 0.05)
        else:
            await call.say(SHORT)
            await cancelled(call.heard(), 0.3 if doing == "sounding" else 0.05)
        await call.hang_up()
    expected = {"greeted": [("voice.greeting", "censored")], "say": [], "heard": [("voice.loop", "censored")]}
    assert talker.of_voice() == expected.get(doing, [("voice.loop", "ok"), ("voice.ttfb", "ok")])


async def test_to_hang_up_twice_and_while_somebody_waits(talker: Talker, calling: Calling) -> None:
    async with serving(listening) as agent:
        call = calling(agent.port)
        await call.connect()
        await call.say(SHORT)
        waiting = asyncio.ensure_future(call.heard())
        await asyncio.sleep(0)
        await asyncio.gather(call.hang_up(), call.hang_up())
        await call.hang_up()
        with pytest.raises(RuntimeError, match="has hung up"):
            await asyncio.wait_for(waiting, 1)
        with pytest.raises(RuntimeError, match="has hung up"):
            await call.say(SHORT)
    assert talker.of_voice() == [("voice.loop", "censored")]
    assert talker.counts == []


async def test_what_comes_after_hanging_up_is_ignored(talker: Talker, calling: Calling) -> None:
    """A timer that is set now would outlive the call: `calling` looks for it."""

    async def script(peer: Peer) -> None:
        while await sound(peer) is not None:
            pass
        peer.send(says(500) + GARBAGE["no JSON"])
        await asyncio.sleep(0.1)
        peer.send(goodbye(1000))

    async with serving(script) as agent:
        call = calling(agent.port)
        await call.connect()
        await call.hang_up()
    assert talker.outcomes == [("ws.handshake", "ok")]
    assert (talker.errors, talker.values) == ([], {})


async def test_two_who_wait_at_once_are_both_told(calling: Calling) -> None:
    async with serving(answering(says(100))) as agent:
        call = calling(agent.port)
        await call.connect()
        await call.say(SHORT)
        answers = await asyncio.wait_for(asyncio.gather(call.heard(), call.heard()), 2)
    assert [answer.duration for answer in answers] == [0.1, 0.1]


async def test_to_speak_while_speaking(talker: Talker, calling: Calling) -> None:
    async with serving(listening) as agent:
        call = calling(agent.port)
        await call.connect()
        first = asyncio.ensure_future(call.say(SHORT))
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="speaking already"):
            await call.say(SHORT)
        await first
    assert talker.of_voice() == []


@pytest.mark.parametrize("method", ["say", "interrupt"])
async def test_an_unknown_utterance_is_told_before_anything_is_sent(
    talker: Talker, calling: Calling, method: str
) -> None:
    heard: list[bytes] = []

    async def script(peer: Peer) -> None:
        while (pcm := await sound(peer)) is not None:
            heard.append(pcm)
        peer.send(goodbye(1000))

    async with serving(script) as agent:
        call = calling(agent.port)
        await call.connect()
        with pytest.raises(ClipError, match="no clip is called 'chest_pian_1': did you mean chest_pain_1"):
            await getattr(call, method)("chest_pian_1")
        await call.hang_up()
    assert not any(map(any, heard))
    assert talker.of_voice() == talker.errors == []


async def test_nothing_works_before_the_call_is_connected(calling: Calling) -> None:
    call: BrowserCall = calling(1)
    for doing in (call.say(SHORT), call.heard(0.1), call.greeted(0.1), call.interrupt(SHORT)):
        with pytest.raises(RuntimeError, match="not connected: await connect"):
            await doing
    await call.hang_up()
