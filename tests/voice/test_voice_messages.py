from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_rtmedload.dialects.heard import AgentText, Audio, Garbage, Heard, OtherMessage, StopAudio, Understood
from pytest_rtmedload.voice.messages import MOST_TEXT, read, read_on_phone

PCM = bytes(range(256)) * 20
TEXT = st.text(alphabet='aAU=/0 "\\{}[]:,\0ä\ud800', max_size=20)
JSON = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT | st.lists(TEXT, max_size=2)
KEYS = st.sampled_from(
    (
        *("kind", "Kind", "KIND", "type", "Type", "audioData", "AudioData", "data", "Data", "payload", "message"),
        *("content", "sender", "endpointing_ms", "sample_rate", "is_final", "action"),
    )
)
KINDS = st.sampled_from(
    (
        *("AudioData", "StopAudio", "audio_data", "control", "status", "event", "assistant", "assistant_streaming"),
        *("user", "audio_stop", "AAA=", "User"),
    )
)


def b64(pcm: bytes = PCM) -> str:
    return base64.b64encode(pcm).decode()


def told(**fields: Any) -> Heard:
    return read(json.dumps(fields))


@pytest.mark.parametrize("size", [640, 1280, 4800, 1920, 2])
@pytest.mark.parametrize(
    "message",
    [
        {"Kind": "AudioData", "AudioData": {"Data": "#"}, "StopAudio": None},
        {"kind": "AudioData", "audioData": {"data": "#"}, "stopAudio": None},
        {"kind": "AudioData", "AudioData": {"data": "#"}, "StopAudio": None},
        {"kind": "AudioData", "audioData": {"data": "#", "timestamp": None, "participantRawID": None, "silent": False}},
        {"kind": "AudioData", "AudioData": {"data": "#", "sequenceId": 3}, "StopAudio": None},
        {"KIND": "AUDIODATA", "AUDIODATA": {"DATA": "#"}},
        {"kind": "audiodata", "audiodata": {"dAtA": "#"}},
    ],
)
def test_audio_of_a_phone_call_in_every_casing(message: dict[str, Any], size: int) -> None:
    text = json.dumps(message).replace("#", b64(PCM[:size]))
    assert read(text) == read_on_phone(text) == Audio(PCM[:size], None, more=False)


@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000, 44_100, 48_000])
def test_audio_of_a_browser_tells_its_rate(rate: int) -> None:
    message = {"type": "audio_data", "data": b64(), "frame_index": 1, "total_frames": 2, "sample_rate": rate}
    assert told(**message, is_final=False) == Audio(PCM, rate, more=True, of_interface=True)
    assert told(**message, is_final=True) == Audio(PCM, rate, more=False, of_interface=True)
    assert told(**{**message, "total_frames": None}, response_id="r") == Audio(PCM, rate, more=False, of_interface=True)
    upper = {key.title(): value for key, value in message.items()}
    assert told(**upper) == Audio(PCM, rate, more=False, of_interface=True)


def test_audio_of_a_browser_without_a_rate() -> None:
    assert told(type="audio_data", data=b64()) == Audio(PCM, None, more=False, of_interface=True)


@pytest.mark.parametrize(
    "message",
    [
        {"Kind": "StopAudio", "AudioData": None, "StopAudio": {}},
        {"kind": "StopAudio", "audioData": None, "stopAudio": {}},
        {"kind": "stopaudio"},
    ],
)
def test_a_phone_call_is_stopped_in_every_casing(message: dict[str, Any]) -> None:
    assert told(**message) == StopAudio()
    assert read_on_phone(json.dumps(message)) == StopAudio()


@pytest.mark.parametrize(
    "message",
    [
        {"type": "control", "action": "audio_stop", "reason": "barge_in", "session_id": "s"},
        {"type": "control", "action": "tts_cancelled", "reason": "barge_in", "at": "partial", "session_id": "s"},
    ],
)
def test_a_browser_is_stopped_by_a_control_message(message: dict[str, Any]) -> None:
    assert told(**message) == StopAudio(of_interface=True)


def test_other_control_messages_stop_nothing() -> None:
    assert told(type="control", action="mute") == OtherMessage("control")


def test_a_phone_plays_and_obeys_only_what_acs_knows() -> None:
    """One version sends its audio twice on the phone's socket: the browser's form is heard by nobody there."""
    for message in ({"type": "audio_data", "data": b64()}, {"type": "control", "action": "audio_stop"}):
        assert isinstance(read_on_phone(json.dumps(message)), OtherMessage)


@pytest.mark.parametrize(
    ("message", "understood"),
    [
        ({"sender": "User", "message": "it hurts"}, ("it hurts", None)),
        (
            {"type": "event", "payload": {"sender": "User", "message": "it hurts"}, "session_context": {}},
            ("it hurts", None),
        ),
        ({"type": "status", "sender": "User", "payload": {"message": "it hurts"}}, ("it hurts", None)),
        (
            {
                "type": "event",
                "sender": "User",
                "payload": {"type": "user", "message": "a", "content": "a", "status": "completed"},
            },
            ("a", None),
        ),
        ({"type": "event", "payload": {"type": "user", "content": "a", "endpointing_ms": 210}}, ("a", 210.0)),
        ({"sender": "User", "message": "a", "endpointing_ms": 210.5}, ("a", 210.5)),
        ({"sender": "User", "message": "a", "endpointing_ms": "soon"}, ("a", None)),
        ({"sender": "User", "message": ""}, ("", None)),
    ],
)
def test_what_the_agent_understood(message: dict[str, Any], understood: tuple[str, float | None]) -> None:
    assert told(**message) == Understood(*understood)


