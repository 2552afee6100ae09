"""Messages on a socket: templates of the dialect, filled in, as WebSocket frames.

The rule: frames that are the same for every call are built once. An answer is 50 messages a second for each call; as
one prepared block of frames it costs one write, and other calls on the same core do not wait for it.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
from websockets.frames import Frame, Opcode

from pytest_rtmedload.audio.pcm import RATE, resample
from pytest_rtmedload.dialects import Json, fill

if TYPE_CHECKING:
    from pytest_rtmedload.embedded.calls.lines import SpokenLine


def text_frame(message: Json) -> bytes:
    """A JSON message in its own frame."""
    return Frame(Opcode.TEXT, orjson.dumps(message)).serialize(mask=False)


def filled(template: Json, **values: Any) -> Json:
    """A template with its values, including the time."""
    message: Json = fill(template, {"time": datetime.now(UTC).isoformat(), **values})
    return message


class AudioFrames:
    """The agent's recordings as frames of one kind of socket."""

    def __init__(self, template: Json, chunk_bytes: int, rate: int) -> None:
        self.chunk_ns = chunk_bytes // 2 * 1_000_000_000 // rate
        self._template = template
        self._chunk_bytes = chunk_bytes
        self._rate = rate
        self._made: dict[str, list[bytes]] = {}

    def of(self, speech: SpokenLine) -> list[bytes]:
        """One frame for each chunk; the last is filled up with silence. The first time costs milliseconds."""
        frames = self._made.get(speech.name)
        if frames is None:
            frames = self._made[speech.name] = self._make(speech)
        return frames

    def ready(self, speech: SpokenLine) -> bool:
        """True if the frames have been built."""
        return speech.name in self._made

    def _make(self, speech: SpokenLine) -> list[bytes]:
        size = self._chunk_bytes
        pcm = resample(speech.samples, RATE, self._rate).astype("<i2").tobytes()
        chunks = [pcm[begin : begin + size].ljust(size, b"\0") for begin in range(0, len(pcm), size)]
        common = {"total": len(chunks), "rate": self._rate}
        return [
            text_frame(
                fill(
                    self._template,
                    {
                        **common,
                        "data": base64.b64encode(chunk).decode(),
                        "index": index,
                        "final": index == len(chunks) - 1,
                    },
                )
            )
            for index, chunk in enumerate(chunks)
        ]
