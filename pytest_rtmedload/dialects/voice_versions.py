"""The sockets of the agent versions that are known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_rtmedload.dialects.voice import BrowserWire, PhoneWire, RelayWire, RoundTrip, Said, VoiceWire

if TYPE_CHECKING:
    from pytest_rtmedload.dialects.wire import Json

_BROWSER_AUDIO: Json = {
    "type": "audio_data",
    "data": "{data}",
    "frame_index": "{index}",
    "total_frames": "{total}",
    "sample_rate": "{rate}",
    "is_final": "{final}",
}
_STOP_AUDIO: Json = {"Kind": "StopAudio", "AudioData": None, "StopAudio": {}}

_BRIEF_SAID = Said(
    greeting={"type": "status", "message": "{text}"},
    heard={"sender": "User", "message": "{text}", "endpointing_ms": "{endpointing_ms}"},
    sentence={"type": "assistant_streaming", "content": "{text}"},
    answer={"type": "assistant", "content": "{text}"},
)

RTMEDAGENT_VOICE = VoiceWire(
    phone=PhoneWire(
        chunk_bytes=640,
        audio={"kind": "AudioData", "AudioData": {"data": "{data}"}, "StopAudio": None},
        stop=_STOP_AUDIO,
        said=_BRIEF_SAID,
        greets_after_metadata=True,
        id_in_query=None,
        tone_field="data",
        ready=RoundTrip(
            request={"type": "stream_init", "call_id": "{id}", "audio_format": "pcm_16khz_mono"},
            answer_type="stream_ready",
            answer={"type": "stream_ready", "call_id": "{id}"},
        ),
        silent_by_default=True,
    ),
    browser=BrowserWire(
        rate=16_000,
        chunk_bytes=640,
        audio=_BROWSER_AUDIO,
        stop={"type": "control", "action": "tts_cancelled", "reason": "barge_in", "session_id": "{id}"},
        said=_BRIEF_SAID,
        message=RoundTrip(
            request={
                "type": "connection_init",
                "session_id": "{id}",
                "audio_format": {"encoding": "pcm", "sample_rate": 16_000, "channels": 1},
            },
            answer_type="connection_ack",
            answer={"type": "connection_ack", "session_id": "{id}"},
        ),
        exit={"type": "exit", "message": "Thank you for calling. Goodbye."},
        interrupt_type="interrupt",
        hang_up_type=None,
    ),
    relay=RelayWire(
        subscribe=RoundTrip(
            request={"type": "subscribe", "topics": ["call_events", "agent_status"], "client_id": "{id}"},
            answer_type="subscription_confirmed",
            answer={"type": "subscription_confirmed", "client_id": "{id}"},
        ),
        publish={
            "type": "event",
            "topic": "call_events",
            "data": {"event_type": "call_progress", "call_id": "{id}", "status": "processing"},
        },
        event_type="event",
        call_event={
            "type": "event",
            "topic": "call_events",
            "data": {"event_type": "{event}", "call_id": "{id}", "value": "{value}"},
            "timestamp": "{time}",
        },
        id_in_query=None,
    ),
    greeting_yields=True,
)
"""ACS's wire format as the last unversioned backend spoke it, with the JSON messages of the brief's load tests."""


def _envelope(kind: str, payload: Json, sender: str) -> Json:
    ids = {"session_id": "{id}", "call_id": "{id}", "user_id": None, "sender": sender, "ts": "{time}"}
    return {"type": kind, "topic": "session", **ids, "payload": payload, "speaker_id": sender}


_V1_SAID = Said(
    greeting=_envelope("assistant", {"content": "{text}", "message": "{text}"}, "Assistant"),
    heard=_envelope(
        "event",
        {
            "type": "user",
            "sender": "User",
            "message": "{text}",
            "content": "{text}",
            "streaming": False,
            "status": "completed",
            "turn_id": "{turn}",
            "endpointing_ms": "{endpointing_ms}",
        },
        "User",
    ),
    sentence=_envelope(
        "assistant_streaming", {"content": "{text}", "turn_id": "{turn}", "status": "streaming"}, "Assistant"
    ),
    answer=_envelope(
        "event",
        {"type": "assistant", "content": "{text}", "message": "{text}", "turn_id": "{turn}", "status": "completed"},
        "Assistant",
    ),
)

ARTAGENT_V1_VOICE = VoiceWire(
    phone=PhoneWire(
        chunk_bytes=1280,
        audio={
            "kind": "AudioData",
            "audioData": {"data": "{data}", "timestamp": None, "participantRawID": None, "silent": False},
        },
        stop=None,
        said=_V1_SAID,
        greets_after_metadata=False,
        id_in_query="call_connection_id",
        tone_field="tone",
        ready=None,
        silent_by_default=False,
    ),
    browser=BrowserWire(
        rate=48_000,
        chunk_bytes=4_800,
        audio=_BROWSER_AUDIO,
        stop={"type": "control", "action": "audio_stop", "reason": "barge_in", "session_id": "{id}"},
        said=_V1_SAID,
        message=RoundTrip(request="{text}", answer_type="event"),
        exit=None,
        interrupt_type=None,
        hang_up_type="stop",
    ),
    relay=RelayWire(
        subscribe=None,
        publish=None,
        event_type="event",
        call_event=_envelope(
            "event", {"event_type": "{event}", "call_connection_id": "{id}", "value": "{value}"}, "System"
        ),
        id_in_query="session_id",
    ),
    greeting_yields=False,
)
"""ARTAgent of January 2026: larger chunks, no stop message on the phone; plain text is a turn of the browser's user."""
