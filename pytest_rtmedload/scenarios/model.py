"""What a scenario is: who calls about what, what is said, and what a good answer holds.

The rule: a scenario that exists can be played. Whatever is wrong with one is found when it is read, and told in one
line that names the scenario, the turn and what would be right.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pytest_rtmedload.audio import Clip

DEADLINE_S: Final = 10.0
"""From the beginning of an utterance until its answer begins, where a turn does not say otherwise."""


class ScenarioError(ValueError):
    """A scenario is wrong; the text is one line."""


class Priority(StrEnum):
    """How urgent a consultation is."""

    HIGH = "high"
    """An emergency."""
    MEDIUM = "medium"
    NORMAL = "normal"


@dataclass(frozen=True, slots=True)
class TurnPlan:
    """One thing the caller says."""

    clip: Clip
    expect: tuple[str, ...]
    """A good answer holds at least one of these, in any case; empty: any answer will do."""
    deadline: float
    """Seconds from the beginning of the utterance until the answer begins."""
    interrupts: float | None
    """Spoken into the answer before, after so many seconds of it; None: when that has been heard."""
    think: float
    """Seconds the caller thinks before speaking."""

    @property
    def patience(self) -> float:
        """Seconds from the end of the utterance until the answer must begin."""
        return self.deadline - self.clip.voiced_end_ms / 1000

    def answered_by(self, text: str) -> bool:
        """Whether a text is a good answer."""
        return not self.expect or any(word.lower() in text.lower() for word in self.expect)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A consultation."""

    id: str
    title: str
    priority: Priority
    weight: float
    """How often it is held in a mix, relative to the others."""
    turns: tuple[TurnPlan, ...]
    escalates: tuple[str, ...]
    """Somewhere in the conversation the agent must say one of these; empty: it need not escalate."""

    @property
    def critical(self) -> bool:
        """True for emergencies."""
        return self.priority is Priority.HIGH
