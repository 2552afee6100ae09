"""Scenarios: the reason for a call, what the caller says, and what a good answer contains.

The rule: a scenario that exists can be played. An error in one is found when it is read, and reported in one line that
names the scenario, the turn and the correct form.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pytest_rtmedload.audio import Clip

DEADLINE_S: Final = 10.0
"""From the beginning of an utterance to the beginning of its answer, unless a turn sets another value."""


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
    """One utterance of the caller."""

    clip: Clip
    expect: tuple[str, ...]
    """A good answer contains at least one of these, ignoring case; empty: any answer is good."""
    deadline: float
    """Seconds from the beginning of the utterance until the answer begins."""
    interrupts: float | None
    """Spoken during the previous answer, after this many seconds of it; None: after the whole answer."""
    think: float
    """Seconds the caller thinks before speaking."""

    @property
    def patience(self) -> float:
        """Seconds from the end of the utterance until the answer must begin."""
        return self.deadline - self.clip.voiced_end_ms / 1000

    def answered_by(self, text: str) -> bool:
        """True if a text is a good answer."""
        return not self.expect or any(word.lower() in text.lower() for word in self.expect)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A consultation."""

    id: str
    title: str
    priority: Priority
    weight: float
    """How often it is used in a mix, relative to the others."""
    turns: tuple[TurnPlan, ...]
    escalates: tuple[str, ...]
    """Somewhere in the conversation the agent must say one of these; empty: it need not escalate."""

    @property
    def critical(self) -> bool:
        """True for emergencies."""
        return self.priority is Priority.HIGH
