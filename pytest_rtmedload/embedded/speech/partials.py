"""The hypotheses of one utterance: when each is due, and its text.

The rule: the first is due after a drawn amount of *speech received*, the others every 300 ms of speech after it. One is
sent only if its text is new; without a guess nothing is sent, and the next audio is tried.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_rtmedload.embedded.speech.hearing import Voiced
from pytest_rtmedload.embedded.speech.lines import BEGINNINGS_MS, SpeechLine, SpeechLines, rung

if TYPE_CHECKING:
    from pytest_rtmedload.embedded.speech.hearing import SpeechEar

EVERY_MS: Final = 300


class Partials:
    """Guesses the line of one utterance while it is being said."""

    def __init__(self, lines: SpeechLines, first_ms: float) -> None:
        self.guess: SpeechLine | None = None
        """The current guess of the utterance."""
        self._lines = lines
        self._due_ms = first_ms
        self._rung: int | None = None
        """The length at which the guess was made."""
        self._said = ""

    def next(self, ear: SpeechEar, speech: Voiced) -> str | None:
        """The hypothesis that is due now, None when there is none."""
        spoken_ms = 1000 * (speech.end - speech.begin) / ear.rate
        if spoken_ms < self._due_ms:
            return None
        self._guess(ear, speech, spoken_ms)
        if self.guess is None:
            return None
        self._due_ms += EVERY_MS * (1 + (spoken_ms - self._due_ms) // EVERY_MS)
        text = self.guess.words_by(spoken_ms)
        said, self._said = self._said, text
        return text if text != said else None

    def _guess(self, ear: SpeechEar, speech: Voiced, spoken_ms: float) -> None:
        """Compare the beginning again whenever there is enough of it for a better guess; never with more than that."""
        length = rung(spoken_ms)
        if length == self._rung:
            return
        samples = BEGINNINGS_MS[length] * ear.rate // 1000
        beginning = Voiced(speech.begin, min(speech.end, speech.begin + samples))
        found = self._lines.begun(ear.samples(beginning), ear.rate)
        if found is not None or length == len(BEGINNINGS_MS) - 1:
            self.guess, self._rung = found, length
