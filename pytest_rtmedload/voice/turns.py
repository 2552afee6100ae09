"""One turn of a call: what the caller said, and the answer that belongs to it.

All times are nanoseconds of one monotonic clock; 0 stands for what has not happened.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from pytest_rtmedload.voice.quality import Delivery

if TYPE_CHECKING:
    from pytest_rtmedload.audio import Clip


class TurnKind(StrEnum):
    """Why the agent speaks."""

    GREETING = "greeting"
    ANSWER = "answer"
    UNASKED = "unasked"
    """The caller had not spoken: `are you still there?`, for instance."""


@dataclass(slots=True, eq=False)
class Piece:
    """Audio without a gap and where it stands on the loudspeaker's clock."""

    begin_ns: int
    rate: int
    arrived: list[bytes]
    """As it came: joined on demand, since copying costs more than keeping."""

    @property
    def pcm(self) -> bytes:
        """16-bit little-endian mono PCM."""
        return b"".join(self.arrived)

    @property
    def duration_ns(self) -> int:
        """How long it sounds."""
        return sum(map(len, self.arrived)) // 2 * 1_000_000_000 // self.rate

    def cut(self, at_ns: int) -> None:
        """Forget what does not sound by then."""
        samples = (at_ns - self.begin_ns) * self.rate // 1_000_000_000
        self.arrived = [self.pcm[: 2 * samples]]


@dataclass(slots=True, eq=False)
class Turn:
    """What is known of a turn so far."""

    kind: TurnKind
    asked: Clip | None = None
    speech_begin_ns: int = 0
    """First voiced sample of the utterance sent; of a greeting: connected."""
    speech_end_ns: int = 0
    """End of its last voiced sample; of a greeting: connected."""
    first_byte_ns: int = 0
    onset_ns: int = 0
    """First voiced frame of the answer sounds; may lie ahead while earlier audio is still playing."""
    answered: bool = False
    """The onset has sounded."""
    over: bool = False
    """The answer has been heard to its end."""
    end_ns: int = 0
    more: bool = False
    """The agent said that there is more to come."""
    cut: bool = False
    """Ended by the caller's interruption, or by the end of the connection."""
    pieces: list[Piece] = field(default_factory=list)
    delivery: Delivery = field(default_factory=Delivery)
    understood: str | None = None
    endpointing_ms: float | None = None
    sentences: list[str] = field(default_factory=list)
    whole_text: str = ""
    problem: str | None = None
    """Why the answer is not valid, in one line."""

    def add(self, begin_ns: int, end_ns: int, pcm: bytes, rate: int) -> None:
        """Audio that sounds then: mostly it goes on where what came before ends, and is kept in one piece with that."""
        last = self.pieces[-1] if self.pieces else None
        if last is not None and begin_ns == self.end_ns and rate == last.rate:
            last.arrived.append(pcm)
        else:
            self.pieces.append(Piece(begin_ns, rate, [pcm]))
        self.end_ns = end_ns

    @property
    def text(self) -> str:
        """The answer as text, empty when the agent does not tell it."""
        return self.whole_text or " ".join(self.sentences)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the caller heard."""

    text: str
    """The answer as text; empty when the agent does not tell it."""
    understood: str | None
    """What the agent took the caller to have said; None when it does not tell."""
    audio: bytes
    """16-bit little-endian mono PCM, without gaps."""
    rate: int
    """Samples per second of `audio`."""
    samples: dict[str, float]
    """What was measured in this turn: metric → milliseconds."""
    cut: bool
    """True when it was interrupted, or the connection ended."""
    problem: str | None
    """Why the answer is not valid, such as that the agent spoke too early; None: it is valid."""

    @classmethod
    def of(cls, turn: Turn, samples: dict[str, float]) -> Answer:
        """The answer of a turn, and what was measured in it."""
        rate = turn.pieces[0].rate if turn.pieces else 0
        audio = b"".join(piece.pcm for piece in turn.pieces)
        cut = turn.cut or not turn.over
        return cls(turn.text, turn.understood, audio, rate, dict(samples), cut, turn.problem)

    @property
    def duration(self) -> float:
        """Seconds of audio."""
        return len(self.audio) / 2 / self.rate if self.rate else 0.0
