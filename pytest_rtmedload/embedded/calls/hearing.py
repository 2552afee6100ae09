"""Finds utterances in incoming audio.

The rule: time is counted in samples. A frame that arrived at r carries the sound of [r - its length, r], so speech
began and ended when *that* sound was made, whatever the size of the frames and however long it took to be sure. Voiced
is what `audio.pcm` calls voiced: a window of 20 ms, every 10 ms, within 35 dB of the loudest one of the utterance; and
above the noise, which is the quietest window of the last seconds (minimum statistics: Martin 2001).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from pytest_rtmedload.audio.pcm import RATE, SILENT_RMS, STEP_MS, VOICED_RANGE_DB

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BLOCK: Final = RATE * STEP_MS // 1000
_BLOCK_BYTES: Final = 2 * _BLOCK
_SAMPLE_NS: Final = 1_000_000_000 // RATE
BLOCK_NS: Final = STEP_MS * 1_000_000
_RANGE: Final = 10 ** (-VOICED_RANGE_DB / 10)  # of power, as all levels here
_LOWEST: Final = SILENT_RMS**2
_ABOVE_NOISE: Final = 4.0  # 6 dB
_LOUDEST_NOISE: Final = 330.0**2  # -40 dBFS; anything louder is speech, even if it began before the call
_BEFORE: Final = 15  # blocks kept from before speech: a soft beginning is voiced only relative to the loudest part
_SHORTEST: Final = 6  # blocks; a click is not speech
_LONGEST: Final = 6_000  # blocks; a minute of noise must not fill the memory
_NOISE_MEMORY: Final = 150  # blocks; noise is the quietest of the last one or two times as many


@dataclass(frozen=True, slots=True)
class HeardUtterance:
    """An utterance of the caller."""

    samples: NDArray[np.int16]
    begin_ns: int
    """When the first voiced sample was spoken (`time.perf_counter_ns`)."""
    end_ns: int
    """When the last voiced sample was spoken."""
    voiced_ns: int
    """How much of it was voiced."""


@dataclass(slots=True)
class _Block:
    pcm: bytes
    level: float
    """Power of the window that ends with this block."""
    end_ns: int


@dataclass(slots=True)
class _Noise:
    """The quietest recent window."""

    level: float = _LOUDEST_NOISE
    _before: float = _LOUDEST_NOISE
    _now: float = _LOUDEST_NOISE
    _count: int = 0

    def add(self, level: float) -> None:
        self._now = min(self._now, level)
        self.level = min(self._before, self._now)
        self._count += 1
        if self._count == _NOISE_MEMORY:
            self._before, self._now, self._count = self._now, _LOUDEST_NOISE, 0


@dataclass(slots=True)
class CallEar:
    """One caller's sound, 16 kHz, 16-bit, mono."""

    endpointing: int
    """Silence after which an utterance is over, in nanoseconds."""
    begin_ns: int | None = None
    """When the present speech began; None while there is none."""
    voiced_ns: int = 0
    """How much of it was voiced so far."""
    _rest: bytes = b""
    _energy: float = 0.0
    _noise: _Noise = field(default_factory=_Noise)
    _before: deque[_Block] = field(default_factory=lambda: deque(maxlen=_BEFORE))
    _spoken: list[_Block] = field(default_factory=list)
    _peak: float = 0.0
    _quiet: int = 0

    def feed(self, pcm: bytes, received_ns: int) -> list[HeardUtterance]:
        """Take in a frame of any length; returns the utterances that are over now. Half a sample is dropped."""
        sound = self._rest + pcm[: len(pcm) & ~1]
        count = len(sound) // _BLOCK_BYTES
        self._rest = sound[count * _BLOCK_BYTES :]
        end_ns = received_ns - len(self._rest) // 2 * _SAMPLE_NS - count * BLOCK_NS
        over = []
        for index, energy in enumerate(_energies(sound, count)):
            end_ns += BLOCK_NS
            level = (self._energy + energy) / (2 * _BLOCK)
            self._energy = energy
            block = _Block(sound[index * _BLOCK_BYTES : (index + 1) * _BLOCK_BYTES], level, end_ns)
            if utterance := self._take(block):
                over.append(utterance)
        return over

    def _take(self, block: _Block) -> HeardUtterance | None:
        voiced = block.level >= self._threshold()
        self._noise.add(block.level)
        if self.begin_ns is not None:
            return self._go_on(block, voiced=voiced)
        self._before.append(block)
        if voiced:
            self.begin_ns = block.end_ns - 2 * BLOCK_NS
            self._spoken = list(self._before)
            self._peak, self._quiet, self.voiced_ns = block.level, 0, BLOCK_NS
        return None

    def _go_on(self, block: _Block, *, voiced: bool) -> HeardUtterance | None:
        self._spoken.append(block)
        if voiced:
            self._peak = max(self._peak, block.level)
            self._quiet = 0
            self.voiced_ns += BLOCK_NS
        else:
            self._quiet += 1
        if self._quiet * BLOCK_NS < self.endpointing and len(self._spoken) < _LONGEST:
            return None
        return self._end()

    def _end(self) -> HeardUtterance | None:
        """The utterance, its edges found again now that its loudest window is known."""
        threshold = self._threshold()
        voiced = [index for index, block in enumerate(self._spoken) if block.level >= threshold]
        spoken = self._spoken
        self.begin_ns, self._spoken, self._peak = None, [], 0.0
        self._before.clear()
        if len(voiced) < _SHORTEST:
            return None
        samples = np.frombuffer(b"".join(block.pcm for block in spoken), "<i2")
        begin_ns, end_ns = spoken[voiced[0]].end_ns - 2 * BLOCK_NS, spoken[voiced[-1]].end_ns
        return HeardUtterance(samples, begin_ns, end_ns, len(voiced) * BLOCK_NS)

    def _threshold(self) -> float:
        return max(_LOWEST, self._noise.level * _ABOVE_NOISE, self._peak * _RANGE)


def _energies(sound: bytes, count: int) -> list[float]:
    """The sum of squares of each of the first `count` blocks."""
    if not sound.strip(b"\0"):  # most of a call is silence, and most of that is digital: a fifth of the cost
        return [0.0] * count
    blocks = np.frombuffer(sound, "<i2", count=count * _BLOCK).reshape(count, _BLOCK).astype(np.float32)
    energies: list[float] = np.einsum("ij,ij->i", blocks, blocks).tolist()
    return energies
