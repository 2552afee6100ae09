from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import Awaitable
from typing import Any

import pytest

from pytest_rtmedload.audio import ClipError
from pytest_rtmedload.voice.call_kinds import BrowserCall, PhoneCall
from pytest_rtmedload.voice.errors import NoAnswer
from tests.clients.websocket.fake_websocket import TEXT, Peer, frame, goodbye, serving
from tests.voice.talkers import (
    LEAD_MS,
    SHORT,
    VOICE,
    VOICED_MS,
    Calling,
    Talker,
    answering,
    hears_out,
    listening,
    message,
    says,
    sound,
)

pytestmark = pytest.mark.asyncio


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


async def test_speech_is_timed_by_its_samples(calling: Calling) -> None:
    """A frame sent at s carries the sound of [s - 20 ms, s]: the utterance ends when its last frame is sent."""
    sent: list[int] = []
    async with serving(listening) as agent:
        call = calling(agent.port)
        await call.connect()
        due = call.frame_due

        def noted(now: int, stamp: bytes) -> None:
            if call._speaking is not None:
                sent.append(now)
            due(now, stamp)

        call.frame_due = noted
        await call.say(SHORT)
    turn = call._call.asked
    assert len(sent) == (LEAD_MS + VOICED_MS) // 20
    assert turn.speech_begin_ns == sent[1] - 20_000_000
    assert turn.speech_end_ns == sent[-1]


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
    first, second = talker.of_voice()[:2], talker.of_voice()[3:]
    assert first == second == [("voice.loop", "ok"), ("voice.ttfb", "ok")]
    assert talker.of_voice()[2] == ("voice.barge_in", "ok")
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

        async def talk() -> object:
            call = calling(agent.port)
            await call.connect()
            await call.say(SHORT)
            answer = await call.heard()
            await call.hang_up()
            return answer.duration

        assert list(await asyncio.gather(talk(), talk())) == [0.1, 0.1]
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
    """`say` is not a measurement: what is cut off there is the iteration."""
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
        peer.send(says(500) + frame(TEXT, "{"))
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
