"""The random draws of a call: its delays, and which of its turns a fault hits.

The rule: each delay and each fault draws from its own random stream, seeded for each call, so that the draws depend
neither on other settings nor on other calls.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_rtmedload.embedded.calls.ground_truth import TurnTruth
    from pytest_rtmedload.embedded.calls.settings import VoiceSettings

Fate = dict[str, bool]
"""For each fault, by the names of `settings.SHARES`: True if it hits the turn."""


class Chance:
    """The draws of one call."""

    def __init__(self, settings: VoiceSettings, seed: str) -> None:
        self._settings = settings
        self._streams = {name: random.Random(f"{seed}/{name}") for name in (*settings.delays, *settings.shares)}

    def delay(self, name: str, turn: TurnTruth) -> int:
        """The next delay of that name in nanoseconds; the turn keeps it."""
        turn.drawn_ns[name] = self._settings.delays[name].draw(self._streams[name])
        return turn.drawn_ns[name]

    def fate(self) -> Fate:
        """The faults of the next turn."""
        return {name: self._streams[name].random() < share for name, share in self._settings.shares.items()}
