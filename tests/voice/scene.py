"""A call on a fake clock, and what its two ends do."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from pytest_rtmedload.audio import Clip, clip
from pytest_rtmedload.dialects.heard import Audio
from pytest_rtmedload.results.recording import Outcome
from pytest_rtmedload.voice.turn_tracker import Call, Sample, Value

MS = 1_000_000
EXACT = 20
"""Milliseconds: how exactly an onset is known."""
LIMIT = 5_000
_REPLY = clip("chest_pain_1_reply")
_VOICE = _REPLY.pcm[2 * _REPLY.voiced[0] : 2 * _REPLY.voiced[1]] * 2
LINE = Clip("line", "my chest hurts", _VOICE, (0, len(_VOICE) // 2))


def voice(milliseconds: int, *, after: int = 0, more: bool = False) -> Audio:
    """Speech from its first sample on, or from a later one."""
    return Audio(_VOICE[32 * after : 32 * (after + milliseconds)], None, more)


def silent(milliseconds: int) -> Audio:
    return Audio(bytes(32 * milliseconds), None, more=False)


@dataclass
class Scene:
    """A call on a clock in milliseconds that ticks when the call asks for it."""

    call: Call = field(default_factory=lambda: Call(16_000, LIMIT * MS))
    at: int = 1_000
    found: list[Sample | Value] = field(default_factory=list)

    def to(self, milliseconds: int) -> Scene:
        """Let time go on until then."""
        end = milliseconds * MS
        while (due := self.call.deadline_ns) is not None and due <= end:
            self.call.tick(due)
            after = self.call.deadline_ns
            assert after is None or after > due, "a tick that changes nothing: the timer would ring for ever"
        self.at = milliseconds
        self.call.tick(end)
        return self

    def connect(self) -> Scene:
        self.call.connected(self.at * MS)
        return self

    def hear(self, audio: Audio) -> Scene:
        """The agent sends audio now."""
        self.call.audio(audio, self.at * MS)
        return self.to(self.at)

    def hear_live(self, milliseconds: int) -> Scene:
        """The agent sends speech in real time, frame by frame."""
        for begin in range(0, milliseconds, 20):
            self.hear(voice(20, after=begin)).to(self.at + 20)
        return self

    def say(self, milliseconds: int, lead: int = 0) -> Scene:
        """The caller speaks from now on, after a silence that belongs to the recording."""
        self.begin(lead).to(self.at + milliseconds).call.speech_ended(self.at * MS)
        return self

    def begin(self, lead: int = 0) -> Scene:
        """The caller begins to speak."""
        self.utter().to(self.at + lead).call.speech_began(self.at * MS)
        return self

    def utter(self) -> Scene:
        """The caller begins to send an utterance."""
        self.call.utter(LINE, self.at * MS)
        return self

    def stop(self) -> Scene:
        self.call.stop(self.at * MS)
        return self

    def samples(self, metric: str) -> list[tuple[float, str]]:
        """What was found of a metric: milliseconds, outcome."""
        self.found += self.call.findings
        self.call.findings = []
        named = [found for found in self.found if isinstance(found, Sample) and found.metric == metric]
        return [((sample.end_ns - sample.start_ns) / MS, sample.outcome) for sample in named]

    def value(self, name: str) -> list[float]:
        self.samples("")
        return [found.amount for found in self.found if isinstance(found, Value) and found.name == name]

    def reasons(self) -> list[str]:
        self.samples("")
        return [found.reason for found in self.found if isinstance(found, Sample) and found.outcome is not Outcome.OK]


def about(milliseconds: float) -> tuple[object, str]:
    return pytest.approx(milliseconds, abs=EXACT), Outcome.OK