@pytest.mark.parametrize(
    ("message", "text", "whole"),
    [
        ({"type": "assistant", "content": "Hello."}, "Hello.", True),
        ({"type": "assistant_streaming", "content": "Hello."}, "Hello.", False),
        (
            {"type": "assistant_streaming", "sender": "Nurse", "payload": {"content": "Hi.", "streaming": True}},
            "Hi.",
            False,
        ),
        ({"type": "assistant_final", "content": "Hello.", "speaker": "assistant"}, "Hello.", True),
        ({"type": "assistant", "payload": {"content": "Hello.", "message": "Hello."}}, "Hello.", True),
        ({"type": "event", "sender": "Nurse", "payload": {"type": "assistant", "content": "Hello."}}, "Hello.", True),
        ({"type": "event", "payload": {"type": "assistant", "sender": "Nurse", "content": "Hello."}}, "Hello.", True),
        ({"type": "status", "sender": "Nurse", "payload": {"message": "Hello."}}, "Hello.", True),
    ],
)
def test_what_the_agent_says(message: dict[str, Any], text: str, whole: bool) -> None:
    assert told(**message) == AgentText(text, whole)


@pytest.mark.parametrize(
    "message",
    [
        {"type": "status", "message": "Welcome."},
        {"type": "status", "sender": "System", "payload": {"message": "Welcome."}},
        {"type": "event", "payload": {"type": "agent_inventory", "agents": []}},
        {"type": "event", "payload": {"event_type": "speech_cascade_connected"}},
        {"type": "session_end", "reason": "IDLE_TIMEOUT", "ts": 1},
        {"type": "tool_start", "callId": "1", "tool": "t", "args": {}},
        {"type": "exit", "message": "Thank you."},
        {"type": "tts_error", "error": "e", "text": "t"},
        {"type": "stream_ready"},
        {"kind": "ErrorData", "errorData": {"code": 1, "message": "m"}},
        {"kind": "AudioData", "AudioData": {"data": ""}},
        {"type": "assistant", "content": {"rich": "text"}},
        {},
    ],
)
def test_what_is_of_no_interest_to_a_caller(message: dict[str, Any]) -> None:
    assert isinstance(told(**message), OtherMessage)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (b"\0" * 640, "binary where a text message is due"),
        ("", "a message that is not JSON"),
        ("{", "a message that is not JSON"),
        ("[" * 100_000, "a message that is not JSON"),
        ("[1]", "a message that is not a JSON object"),
        ("null", "a message that is not a JSON object"),
        ('{"kind": "AudioData"}', "audio without data"),
        ('{"kind": "AudioData", "audioData": "x"}', "audio without data"),
        ('{"kind": "AudioData", "audioData": {"data": 5}}', "audio without data"),
        ('{"type": "audio_data"}', "audio without data"),
        ('{"type": "audio_data", "data": "A"}', "audio that is not base64"),
        ('{"type": "audio_data", "data": "ä"}', "audio that is not base64"),
        ('{"type": "audio_data", "data": "AAAA"}', "audio that ends in the middle of a sample"),
        *(
            (
                json.dumps({"type": "audio_data", "data": "AAA=", "sample_rate": rate}),
                "audio with an impossible sample rate",
            )
            for rate in (0, -16_000, 1, True, 10**12, "16000", 16_000.5)
        ),
        (
            json.dumps({"type": "assistant", "content": "a" * (MOST_TEXT + 1)}),
            f"a text of more than {MOST_TEXT} characters",
        ),
    ],
)
def test_garbage_is_told_with_a_reason(message: str | bytes, reason: str) -> None:
    assert read(message) == Garbage(reason)


def test_ten_megabytes_are_taken_or_refused_but_never_raise() -> None:
    megabytes = bytes(7_500_000)
    assert read(json.dumps({"kind": "AudioData", "audioData": {"data": b64(megabytes)}})) == Audio(
        megabytes, None, more=False
    )
    assert read("x" * 10_000_000) == Garbage("a message that is not JSON")


@given(st.dictionaries(KEYS, KINDS | JSON | st.dictionaries(KEYS, KINDS | JSON)))
@example({"sender": "User", "message": "a", "endpointing_ms": 10**400})
def test_no_object_raises(fields: dict[str, Any]) -> None:
    heard = told(**fields)
    if isinstance(heard, Audio):
        assert heard.pcm
        assert len(heard.pcm) % 2 == 0
        assert heard.rate is None or 8_000 <= heard.rate <= 192_000


@given(TEXT | st.binary())
def test_no_message_raises(message: str | bytes) -> None:
    assert isinstance(read(message), Garbage | OtherMessage)
