"""The lines the service understands: those of the shipped clips, recognised by their sound.

The rule: words come out only for sound that is one of the lines; all other speech gives no match. What is being said is
guessed from its beginning, against the beginnings of all lines, so early hypotheses can be wrong and are corrected, as
those of the real service.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.audio import RATE, SAMPLES_PER_MS, Clip, Fingerprints, clip, names
from pytest_rtmedload.audio.pcm import resample

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BEGINNINGS_MS: Final = (120, 200, 300, 500)
"""Lengths at which beginnings are compared: with 0.3 s nine of ten guesses are right, from 0.5 s on all are."""
_SAMPLE_BYTES: Final = 2


@dataclass(frozen=True)
class SpeechLine:
    """The words of a clip."""

    name: str
    text: str
    voiced_ms: float

    @cached_property
    def words(self) -> list[str]:
        """In lower case, without punctuation, as hypotheses are."""
        return lexical(self.text).split()

    def words_by(self, spoken_ms: float) -> str:
        """The words that were said after this much speech: at least one; each takes time by its letters."""
        ends: list[int] = []
        for word in self.words:
            ends.append((ends[-1] if ends else 0) + len(word) + 1)
        said = bisect_right(ends, ends[-1] * spoken_ms / self.voiced_ms)
        return " ".join(self.words[: max(1, said)])


class SpeechLines:
    """All lines, and their sounds."""

    def __init__(self) -> None:
        clips = [clip(name) for name in names()]
        self._lines = {item.name: _line(item) for item in clips}
        self._whole = Fingerprints(clips)
        self._alone = {item.name: Fingerprints([item]) for item in clips}
        self._beginnings = [Fingerprints([_beginning(item, ms) for item in clips]) for ms in BEGINNINGS_MS]

    def warm_up(self) -> None:
        """Compute what recognition needs, so that the first utterance is not slower than others (about 0.2 s)."""
        for fingerprints in (self._whole, *self._beginnings):
            fingerprints.warm_up()

    def recognise(self, samples: NDArray[np.int16], rate: int, guess: SpeechLine | None = None) -> SpeechLine | None:
        """The line that an utterance is; a good guess saves comparing it with all of them."""
        sound = resample(samples, rate, RATE)
        if guess is not None and self._alone[guess.name].recognise(sound):
            return guess
        name = self._whole.recognise(sound)
        return self._lines[name] if name else None

    def begun(self, samples: NDArray[np.int16], rate: int) -> SpeechLine | None:
        """The line that begins as this speech does."""
        sound = resample(samples, rate, RATE)
        known = self._beginnings[rung(len(sound) / SAMPLES_PER_MS)]
        name = known.recognise(sound)
        return self._lines[name] if name else None


def rung(spoken_ms: float) -> int:
    """The index in `BEGINNINGS_MS` of the length at which this much speech is compared."""
    return max(0, bisect_right(BEGINNINGS_MS, spoken_ms) - 1)


def lexical(text: str) -> str:
    """Text as a recogniser's raw words: lower case, no punctuation but apostrophes inside words."""
    return " ".join(re.findall(r"[\w]+(?:'[\w]+)*", text.lower().replace("’", "'")))


def _line(item: Clip) -> SpeechLine:
    first, end = item.voiced
    return SpeechLine(item.name, item.text or "", (end - first) / SAMPLES_PER_MS)


def _beginning(item: Clip, ms: int) -> Clip:
    first = item.voiced[0]
    end = min(item.voiced[1], first + ms * SAMPLES_PER_MS)
    return Clip(item.name, item.text, item.pcm[_SAMPLE_BYTES * first : _SAMPLE_BYTES * end], (0, end - first))
