"""State shared by the recognitions of one service."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.embedded.speech.faults import Api
from pytest_rtmedload.embedded.speech.partials import Partials

if TYPE_CHECKING:
    from pytest_rtmedload.embedded.speech.ground_truth import SpeechTruth
    from pytest_rtmedload.embedded.speech.lines import SpeechLines
    from pytest_rtmedload.embedded.speech.settings import SpeechSettings

_NS_PER_MS: Final = 1_000_000


class Recogniser:
    """State shared by the recognitions of a service: its settings, the lines it knows, its seeded delays, its truth."""

    def __init__(self, settings: SpeechSettings, seed: int, lines: SpeechLines, truth: SpeechTruth) -> None:
        self.settings = settings
        self.lines = lines
        self.truth = truth
        self.quota = settings.quota(Api.STT)
        self.faults = settings.fault_plan(Api.STT, seed)
        self._partial_delays = random.Random(f"{seed}/speech/first_partial")
        self._final_delays = random.Random(f"{seed}/speech/final")

    def draw_final(self) -> int:
        """The next delay of a phrase, in nanoseconds."""
        return self.settings.final.draw(self._final_delays)

    def partials(self) -> Partials:
        """The hypotheses of a new utterance."""
        return Partials(self.lines, self.settings.first_partial.draw(self._partial_delays) / _NS_PER_MS)
