"""A call that has ended, in milliseconds since it was connected: who spoke when, and what was measured there.

The rule: nothing is worked out again. The moments are the call's own and the samples are those that were recorded, so
that the picture and the numbers of a report can never disagree.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from pytest_rtmedload.voice.turns import TurnKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_rtmedload.audio import Clip
    from pytest_rtmedload.voice.turn_tracker import Sample
    from pytest_rtmedload.voice.turns import Turn


@dataclass(frozen=True, slots=True)
class KeptCall:
    """All that is known of a call. Times are nanoseconds of `time.perf_counter_ns`."""

    test: str
    """Node id of the test that made it."""
    call: str
    """The id sent to the agent."""
    spoken: Sequence[tuple[int, Clip]]
    """When each utterance began, and what it was."""
    turns: Sequence[Turn]
    samples: Sequence[Sample]
    ended_ns: int
    """When the caller hung up: what had not sounded by then was not heard."""

    @property
    def connected_ns(self) -> int:
        """When the call was up; 0: it never was."""
        return next((turn.speech_begin_ns for turn in self.turns if turn.kind is TurnKind.GREETING), 0)

    @property
    def duration_ms(self) -> float:
        """From connecting to hanging up."""
        return (self.ended_ns - self.connected_ns) / 1e6


class TurnSample(NamedTuple):
    """A sample of a turn."""

    metric: str
    start_ms: float
    end_ms: float
    outcome: str
    reason: str
    """Why it is not ok, in one line."""

    @property
    def ms(self) -> float:
        """What was measured."""
        return self.end_ms - self.start_ms


@dataclass(frozen=True, slots=True)
class Moments:
    """A turn. What did not happen, or was not heard before the call ended, is None."""

    kind: str
    """`greeting`, `answer`, or `unasked`."""
    utterance: str | None
    """Name of the line that the caller spoke."""
    said: str | None
    """Its words."""
    understood: str | None
    """What the agent took it to be, where it tells."""
    answer: str
    """The answer's words, where the agent tells them."""
    speech_begin_ms: float | None
    speech_end_ms: float | None
    endpointing_ms: float | None
    """How long the agent waited to be sure that the caller had finished, where it tells."""
    first_byte_ms: float | None
    onset_ms: float | None
    end_ms: float | None
    """When the last of the answer sounded."""
    cut: bool
    """The answer was interrupted, or the call ended in it."""
    problem: str | None
    samples: list[TurnSample] = field(default_factory=list)

    def sample(self, metric: str) -> TurnSample | None:
        """What was measured in this turn under a name."""
        return next((sample for sample in self.samples if sample.metric == metric), None)

    @property
    def heard_ms(self) -> float | None:
        """When the caller began to hear the answer, be it speech or not."""
        return self.onset_ms if self.onset_ms is not None else self.first_byte_ms


def moments_of(call: KeptCall) -> list[Moments]:
    """The turns of a call in which caller or agent spoke, or should have; each with the samples that began in it."""
    turns = [turn for turn in call.turns if turn.kind is not TurnKind.UNASKED or turn.first_byte_ns]
    asked = [turn for turn in turns if turn.speech_begin_ns]
    samples: dict[int, list[TurnSample]] = {}
    begins = [turn.speech_begin_ns for turn in asked]
    for sample in call.samples:
        owner = asked[max(bisect_right(begins, sample.start_ns) - 1, 0)]
        samples.setdefault(id(owner), []).append(_measured(call, sample))
    return [_moments(call, turn, samples.get(id(turn), [])) for turn in turns]


def _measured(call: KeptCall, sample: Sample) -> TurnSample:
    start, end = (since(call, at) for at in (sample.start_ns, sample.end_ns))
    return TurnSample(sample.metric, start, end, str(sample.outcome), sample.reason)


def _moments(call: KeptCall, turn: Turn, samples: list[TurnSample]) -> Moments:
    spoke = turn.kind is TurnKind.ANSWER
    return Moments(
        kind=str(turn.kind),
        utterance=turn.asked.name if turn.asked is not None else None,
        said=turn.asked.text if turn.asked is not None else None,
        understood=turn.understood,
        answer=turn.text,
        speech_begin_ms=_happened(call, turn.speech_begin_ns) if spoke else None,
        speech_end_ms=_happened(call, turn.speech_end_ns) if spoke else None,
        endpointing_ms=turn.endpointing_ms,
        first_byte_ms=_happened(call, turn.first_byte_ns),
        onset_ms=_happened(call, turn.onset_ns),
        end_ms=_happened(call, min(turn.end_ns, call.ended_ns)),
        cut=turn.cut,
        problem=turn.problem,
        samples=samples,
    )


def _happened(call: KeptCall, at_ns: int) -> float | None:
    return since(call, at_ns) if 0 < at_ns <= call.ended_ns else None


def since(call: KeptCall, at_ns: int) -> float:
    """Milliseconds since the call was connected."""
    return round((at_ns - call.connected_ns) / 1e6, 3)
