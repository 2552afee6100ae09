"""The speech service's record of its own latency: each phrase and each synthesis, exactly.

The rule: times are `time.perf_counter_ns` of this process, comparable with those of other processes of the same machine
on Linux and macOS; None means that it has not happened. A phrase is identified by its `id`, which the SDK shows in the
JSON of a result; a connection by its `session`, the SDK's session id.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any, Final

PATH: Final = "/_truth"
MAX_ENTRIES: Final = 100_000
"""Records kept of each kind (30 MB); older ones are dropped."""


@dataclass(slots=True)
class PhraseTruth:
    """One utterance, heard and answered."""

    session: str
    request: str
    id: str
    began_ns: int
    """When its first voiced sample arrived."""
    last_voiced_ns: int
    """When its last voiced sample arrived."""
    drawn_ns: int = 0
    """The delay of the phrase, from the latency model."""
    heard_ns: int | None = None
    """When the silence that ended it was complete, or the audio ended."""
    first_partial_ns: int | None = None
    phrase_ns: int | None = None
    status: str = ""
    text: str = ""
    offset_ms: float = 0.0
    """From the turn's first sample."""
    duration_ms: float = 0.0
    partials: int = 0

    def note_partial(self, sent_ns: int) -> None:
        """Record that a hypothesis was sent."""
        self.partials += 1
        self.first_partial_ns = self.first_partial_ns or sent_ns

    def note_phrase(self, sent_ns: int) -> None:
        """Record that the phrase was sent."""
        self.phrase_ns = sent_ns


@dataclass(slots=True)
class SynthesisTruth:
    """One text, spoken."""

    session: str
    request: str
    text: str
    clip: str | None
    """The clip that was sent; None: a placeholder for words that no clip has."""
    received_ns: int
    drawn_ns: int
    """The delay of the first audio, from the latency model."""
    audio_ms: float
    first_audio_ns: int | None = None
    end_ns: int | None = None

    def note_first_audio(self, sent_ns: int) -> None:
        """Record that the first audio was sent."""
        self.first_audio_ns = sent_ns

    def note_end(self, sent_ns: int) -> None:
        """Record that the end of the turn was sent."""
        self.end_ns = sent_ns


def _entries() -> deque[Any]:
    return deque(maxlen=MAX_ENTRIES)


@dataclass(slots=True)
class SpeechTruth:
    """Everything since the start."""

    phrases: deque[PhraseTruth] = field(default_factory=_entries)
    syntheses: deque[SynthesisTruth] = field(default_factory=_entries)
    upgrades: Counter[str] = field(default_factory=Counter)
    """Answers to connections, counted: `stt 101`, `tts 429`, `stt never`."""
    ended: Counter[str] = field(default_factory=Counter)
    """Connections that the service ended: `1011`, `reset`."""

    def since(self, ns: int) -> dict[str, object]:
        """The body of `GET /_truth?since=NS`: entries that began at `ns` or later; the counts include everything."""
        return {
            "phrases": [phrase for phrase in self.phrases if phrase.began_ns >= ns],
            "syntheses": [synthesis for synthesis in self.syntheses if synthesis.received_ns >= ns],
            "upgrades": dict(self.upgrades),
            "ended": dict(self.ended),
        }
