"""What a caller sends: frames of an utterance, or of silence, as each kind of socket wants them; and how it listens.

The rule: an utterance is encoded once and for all calls; sending a frame only puts the parts together.
"""

from __future__ import annotations

import base64
import traceback
from functools import lru_cache
from pathlib import PurePath
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import orjson

from pytest_rtmedload.audio import RATE
from pytest_rtmedload.dialects.heard import Garbage
from pytest_rtmedload.dialects.voice import audio_data
from pytest_rtmedload.voice import messages

if TYPE_CHECKING:
    from pytest_rtmedload.audio import Clip
    from pytest_rtmedload.dialects.codec import Codec
    from pytest_rtmedload.dialects.heard import Heard
    from pytest_rtmedload.voice.messages import Message

FRAME_BYTES: Final = 640
"""20 ms of 16 kHz, 16-bit, mono."""
SILENCE: Final = bytes(FRAME_BYTES)
_FRAME_SAMPLES: Final = FRAME_BYTES // 2
_MOST_CLIPS: Final = 256
"""Utterances whose frames are kept."""
_PARTS: Final = ("@stamp@", "@participant@", "@data@")


class Speech(Protocol):
    """How one kind of socket takes audio."""

    text: bool
    """True when messages are text."""

    def frames(self, clip: Clip) -> list[bytes]:
        """The audio of an utterance, frame by frame."""

    @property
    def silence(self) -> bytes:
        """A frame of silence."""

    def message(self, frame: bytes, stamp: bytes) -> bytes:
        """A frame as it is sent at a time of day."""

    def read(self, message: Message) -> Heard:
        """What a message of the agent means."""


class PhoneSpeech:
    """Audio messages of ACS's media protocol.

    Args:
        participant: who speaks, such as `4:+15550100000`.
    """

    text = True

    def __init__(self, participant: str) -> None:
        template = orjson.dumps(audio_data(_PARTS[2], _PARTS[0], _PARTS[1])).decode()
        self._head, rest = template.split(_PARTS[0])
        middle, rest = rest.split(_PARTS[1])
        between, tail = rest.split(_PARTS[2])
        name = orjson.dumps(participant).decode()[1:-1]
        self._before_stamp, self._after_stamp = self._head.encode(), f"{middle}{name}{between}".encode()
        self._tail = tail.encode()
        self.silence = base64.b64encode(SILENCE)

    def frames(self, clip: Clip) -> list[bytes]:
        """Base64 of each frame."""
        return _encoded(clip)

    def message(self, frame: bytes, stamp: bytes) -> bytes:
        """`AudioData` with the frame and the time."""
        return b"".join((self._before_stamp, stamp, self._after_stamp, frame, self._tail))

    def read(self, message: Message) -> Heard:
        """Only what ACS knows is heard."""
        return messages.read_on_phone(message)


class BrowserSpeech:
    """Binary PCM."""

    text = False
    silence = SILENCE

    def frames(self, clip: Clip) -> list[bytes]:
        """The frames themselves."""
        return _cut(clip)

    def message(self, frame: bytes, stamp: bytes) -> bytes:  # noqa: ARG002 - PCM carries no time
        """The frame."""
        return frame

    def read(self, message: Message) -> Heard:
        """In any version's words."""
        return messages.read(message)


class CodecSpeech:
    """The wire format of a dialect of a project or another plugin.

    Args:
        codec: of this call.
    """

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self.text = codec.text
        self.silence = codec.encode(SILENCE)
        self.message = codec.message

    def frames(self, clip: Clip) -> list[bytes]:
        """Each frame encoded, once for all calls."""
        key = type(self._codec), clip
        if key not in _by_codec:
            if len(_by_codec) >= _MOST_CLIPS:
                _by_codec.clear()
            _by_codec[key] = [self._codec.encode(frame) for frame in _cut(clip)]
        return _by_codec[key]

    def read(self, message: Message) -> Heard:
        """As the codec reads it."""
        try:
            return self._codec.read(message)
        except Exception as error:  # noqa: BLE001 - an error of the codec must not end the connection
            frame = traceback.extract_tb(error.__traceback__)[1:2]
            where = f" ({PurePath(frame[0].filename).name}:{frame[0].lineno})" if frame else ""
            return Garbage(f"{type(self._codec).__name__}.read raised {type(error).__name__}{where}")


class Speaking(NamedTuple):
    """An utterance on its way."""

    clip: Clip
    frames: list[bytes]
    begin: tuple[int, int]
    """The frame with the first voiced sample, and nanoseconds from that frame's start to this sample."""
    end: tuple[int, int]
    """The frame with the last voiced sample, and nanoseconds to the end of it; what follows is silence."""


def speaking(clip: Clip, speech: Speech) -> Speaking:
    """An utterance, ready to be sent."""
    return Speaking(clip, speech.frames(clip), _place(clip.voiced[0], 0), _place(clip.voiced[1] - 1, 1))


def _place(sample: int, more: int) -> tuple[int, int]:
    frame, offset = divmod(sample, _FRAME_SAMPLES)
    return frame, (offset + more) * 1_000_000_000 // RATE


_by_codec: Final[dict[tuple[type[Codec], Clip], list[bytes]]] = {}


@lru_cache(maxsize=_MOST_CLIPS)
def _cut(clip: Clip) -> list[bytes]:
    return clip.frames()


@lru_cache(maxsize=_MOST_CLIPS)
def _encoded(clip: Clip) -> list[bytes]:
    return [base64.b64encode(frame) for frame in _cut(clip)]
