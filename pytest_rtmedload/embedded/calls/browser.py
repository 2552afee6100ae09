"""The browser's socket: binary 16 kHz PCM in, JSON messages out.

The rule: as on the phone, input that real agents ignore is ignored. The text messages that have a meaning differ by
version: a handshake and an interruption, or turns in plain text and a way to hang up.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import orjson

from pytest_rtmedload.embedded.calls.call import EmbeddedCall

if TYPE_CHECKING:
    from pytest_rtmedload.dialects.voice import BrowserWire
    from pytest_rtmedload.embedded.calls.call_services import Office
    from pytest_rtmedload.embedded.calls.connection import CallProtocol
    from pytest_rtmedload.embedded.calls.wire import AudioFrames


class BrowserLeg(EmbeddedCall):
    """A conversation in a browser."""

    def __init__(self, office: Office, socket: CallProtocol, audio: AudioFrames, name: str, index: int) -> None:
        self._wire: BrowserWire = office.dialect.voice.browser
        super().__init__(office, socket, self._wire, audio, name, index)

    def begin(self) -> None:
        """The socket is open: the agent greets."""
        super().begin()
        self.perform(self.conversation.greet(time.perf_counter_ns()))

    def binary(self, message: bytes, received: int) -> None:
        """Sound."""
        self.perform(self.conversation.hear(message, received))

    def text(self, message: bytes, received: int) -> None:
        """A turn in plain text, or a JSON object that has a meaning in this version."""
        fields = _parse(message)
        if isinstance(fields, dict):
            self._command(fields.get("type"), received)
        elif isinstance(self._wire.message.request, str) and (text := message.decode().strip()):
            self.perform(self.conversation.typed(text, received))

    def _command(self, kind: Any, received: int) -> None:
        message = self._wire.message
        if not isinstance(kind, str):
            return
        if isinstance(message.request, dict) and kind == message.request["type"]:
            self.conversation.active(received)
            self.send(message.answer)
        elif kind == self._wire.interrupt_type:
            self.perform(self.conversation.interrupt(received, time.perf_counter_ns()))
        elif kind == self._wire.hang_up_type:
            self.socket.end(1000)


def _parse(message: bytes) -> Any:
    try:
        return orjson.loads(message)
    except orjson.JSONDecodeError:
        return None
