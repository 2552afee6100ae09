from __future__ import annotations

import base64
import json
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidStatus

from pytest_rtmedload.audio import clip, reply_to, text_of
from pytest_rtmedload.dialects import ARTAGENT_V1, RTMEDAGENT, Operation
from pytest_rtmedload.dialects.voice import CONNECTION_ID_HEADER, audio_data, audio_metadata
from pytest_rtmedload.embedded.calls.ground_truth import calls_truth
from pytest_rtmedload.embedded.calls.lines import LEAD_MS, speech
from tests.embedded.calls.callers import SILENCE, Client, Phone, is_answer, line, pcm_of, sound_of, texts_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_rtmedload.dialects import Dialect, Json
    from pytest_rtmedload.embedded.calls.ground_truth import TurnTruth
    from pytest_rtmedload.embedded.launcher import EmbeddedAgent

LINE = "chest_pain_1"


def sound(name: str, chunk: int) -> bytes:
    """What the agent plays of a recording, filled up to whole chunks."""
    pcm = speech(name).samples.tobytes()
    return pcm.ljust(-(-len(pcm) // chunk) * chunk, b"\0")


def turns_of(agent: EmbeddedAgent, call: str) -> list[TurnTruth]:
    return [turn for turn in calls_truth(agent.url)[0] if turn.call == call]


@contextmanager
def greeted(agent: EmbeddedAgent, dialect: Dialect, call: str) -> Iterator[Phone]:
    with Phone(agent.url, dialect, call) as phone:
        phone.sound(len(speech("greeting").samples) * 2)
        yield phone


def test_it_greets_hears_and_answers(quick: EmbeddedAgent, wire: Dialect, call: str) -> None:
    chunk = wire.voice.phone.chunk_bytes
    with Phone(quick.url, wire, call) as phone:
        hello = phone.sound(len(sound("greeting", chunk)))
        assert text_of("greeting") in json.dumps(texts_of(hello))
        assert sound_of(hello) == sound("greeting", chunk)
        assert {len(pcm) for message in hello if (pcm := pcm_of(message))} == {chunk}
        sent = time.perf_counter_ns()
        phone.say(LINE)
        answer = phone.sound(len(sound(reply_to(LINE), chunk)))
        received = time.perf_counter_ns()
    stop, texts = wire.voice.phone.stop, texts_of(answer)
    if stop is not None:  # the greeting still sounded
        assert texts.pop(0) == stop
    assert text_of(LINE) in json.dumps(texts[0])
    assert '"endpointing_ms": 200.0' in json.dumps(texts[0])
    assert len(texts) == 2 + len(speech(reply_to(LINE)).sentences)
    assert text_of(reply_to(LINE)) in json.dumps(texts[-1])
    assert sound_of(answer) == sound(reply_to(LINE), chunk)
    greeting, turn = turns_of(quick, call)
    assert (greeting.kind, greeting.reply, greeting.heard) == ("greeting", "greeting", None)
    assert (turn.heard, turn.reply, turn.outcome) == (text_of(LINE), reply_to(LINE), "played")
    assert turn.first_audio_ns is not None
    assert turn.speech_end_ns is not None
    assert sent - 3_000_000_000 < turn.speech_end_ns < sent < turn.first_audio_ns < received
    assert sum(turn.drawn_ns.values()) == 20_000_000
    assert turn.first_audio_ns >= turn.speech_end_ns + 220_000_000


def test_the_edges_of_speech_are_those_of_its_samples(brief: EmbeddedAgent, call: str) -> None:
    with greeted(brief, RTMEDAGENT, call) as phone:
        before = time.perf_counter_ns()
        phone.say(LINE)
        phone.until(is_answer)
        after = time.perf_counter_ns()
    turn = turns_of(brief, call)[-1]
    first, end = clip(LINE).voiced
    assert turn.speech_begin_ns is not None
    assert turn.speech_end_ns is not None
    assert abs(turn.speech_end_ns - turn.speech_begin_ns - (end - first) * 62_500) <= 10_000_000
    tail = (len(line(LINE)) // 2 - end) * 62_500
    assert before <= turn.speech_end_ns + tail + 10_000_000
    assert turn.speech_end_ns + tail - 10_000_000 <= after


def test_the_onset_waits_for_what_sounds_already(v1: EmbeddedAgent, call: str) -> None:
    """This version cannot stop what it has sent: the answer sounds after the greeting."""
    with greeted(v1, ARTAGENT_V1, call) as phone:
        phone.say(LINE)
        phone.until(is_answer)
        phone.sound(1)
    greeting, answer = turns_of(v1, call)
    assert greeting.first_audio_ns is not None
    assert answer.onset_ns is not None
    chunk_ns = 40_000_000
    greeting_ns = -(-speech("greeting").length_ns // chunk_ns) * chunk_ns
    assert answer.onset_ns == greeting.first_audio_ns + greeting_ns + LEAD_MS * 1_000_000
    assert greeting.barge_in is None, "the greeting of this version cannot be interrupted"


def test_barge_in_stops_the_answer_and_is_a_turn(quick: EmbeddedAgent, wire: Dialect, call: str) -> None:
    with greeted(quick, wire, call) as phone:
        phone.say(LINE)
        phone.sound(len(sound(reply_to(LINE), wire.voice.phone.chunk_bytes)))
        phone.say("interrupt_1")
        after = phone.until(is_answer)
    stop = wire.voice.phone.stop
    assert [message for message in after if "stopaudio" in json.dumps(message).lower()] == ([stop] if stop else [])
    *_, interrupted, turn = turns_of(quick, call)
    assert interrupted.outcome == "interrupted"
    assert interrupted.barge_in is not None
    assert interrupted.barge_in["begin_ns"] == turn.speech_begin_ns
    assert interrupted.barge_in["stopped_ns"] > interrupted.barge_in["begin_ns"]
    assert turn.heard == text_of("interrupt_1")


def test_what_is_not_understood_is_told_and_answered(brief: EmbeddedAgent, call: str) -> None:
    with greeted(brief, RTMEDAGENT, call) as phone:
        phone.hear(clip("chest_pain_1_reply").pcm + SILENCE)
        messages = texts_of(phone.until(is_answer))
    heard = next(message for message in messages if message.get("sender") == "User")
    assert heard["message"] == ""
    assert messages[-1]["content"] == text_of("not_understood")


def test_turns_are_counted_in_the_session(quick: EmbeddedAgent, wire: Dialect) -> None:
    with httpx2.Client(base_url=quick.url, trust_env=False) as client:
        path = wire.path_of(Operation.START_CALL)
        call = wire.call_id_of(client.post(path, json=wire.start_call_body("+15550100000")).json())
        with greeted(quick, wire, call) as phone:
            for name in (LINE, "chest_pain_2"):
                phone.say(name)
                phone.until(is_answer)
                phone.sound(1)
            metrics = client.get(wire.path_of(Operation.CALL_METRICS, call)).json()
    assert metrics["turn_count"] == 2
    assert metrics["latency_summary"]["llm"] == {"avg_ms": 10, "min_ms": 10, "max_ms": 10, "count": 2}
    truth = [turn for turn in turns_of(quick, call) if turn.kind == "answer"]
    for told, turn in zip(metrics["turns"], truth, strict=True):
        assert turn.first_audio_ns is not None
        assert turn.speech_end_ns is not None
        assert told["total_latency_ms"] == pytest.approx((turn.first_audio_ns - turn.speech_end_ns) / 1e6)


def test_silent_frames(quick: EmbeddedAgent, wire: Dialect, call: str) -> None:
    """One version never hears who does not say that a frame is not silent; the other listens to silent ones, too."""

    def without(message: Json) -> Json:
        del message["audioData"]["silent"]
        return message

    with greeted(quick, wire, call) as phone:
        data = base64.b64encode(line(LINE)).decode()
        phone.send(without(audio_data(data, "", "")))
        phone.say("chest_pain_2")
        phone.until(is_answer)
        phone.until(is_answer) if not wire.voice.phone.silent_by_default else None
    heard = [turn.heard for turn in turns_of(quick, call) if turn.kind == "answer"]
    both = [text_of(LINE), text_of("chest_pain_2")]
    assert heard == (both[1:] if wire.voice.phone.silent_by_default else both)


def test_keys_are_matched_without_case(quick: EmbeddedAgent, wire: Dialect, call: str) -> None:
    with greeted(quick, wire, call) as phone:
        data = base64.b64encode(line(LINE)).decode()
        phone.send({"Kind": "AUDIODATA", "AudioData": {"Data": data, "Silent": False}})
        phone.until(is_answer)
    assert turns_of(quick, call)[-1].heard == text_of(LINE)


@pytest.mark.parametrize("size", [100, 1001])
def test_any_size_of_frames_is_legal(brief: EmbeddedAgent, call: str, size: int) -> None:
    with greeted(brief, RTMEDAGENT, call) as phone:
        pcm = line("hello")
        for begin in range(0, len(pcm), size + size % 2):  # a half sample at the end of a frame is dropped
            phone.hear(pcm[begin : begin + size + size % 2] + b"x" * (size % 2))
        phone.until(is_answer)
    assert turns_of(brief, call)[-1].heard == text_of("hello")


def test_a_key_is_noted(brief: EmbeddedAgent, call: str) -> None:
    with greeted(brief, RTMEDAGENT, call) as phone:
        phone.press("3")
        phone.send({"type": "stream_init", "call_id": call})
        assert phone.next() == {"type": "stream_ready", "call_id": call}
    assert [key.key for key in calls_truth(brief.url)[1] if key.call == call] == ["3"]


GARBAGE = [
    "",
    "{",
    "null",
    "[]",
    "5",
    '{"kind": 7}',
    '{"kind": "Unknown"}',
    '{"kind": "AudioData"}',
    '{"kind": "AudioData", "audioData": []}',
    '{"kind": "AudioData", "audioData": {}}',
    '{"kind": "AudioData", "audioData": {"data": 5, "silent": false}}',
    '{"kind": "AudioData", "audioData": {"data": null, "silent": false}}',
    '{"kind": "AudioData", "audioData": {"data": "é", "silent": false}}',
    '{"kind": "AudioData", "audioData": {"data": "A", "silent": false}}',
    '{"kind": "AudioData", "audioData": {"data": "QQ==", "silent": false}}',
    '{"kind": "AudioData", "audioData": {"data": "", "silent": false}}',
    '{"kind": "DtmfData", "dtmfData": "3"}',
    '{"kind": "DtmfData", "dtmfData": {"data": 3}}',
    '{"kind": "DtmfData"}',
    b"\0\1\2",
]


def test_garbage_is_ignored(quick: EmbeddedAgent, wire: Dialect, call: str) -> None:
    with greeted(quick, wire, call) as phone:
        for garbage in GARBAGE:
            phone.send(garbage)
        phone.say(LINE)
        phone.until(is_answer)
    assert [turn.heard for turn in turns_of(quick, call)][1:] == [text_of(LINE)]
    assert [key for key in calls_truth(quick.url)[1] if key.call == call] == []


def test_the_greeting_waits_for_metadata_or_does_not(quick: EmbeddedAgent, wire: Dialect, call: str) -> None:
    with Client(quick.url + wire.paths.call_stream, {CONNECTION_ID_HEADER: call}) as phone:
        first = phone.within(0.15)
        assert bool(first) is not wire.voice.phone.greets_after_metadata
        phone.send(audio_metadata("x"))
        phone.send(audio_metadata("x"))
        heard = first + phone.within(0.15)
    assert len(sound_of(heard)) == len(sound("greeting", wire.voice.phone.chunk_bytes)), "greeted once"


def test_who_does_not_name_the_call(quick: EmbeddedAgent, wire: Dialect) -> None:
    with Client(quick.url + wire.paths.call_stream) as phone:
        if wire.voice.phone.id_in_query is None:
            with pytest.raises(ConnectionClosedError) as gone:
                phone.next()
            assert gone.value.rcvd is None
        else:
            assert phone.next()["session_id"].startswith("media_")


def test_the_query_names_the_call(v1: EmbeddedAgent, call: str) -> None:
    with Client(f"{v1.url}{ARTAGENT_V1.paths.call_stream}?call_connection_id={call}") as phone:
        assert phone.next()["call_id"] == call


def test_unknown_paths_are_forbidden(brief: EmbeddedAgent) -> None:
    with pytest.raises(InvalidStatus) as refused, Client(brief.url + "/ws/nowhere"):
        pass
    assert refused.value.response.status_code == 403


def test_a_message_that_is_too_large_closes_the_socket(brief: EmbeddedAgent, call: str) -> None:
    with greeted(brief, RTMEDAGENT, call) as phone:
        phone.send("x" * (1 << 20))
        phone.send("x" * ((1 << 20) + 1))
        with pytest.raises(ConnectionClosed) as closed:
            phone.next()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


def test_text_that_is_not_utf8_closes_the_socket(brief: EmbeddedAgent, call: str) -> None:
    with greeted(brief, RTMEDAGENT, call) as phone:
        phone.socket.send(b'{"kind": "\xff"}', text=True)
        with pytest.raises(ConnectionClosed) as closed:
            phone.next()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1007


def test_a_reset_forgets_the_calls(brief: EmbeddedAgent, call: str) -> None:
    with greeted(brief, RTMEDAGENT, call):
        assert turns_of(brief, call)
        brief.reset_truth()
        assert calls_truth(brief.url) == ([], [])
