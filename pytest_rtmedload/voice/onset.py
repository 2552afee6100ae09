"""Finds where speech begins in the agent's audio.

The rule: a voice activity detector decides *that* there is speech (two voiced frames in a row, so a click is none);
*where* it began is decided by level: back over windows of 20 ms that are within 35 dB of the loudest so far and stand
out from the noise before them. The same rule says where the caller's utterances begin and end. Leading silence and
comfort noise are not speech: a new detector would take any noise for it, so it is made used to some. Tones are speech
to it. A detector is for one onset; its cost, some 12 µs a frame, is paid only while an onset is awaited.

Source of the detector: WebRTC's, over the `webrtcvad` module.
"""

from __future__ import annotations

import math
from collections import deque
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import webrtcvad

if TYPE_CHECKING:
    from numpy.typing import NDArray

WINDOW_MS: Final = 20
STEP_MS: Final = 10
"""Resolution of an onset."""
RANGE: Final = 10 ** (35 / 20)
"""35 dB as a ratio of levels."""
FAINTEST: Final = 30.0
"""RMS of 16-bit samples below which nothing is speech: about -60 dB of full scale."""
LOOK_BACK: Final = 30
"""Steps (300 ms) that a soft beginning may be earlier than what the detector found."""
NOISE: Final = 2.0
"""6 dB: speech stands out from the noise before it by so much ..."""
CLEAR: Final = 3.0
"""... when that is at least 10 dB below the loudest so far; what is nearer is speech itself."""
_HISS_RMS: Final = 100  # -50 dBFS, usual for comfort noise
_HISS_MS: Final = 60
_VAD_RATES: Final = (8_000, 16_000, 32_000, 48_000)
_MODE: Final = 2
_CONFIRMING: Final = 2


class _Step(NamedTuple):
    begin_ns: int
    level: float


class OnsetDetector:
    """Waits for one onset in 16-bit mono PCM.

    Args:
        rate: samples per second.
    """

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._vad = webrtcvad.Vad(_MODE)
        self._vad_rate = rate if rate in _VAD_RATES else 16_000
        self._window = rate * STEP_MS // 1000 * 4  # bytes of two steps
        self._rest = b""
        self._steps: deque[_Step] = deque(maxlen=LOOK_BACK)
        self._voiced = 0
        for hiss in _hiss(self._vad_rate):
            self._vad.is_speech(hiss, self._vad_rate)

    def feed(self, pcm: bytes, begin_ns: int) -> int | None:
        """Audio that begins to sound at `begin_ns`; returns when speech began once that is certain, else None."""
        if self._rest:
            begin_ns -= len(self._rest) // 2 * 1_000_000_000 // self.rate
            pcm = self._rest + pcm
        whole = len(pcm) - len(pcm) % self._window
        for at in range(0, whole, self._window):
            if self._hear(pcm[at : at + self._window], begin_ns + at // 2 * 1_000_000_000 // self.rate):
                return self._began()
        self._rest = pcm[whole:]
        return None

    def _hear(self, window: bytes, begin_ns: int) -> bool:
        samples = np.frombuffer(window, "<i2")
        halves = samples.astype(np.float32).reshape(WINDOW_MS // STEP_MS, -1)
        levels = np.sqrt(np.mean(halves * halves, axis=1)).tolist()
        self._steps.extend(_Step(begin_ns + i * STEP_MS * 1_000_000, level) for i, level in enumerate(levels))
        speech = max(levels) >= FAINTEST and self._vad.is_speech(self._heard_by_vad(samples), self._vad_rate)
        self._voiced = self._voiced + 1 if speech else 0
        return self._voiced >= _CONFIRMING

    def _heard_by_vad(self, samples: NDArray[np.int16]) -> bytes:
        if self._vad_rate == self.rate:
            return samples.tobytes()
        wanted = self._vad_rate * WINDOW_MS // 1000
        at = np.linspace(0, len(samples) - 1, wanted)
        return np.interp(at, np.arange(len(samples)), samples).astype("<i2").tobytes()

    def _began(self) -> int:
        confirmed = _CONFIRMING * WINDOW_MS // STEP_MS
        steps = list(self._steps)
        windows = [math.hypot(one.level, other.level) / math.sqrt(2) for one, other in pairwise(steps)]
        first, loudest = len(steps) - confirmed, max(windows[-confirmed:])
        noise = NOISE * min(windows[:first], default=0.0)
        faintest = min(max(FAINTEST, loudest / RANGE, noise if noise < loudest / CLEAR else 0.0), loudest)
        while first > 0 and windows[first - 1] >= faintest:
            first -= 1
        while windows[first] < faintest:  # the detector looks a little ahead of the sound
            first += 1
        return steps[first].begin_ns


@lru_cache
def _hiss(rate: int) -> tuple[bytes, ...]:
    """Windows of noise."""
    noise = np.random.default_rng(0).normal(0, _HISS_RMS, rate * _HISS_MS // 1000).astype("<i2").tobytes()
    window = rate * WINDOW_MS // 1000 * 2
    return tuple(noise[at : at + window] for at in range(0, len(noise), window))
