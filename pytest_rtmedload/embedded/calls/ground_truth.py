"""The agent's record of its own turns, and how a test reads it.

The rule: every time is on the agent's `time.perf_counter_ns` (on Linux CLOCK_MONOTONIC, which all processes of a
machine share) and comes from its own samples: never from what a caller measured.
"""

from __future__ import annotations

import http.client
import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal
from urllib.parse import urlsplit

PATH: Final = "/_truth/calls"
MAX_TURNS: Final = 200_000
"""Turns, and keys, that are kept; later ones are not."""

Outcome = Literal["planned", "played", "interrupted", "cancelled", "silent"]


@dataclass(slots=True)
class TurnTruth:
    """A greeting, or an utterance and its answer."""

    call: str
    number: int
    """0 is the greeting."""
    kind: Literal["greeting", "answer"]
    heard: str | None = None
    """The words of the utterance, empty when they were not understood; None for a greeting."""
    speech_begin_ns: int | None = None
    """When the first voiced sample of the utterance was spoken."""
    speech_end_ns: int | None = None
    """When the last one was."""
    reply: str | None = None
    """Name of the recording that answers."""
    drawn_ns: dict[str, int] = field(default_factory=dict)
    """The delays of the model, by name."""
    first_audio_ns: int | None = None
    """When the first audio was handed to the transport."""
    onset_ns: int | None = None
    """When its first voiced sample plays: max(first audio, end of audio already playing) + its leading silence."""
    barge_in: dict[str, int] | None = None
    """`begin_ns` of the interrupting speech, and `stopped_ns`, when the answer was stopped."""
    outcome: Outcome = "planned"
    fault: str | None = None
    """The injected fault that hit it, as in `voice.<fault>`."""

    def to_metrics(self) -> dict[str, Any]:
        """A turn as the agent's REST metrics report it, in milliseconds; its audio has begun."""
        stt, llm, tts = (self.drawn_ns.get(name, 0) / 1e6 for name in ("stt", "llm", "tts"))
        begun, end = self.first_audio_ns or 0, self.speech_end_ns
        return {
            "turn_number": self.number,
            "stt_latency_ms": stt,
            "llm_ttfb_ms": llm,
            "llm_total_ms": llm,
            "tts_ttfb_ms": tts,
            "tts_total_ms": tts,
            "total_latency_ms": None if end is None else (begun - end) / 1e6,
            "timestamp": datetime.now(UTC).isoformat(),
        }


@dataclass(slots=True)
class PressedKey:
    """A key of the phone was pressed."""

    call: str
    key: str
    received_ns: int


class CallsTruth:
    """All calls since the last reset."""

    def __init__(self) -> None:
        self.turns: list[TurnTruth] = []
        self.keys: list[PressedKey] = []

    def reset(self) -> None:
        """Forget everything."""
        self.turns, self.keys = [], []

    def add_turn(self, turn: TurnTruth) -> None:
        """Keep a turn, which may still be in progress."""
        if len(self.turns) < MAX_TURNS:
            self.turns.append(turn)

    def add_key(self, key: PressedKey) -> None:
        """Keep a pressed key."""
        if len(self.keys) < MAX_TURNS:
            self.keys.append(key)

    def to_json(self) -> dict[str, Any]:
        """The body of `GET /_truth/calls`."""
        return {"turns": [asdict(turn) for turn in self.turns], "keys": [asdict(key) for key in self.keys]}


def calls_truth(url: str, timeout: float = 30.0) -> tuple[list[TurnTruth], list[PressedKey]]:
    """The turns of all calls of the embedded agent at `url` since the last reset, as they began, and the keys.

    Raises:
        OSError: it does not answer within `timeout` seconds.
    """
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=timeout)
    try:
        connection.request("GET", PATH)
        answer = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    return [TurnTruth(**turn) for turn in answer["turns"]], [PressedKey(**key) for key in answer["keys"]]
