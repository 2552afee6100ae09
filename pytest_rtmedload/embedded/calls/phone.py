"""The phone's socket: bidirectional media streaming of Azure Communication Services (ACS), the agent's side.

The rule: input that real agents ignore is ignored: text that is not JSON, unknown kinds, binary messages, audio that is
not base64. Keys match regardless of case, but the casing ACS uses is tried first: each call has 50 messages a second.
"""

from __future__ import annotations

import binascii
import time
from typing import TYPE_CHECKING, Any, Final

import orjson

from pytest_rtmedload.embedded.calls.call import EmbeddedCall

if TYPE_CHECKING:
    from pytest_rtmedload.dialects import Json
    from pytest_rtmedload.dialects.voice import PhoneWire
    from pytest_rtmedload.embedded.calls.call_services import Office
    from pytest_rtmedload.embedded.calls.connection import CallProtocol
    from pytest_rtmedload.embedded.calls.wire import AudioFrames

_NONE: Final[Json] = {}


class PhoneLeg(EmbeddedCall):
    """A call of the phone."""

    def __init__(self, office: Office, socket: CallProtocol, audio: AudioFrames, name: str, index: int) -> None:
        self._wire: PhoneWire = office.dialect.voice.phone
        super().__init__(office, socket, self._wire, audio, name, index)

    def begin(self) -> None:
        """The socket is open; some versions greet at once."""
        super().begin()
        if not self._wire.greets_after_metadata:
            self._greet()

    def text(self, message: bytes, received: int) -> None:
        """A message from ACS, or from a client that imitates it."""
        try:
            fields = orjson.loads(message)
        except orjson.JSONDecodeError:
            return
        if type(fields) is not dict:
            return
        sound = fields.get("audioData")
        if sound is None or fields.get("kind") != "AudioData":
            self._other(_lower(fields), received)
        else:
            self._hear(sound, received)

    def binary(self, message: bytes, received: int) -> None:
        """ACS sends none."""

    def _other(self, fields: Json, received: int) -> None:
        kind = fields.get("kind")
        match kind.lower() if isinstance(kind, str) else fields.get("type"):
            case "audiodata":
                self._hear(fields.get("audiodata"), received)
            case "audiometadata":
                self.conversation.active(received)
                self._greet()
            case "dtmfdata":
                self._press(fields.get("dtmfdata"), received)
            case "stream_init" if self._wire.ready is not None:
                self.send(self._wire.ready.answer)

    def _hear(self, sound: Any, received: int) -> None:
        if type(sound) is not dict:
            return
        if "data" not in sound:
            sound = _lower(sound)
        silent = sound.get("silent")
        if silent is None:
            silent = self._wire.silent_by_default
        if not silent:
            self.conversation.active(received)
        elif self._wire.silent_by_default:
            return
        try:
            pcm = binascii.a2b_base64(sound.get("data", ""))
        except (TypeError, ValueError):
            return
        self.perform(self.conversation.hear(pcm, received))

    def _press(self, pressed: Any, received: int) -> None:
        key = (_lower(pressed) if isinstance(pressed, dict) else _NONE).get(self._wire.tone_field)
        if isinstance(key, str) and key:
            self.press(key, received)

    def _greet(self) -> None:
        self.perform(self.conversation.greet(time.perf_counter_ns()))


def _lower(fields: Json) -> Json:
    return {key.lower(): value for key, value in fields.items()}
