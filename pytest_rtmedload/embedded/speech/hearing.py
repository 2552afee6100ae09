"""Detects speech in a stream of samples: where it begins, and where it has ended.

The rule: a window of 10 ms is voiced when its RMS is above a fixed level. Speech begins at the first of three voiced
windows in a row, so that a click does not count; it has ended when its last voiced window lies one segmentation silence
back. Everything is counted in samples received, never in time, so a stream sent faster than real time gives the same
result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

WINDOW_MS: Final = 10
VOICED_RMS: Final = 150.0
"""-47 dBFS: 35 dB under the loudest part of speech that is recorded at -12 dBFS, as the shipped clips are."""
ONSET_WINDOWS: Final = 3
LONGEST_MS: Final = 30_000
"""Speech that never pauses is cut here: the real service cuts a segment after 20 to 70 s."""
_SAMPLE_BYTES: Final = 2


class Voiced(NamedTuple):
    """`[begin, end)` of speech, in samples since the first one of the turn."""

    begin: int
    end: int


class Began(NamedTuple):
    """Speech has begun, at this sample."""

    begin: int


class SpeechEnded(NamedTuple):
    """An utterance is complete."""

    span: Voiced


class SpeechEar:
    """Listens to one turn and keeps its sound until `forget` is called."""

    def __init__(self, rate: int, segmentation_ms: int) -> None:
        self.rate = rate
        self._window = rate * WINDOW_MS // 1000
        self._patience = max(1, segmentation_ms // WINDOW_MS)
        self._audio = bytearray()
        self._forgotten = 0  # samples before the kept ones
        self._windows = 0  # windows judged so far
        self._run = 0  # voiced windows in a row, before an onset
        self._begin: int | None = None  # in windows, as is _end
        self._end = 0  # of the last voiced window

    @property
    def position(self) -> int:
        """Samples received."""
        return self._forgotten + len(self._audio) // _SAMPLE_BYTES

    @property
    def speech(self) -> Voiced | None:
        """The current utterance, up to its last voiced window."""
        return None if self._begin is None else Voiced(self._begin * self._window, self._end * self._window)

    def samples(self, span: Voiced) -> NDArray[np.int16]:
        """The sound of a span, as far as it was received and is still kept."""
        begin, end = (_SAMPLE_BYTES * max(0, position - self._forgotten) for position in span)
        sound = self._audio[begin:end]
        return np.frombuffer(sound, "<i2", count=len(sound) // _SAMPLE_BYTES)

    def forget(self, position: int) -> None:
        """Discard the sound before a position (samples)."""
        gone = max(0, min(position, self._windows * self._window) - self._forgotten)
        del self._audio[: _SAMPLE_BYTES * gone]
        self._forgotten += gone

    def listen(self, pcm: bytes) -> list[Began | SpeechEnded]:
        """Take in signed 16-bit little-endian samples; returns the detected events, in order."""
        self._audio += pcm
        events = (self._step(voiced) for voiced in self._judge())
        return [event for event in events if event is not None]

    def finish(self) -> Voiced | None:
        """The audio ends here, and with it the current utterance."""
        span, self._begin = self.speech, None
        return span

    def _step(self, voiced: bool) -> Began | SpeechEnded | None:
        self._windows += 1
        if self._begin is None:
            return self._before(voiced)
        if voiced:
            self._end = self._windows
        too_long = self._windows - self._begin >= LONGEST_MS // WINDOW_MS
        silent = self._windows - self._end >= self._patience
        span = self.finish() if silent or too_long else None
        return SpeechEnded(span) if span else None

    def _before(self, voiced: bool) -> Began | None:
        self._run = self._run + 1 if voiced else 0
        if self._run < ONSET_WINDOWS:
            return None
        self._begin, self._end, self._run = self._windows - ONSET_WINDOWS, self._windows, 0
        return Began(self._begin * self._window)

    def _judge(self) -> list[bool]:
        """For each window that is complete now: True if it is voiced."""
        first = self._windows * self._window - self._forgotten
        count = (len(self._audio) // _SAMPLE_BYTES - first) // self._window
        if count <= 0:
            return []
        raw = self._audio[_SAMPLE_BYTES * first : _SAMPLE_BYTES * (first + count * self._window)]
        windows = np.frombuffer(raw, "<i2").reshape(count, self._window).astype(np.float32)
        levels: list[bool] = (np.einsum("ij,ij->i", windows, windows) >= VOICED_RMS**2 * self._window).tolist()
        return levels
