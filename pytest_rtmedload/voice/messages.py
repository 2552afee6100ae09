"""What an agent says on a voice socket, in any version's words.

The rule: keys match without case, envelopes are opened, and what is not understood is *returned* as `Garbage` or
`OtherMessage`, never raised: an agent may mix messages of its user interface into the audio socket, or send garbage.
On a phone call only messages of ACS's media protocol are heard or stop anything, since ACS knows no others: some
versions send the browser's audio as well, which would be heard twice.
"""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING, Any, Final

import orjson

from pytest_rtmedload.dialects.heard import AgentText, Audio, Garbage, OtherMessage, StopAudio, Understood

if TYPE_CHECKING:
    from pytest_rtmedload.dialects.heard import Heard

    Message = str | bytes
    """One whole message of a socket: text or binary."""

BYTES_PER_SAMPLE: Final = 2
LEAST_RATE: Final = 8_000
MOST_RATE: Final = 192_000
MOST_TEXT: Final = 20_000
"""Characters of what was said in one turn: some twenty minutes of speech."""


_SENTENCE: Final = "assistant_streaming"
_AGENT_TEXTS: Final = ("assistant", "assistant_final", _SENTENCE)
_SPEAKERS: Final = ("user", "assistant")
_NO_AGENTS: Final = ("", "system", "status")
_STOP_ACTIONS: Final = ("audio_stop", "tts_cancelled")


def read(message: Message) -> Heard:
    """What a message of the agent means. Hot path: 50 messages a second and call."""
    if not isinstance(message, str):
        return Garbage("binary where a text message is due")
    try:
        fields = orjson.loads(message)
    except orjson.JSONDecodeError:
        return Garbage("a message that is not JSON")
    if type(fields) is not dict:
        return Garbage("a message that is not a JSON object")
    kind = fields.get("kind") or fields.get("Kind") or _get(fields, "kind")
    if kind is not None:
        return _media(str(kind).lower(), fields)
    return _interface(fields if "type" in fields else {key.lower(): value for key, value in fields.items()})


def read_on_phone(message: Message) -> Heard:
    """The same on a phone call."""
    heard = read(message)
    return OtherMessage("for browsers") if isinstance(heard, (Audio, StopAudio)) and heard.of_interface else heard


def _media(kind: str, fields: dict[str, Any]) -> Heard:
    """The media protocol of ACS."""
    if kind == "audiodata":
        body = fields.get("audioData") or fields.get("AudioData") or _get(fields, "audiodata")
        if not isinstance(body, dict):
            return Garbage("audio without data")
        return _audio(body.get("data") or body.get("Data") or _get(body, "data"))
    return StopAudio() if kind == "stopaudio" else OtherMessage(kind)


def _interface(fields: dict[str, Any]) -> Heard:
    """The messages of the agent's own user interface; those with audio come to browsers."""
    kind = str(fields.get("type", "")).lower()
    if kind == "audio_data":
        rate = fields.get("sample_rate")
        if rate is not None and not (isinstance(rate, int) and LEAST_RATE <= rate <= MOST_RATE):
            return Garbage("audio with an impossible sample rate")
        heard = _audio(fields.get("data"))
        more = fields.get("is_final") is False
        return Audio(heard.pcm, rate, more, of_interface=True) if isinstance(heard, Audio) else heard
    if kind == "control":
        stops = str(fields.get("action", "")).lower() in _STOP_ACTIONS
        return StopAudio(of_interface=True) if stops else OtherMessage("control")
    return _text(kind, fields)


def _text(kind: str, fields: dict[str, Any]) -> Heard:
    payload = fields.get("payload")
    inner = payload if isinstance(payload, dict) else fields
    text = inner.get("message") or inner.get("content", inner.get("message"))
    if not isinstance(text, str):
        return OtherMessage(kind)
    if len(text) > MOST_TEXT:
        return Garbage(f"a text of more than {MOST_TEXT} characters")
    if kind in _AGENT_TEXTS:
        return AgentText(text, whole=kind != _SENTENCE)
    speaker = _speaker(kind, inner, fields)
    if speaker == "user":
        waited = inner.get("endpointing_ms")
        return Understood(text, float(waited) if isinstance(waited, int | float) else None)
    return AgentText(text, whole=True) if speaker == "assistant" else OtherMessage(kind)


def _speaker(kind: str, inner: dict[str, Any], fields: dict[str, Any]) -> str:
    """`user`, `assistant` or neither; in a status, anybody with another name is one of the agents."""
    names = [str(name or "").lower() for name in (inner.get("type"), inner.get("sender"), fields.get("sender"))]
    known = next((name for name in names if name in _SPEAKERS), None)
    return known or ("assistant" if kind == "status" and not set(names) <= set(_NO_AGENTS) else "")


def _audio(data: object) -> Heard:
    if not isinstance(data, str):
        return Garbage("audio without data")
    try:
        pcm = binascii.a2b_base64(data)
    except (binascii.Error, ValueError):
        return Garbage("audio that is not base64")
    if len(pcm) % BYTES_PER_SAMPLE:
        return Garbage("audio that ends in the middle of a sample")
    return Audio(pcm, None, more=False) if pcm else OtherMessage("empty audio")


def _get(fields: dict[str, Any], name: str) -> Any:
    return next((value for key, value in fields.items() if key.lower() == name), None)
