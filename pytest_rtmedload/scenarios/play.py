"""Plays a consultation: speaks the turns of the scenario, and judges the answers.

The rule: the content of an answer is judged if the agent sends its text; if it does not, an answer that was heard in
time counts as good. A turn without an answer ends the conversation, as a caller would hang up.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from pytest_rtmedload.scenarios.model import Scenario, TurnPlan
    from pytest_rtmedload.voice.turns import Answer
    from pytest_rtmedload.voice.voice_call import VoiceCall

DURATION: Final = "flow.duration"
TURNS_OK: Final = "flow.turns_ok"
CONTENT: Final = "flow.expected_content"
SATISFACTION: Final = "flow.satisfaction"

PROMPT_MS: Final = 700.0
"""A gap that callers do not notice in a call over a network."""
LOST_MS: Final = 3_000.0
"""A gap after which callers assume that the line is dead."""
WEIGHTS: Final = (0.5, 0.3, 0.2)
"""Weights of achievement, promptness and smoothness."""


class ScenarioUser(Protocol):
    """A virtual user."""

    def tag(self, name: str, value: str) -> None:
        """Label what is recorded from now on."""

    def check(self, name: str, condition: object, heard: object = None) -> bool:
        """A soft assertion."""

    def value(self, name: str, amount: float, unit: str = "") -> None:
        """Keep a quantity that is not a time."""

    def measure(self, name: str) -> AbstractContextManager[None]:
        """Measure a block."""

    async def think(self, shortest: float) -> None:
        """Pause."""


@dataclass(slots=True)
class Consultation:
    """The result of playing a scenario."""

    scenario: Scenario
    heard: list[tuple[TurnPlan, Answer]] = field(default_factory=list)

    @property
    def told(self) -> list[tuple[TurnPlan, Answer]]:
        """The turns whose answer is available as text."""
        return [(turn, answer) for turn, answer in self.heard if answer.text]

    @property
    def turns_ok(self) -> float:
        """Share of the turns with a valid answer of the expected content."""
        good = sum(_good(turn, answer) for turn, answer in self.heard)
        return good / len(self.scenario.turns)

    @property
    def expected_content(self) -> float | None:
        """Share of the answers available as text that contain what was expected; None when there are none."""
        told = self.told
        return sum(turn.answered_by(answer.text) for turn, answer in told) / len(told) if told else None

    @property
    def escalated(self) -> bool:
        """True if the agent escalated where it must, or if its words are not known."""
        words, told = self.scenario.escalates, self.told
        return not words or not told or any(word.lower() in a.text.lower() for _, a in told for word in words)

    @property
    def promptness(self) -> float:
        """Mean over the turns: 1 for an answer within 700 ms, 0 after 3 s or without one, linear between."""
        gaps = [answer.samples.get("voice.loop", LOST_MS) for _, answer in self.heard]
        scores = [min(max((LOST_MS - gap) / (LOST_MS - PROMPT_MS), 0.0), 1.0) for gap in gaps]
        return sum(scores) / len(self.scenario.turns)

    @property
    def smoothness(self) -> float:
        """Share of the answers that were valid and not broken off by the agent or the network."""
        return sum(answer.problem is None for _, answer in self.heard) / len(self.scenario.turns)

    @property
    def satisfaction(self) -> float:
        """*Simulated* satisfaction, 1 to 5: no person was asked.

        1 + 4 · (0.5 · achieved + 0.3 · promptness + 0.2 · smoothness), where achieved is the share of good turns, and 0
        for an emergency that was not recognised. The form, a weighted sum of task success and of what the conversation
        cost, is that of PARADISE (Walker, Litman, Kamm and Abella, ACL 1997); the weights are ours, not fitted.
        """
        achieved = self.turns_ok if self.escalated else 0.0
        parts = (achieved, self.promptness, self.smoothness)
        return 1 + 4 * sum(weight * part for weight, part in zip(WEIGHTS, parts, strict=True))


async def play(scenario: Scenario, load: ScenarioUser, call: VoiceCall) -> Consultation:
    """Play a scenario on a connected call, and record the result.

    Records `flow.duration` and the values `flow.turns_ok`, `flow.expected_content` and `flow.satisfaction`, all under
    the tag `scenario`; checks that every turn was answered well and that an emergency was recognised.

    Raises:
        CallError: a turn had no answer; recorded.
    """
    load.tag("scenario", scenario.id)
    held = Consultation(scenario)
    try:
        with load.measure(DURATION):
            await _converse(held, load, call)
    finally:
        _record(held, load)
    return held


async def _converse(held: Consultation, load: ScenarioUser, call: VoiceCall) -> None:
    turns = held.scenario.turns
    for number, turn in enumerate(turns):
        following = turns[number + 1] if number + 1 < len(turns) else None
        if turn.interrupts is None:  # else it was spoken into the answer before
            if turn.think:
                await load.think(turn.think)
            await call.say(turn.clip)
        if following is not None and following.interrupts is not None:
            held.heard.append((turn, await _interrupted(turn, following, call)))
        else:
            held.heard.append((turn, await call.heard(timeout=turn.patience)))


async def _interrupted(turn: TurnPlan, following: TurnPlan, call: VoiceCall) -> Answer:
    """The answer to a turn, which the next turn is spoken into."""
    return await call.interrupt(following.clip, after=following.interrupts or 0.0, timeout=turn.patience)


def _good(turn: TurnPlan, answer: Answer) -> bool:
    return answer.problem is None and (not answer.text or turn.answered_by(answer.text))


def _record(held: Consultation, load: ScenarioUser) -> None:
    load.value(TURNS_OK, held.turns_ok)
    if held.expected_content is not None:
        load.value(CONTENT, held.expected_content)
    load.value(SATISFACTION, held.satisfaction, "of 5 (simulated)")
    for turn, answer in held.heard:
        load.check(f"a good answer to {turn.clip.name}", _good(turn, answer), answer.problem or answer.text or None)
    load.check("the emergency was recognised", held.escalated)
