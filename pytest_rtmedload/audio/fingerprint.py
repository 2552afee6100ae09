"""Recognises known lines by their sound alone: cheap, and never reports a line that was not said.

The rule: an utterance is the known line whose spectrogram correlates best with its own, if the two also agree in every
stretch of 0.6 s; else it is not a known line. A spectrogram is cut to its speech and taken in dB over bands of the
telephone's range, each band less its mean, so that level, mu-law at 8 kHz and noise 27 dB below the speech count for
little. The comparison covers both from end to end: speech that only one of them has is a stretch that does not agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.audio.pcm import RATE, SILENT_RMS, ClipError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

    from pytest_rtmedload.audio.clips import Clip

THRESHOLD: Final = 0.6
"""Measured on the shipped lines. Said, through mu-law, noise, or a gate 100 ms off at both ends: 0.76 at the least. The
agent's replies, lines in a row, half and reversed lines: 0.4 at the most. Of 1122 lines whose second half was replaced
by that of another line, two score above 0.6."""

_WINDOW: Final = 1024  # 64 ms: fine enough for the lowest bands
_HOP: Final = RATE * 25 // 1000
_BANDS: Final = (6, 10, 14, 19, 25, 32, 41, 52, 66, 83, 104, 130, 162, 200)  # edges in FFT bins: 94 Hz to 3.1 kHz
_FLOOR_DB: Final = 35.0  # below the loudest band there is more noise than speech
_SPEECH_DB: Final = 24.0  # below the loudest moment, at both ends, is not speech: the noise to be borne is there
_SHIFTS: Final = 12  # hops each way: two ends cut 100 ms differently, and what the trimming makes of it
_STRETCH: Final = 24  # hops


@dataclass(frozen=True, slots=True)
class Match:
    """The nearest known line, and how well it agrees where it agrees least: 1 is the same sound, 0 is unrelated."""

    name: str | None
    """None when there is no speech, or no known line."""
    score: float


class Fingerprints:
    """The spectrograms of known lines, computed on the first query or by `warm_up`."""

    def __init__(self, clips: Iterable[Clip]) -> None:
        self._clips = tuple(clips)
        self._patterns: list[NDArray[np.float32]] = []
        self._stacked: NDArray[np.float32] | None = None

    def warm_up(self) -> None:
        """Compute the spectrograms now, about 1 ms a line, so that the first query is as fast as the others.

        Raises:
            ClipError: a clip is silent.
        """
        if not self._patterns and self._clips:
            self._patterns = [_known_pattern(clip) for clip in self._clips]
            self._stacked = _stacked(self._patterns)

    def recognise(self, samples: NDArray[np.int16]) -> str | None:
        """The name of the line that was said, None for anything else; `samples` as for `best`."""
        match = self.best(samples)
        return match.name if match.score >= THRESHOLD else None

    def best(self, samples: NDArray[np.int16]) -> Match:
        """The nearest line: about 1 ms per second of sound.

        Args:
            samples: one utterance at 16 kHz, mono, with or without silence around it.

        Raises:
            ClipError: as `warm_up`.
        """
        self.warm_up()
        said = _pattern(samples)
        if said is None or self._stacked is None:
            return Match(None, 0.0)
        index, shift = _nearest(said, self._stacked)
        return Match(self._clips[index].name, _weakest_stretch(said, self._patterns[index], shift))


def _known_pattern(clip: Clip) -> NDArray[np.float32]:
    pattern = _pattern(clip.samples)
    if pattern is None:
        raise ClipError(f"{clip.name}: silent: a line to be recognised has speech in it")
    return pattern


def _pattern(samples: NDArray[np.int16]) -> NDArray[np.float32] | None:
    """The spectrogram as a vector of length 1, shape (hops, bands); None for silence and for a constant sound."""
    import numpy as np  # noqa: PLC0415 - 80 ms, only where audio is handled

    sound = np.pad(samples.astype(np.float32), _WINDOW // 2)
    if np.abs(sound).max() < SILENT_RMS:
        return None
    windows = np.lib.stride_tricks.sliding_window_view(sound, _WINDOW)[::_HOP]
    power = np.square(np.abs(np.fft.rfft(windows * np.hanning(_WINDOW).astype(np.float32), axis=1)))
    bands = 10 * np.log10(np.add.reduceat(power, _BANDS, axis=1)[:, :-1] + 1)  # the last band is all above the edges
    loudness = 10 * np.log10(power[:, _BANDS[0] : _BANDS[-1]].sum(axis=1) + 1)
    speech = (loudness >= loudness.max() - _SPEECH_DB).nonzero()[0]
    image = np.maximum(bands[speech[0] : speech[-1] + 1], bands.max() - _FLOOR_DB)
    image -= image.mean(axis=0)
    length = float(np.linalg.norm(image))
    return (image / length).astype(np.float32) if length else None


def _stacked(patterns: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """All patterns in one array, shape (lines, hops of the longest, bands), so that one product compares them all."""
    import numpy as np  # noqa: PLC0415 - as above

    longest = max(map(len, patterns))
    return np.stack([np.pad(pattern, ((0, longest - len(pattern)), (0, 0))) for pattern in patterns])


def _nearest(said: NDArray[np.float32], known: NDArray[np.float32]) -> tuple[int, int]:
    """The pattern that correlates best, and by how many hops it begins later than what was said."""
    import numpy as np  # noqa: PLC0415 - as above

    lines, longest, bands = known.shape
    placed = np.zeros((longest + 2 * _SHIFTS, bands), np.float32)
    part = said[: longest + _SHIFTS]
    placed[_SHIFTS : _SHIFTS + len(part)] = part
    shifted = np.stack([placed[begin : begin + longest] for begin in range(2 * _SHIFTS + 1)])
    scores = known.reshape(lines, -1) @ shifted.reshape(len(shifted), -1).T
    index, begin = np.unravel_index(int(scores.argmax()), scores.shape)
    return int(index), int(begin) - _SHIFTS


def _weakest_stretch(said: NDArray[np.float32], known: NDArray[np.float32], shift: int) -> float:
    """The lowest correlation over the stretches of both together, `known` beginning `shift` hops after `said`."""
    import numpy as np  # noqa: PLC0415 - as above

    one, other = (np.pad(part, ((max(late, 0), 0), (0, 0))) for part, late in ((said, -shift), (known, shift)))
    hops = max(len(one), len(other))
    one, other = (np.pad(part, ((0, hops - len(part)), (0, 0))) for part in (one, other))
    stretch = np.ones(min(_STRETCH, hops))
    both, alone, alone_other = (
        np.convolve((left * right).sum(axis=1), stretch, "valid")
        for left, right in ((one, other), (one, one), (other, other))
    )
    power = np.sqrt(alone * alone_other)
    return float(np.divide(both, power, out=np.zeros_like(both), where=power > 0).min())
