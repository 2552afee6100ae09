"""The settings of the embedded agent's calls.

The rule: with the defaults the P99 of the voice loop is at most 70 % of its target (700 ms): 200 ms to be sure that the
caller has finished, 30 + 90 + 40 ms to recognise, think and speak, 40 ms of silence before the first word.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Self

from pytest_rtmedload.embedded.distributions import DelayModel, format_duration, parse_duration
from pytest_rtmedload.embedded.keys import Key, choice, number, share

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_rtmedload.embedded.keys import Given

DEFAULT_DELAYS: Final = {
    "greeting": DelayModel.parse("lognormal(120ms, 0.2)"),
    "stt": DelayModel.parse("lognormal(30ms, 0.2)"),
    "llm": DelayModel.parse("lognormal(90ms, 0.2)"),
    "tts": DelayModel.parse("lognormal(40ms, 0.2)"),
}
_DELAY_TEXTS: Final = {
    "greeting": "time from connect (or from the caller's AudioMetadata) to the greeting",
    "stt": "time to recognise an utterance, after its end was detected",
    "llm": "time from the recognition to the text of the answer",
    "tts": "time from the text to the first audio",
}
SHARES: Final = {
    "silent": "share of utterances that are never answered",
    "cut": "share of answers of which only the first half is delivered",
    "hang_up": "share of answers during which the agent closes with voice.close_code",
    "talk_over": "share of utterances answered before the caller has finished",
    "deaf_to_barge_in": "share of answers that do not stop when the caller interrupts",
}
"""Drawn for each turn, from a random stream for each call and fault."""
DEFAULT_ENDPOINTING_NS: Final = 200_000_000
DEFAULT_BARGE_IN_NS: Final = 120_000_000
DEFAULT_IDLE_NS: Final = 300_000_000_000
ABNORMAL: Final = 1006
"""As `voice.close_code`: no close frame, the TCP connection is reset."""
_GOING_AWAY_CODES: Final = (*range(1000, 1004), ABNORMAL, *range(1007, 1015))


@dataclass(frozen=True, slots=True)
class VoiceSettings:
    """The behaviour of calls; times in nanoseconds."""

    KEYS: ClassVar[tuple[Key, ...]] = (
        *(Key(f"voice.{name}", str(DEFAULT_DELAYS[name]), text) for name, text in _DELAY_TEXTS.items()),
        Key("voice.endpointing", format_duration(DEFAULT_ENDPOINTING_NS), "silence after which an utterance is over"),
        Key("voice.barge_in", format_duration(DEFAULT_BARGE_IN_NS), "speech that interrupts an answer"),
        Key("voice.idle", format_duration(DEFAULT_IDLE_NS), "time without sound or key after which a call is closed"),
        Key("voice.pace", "burst", "an answer's audio is delivered at once (burst) or at playback speed (realtime)"),
        Key("voice.max_calls", "any number", "calls at a time; the handshake of more is answered 500", fault=True),
        Key("voice.refuse", "0", "share of handshakes answered 503", fault=True),
        *(Key(f"voice.{name}", "0", text, fault=True) for name, text in SHARES.items()),
        Key("voice.close_code", "1011", "close code of voice.hang_up; 1006 resets the connection"),
        Key("voice.stall", "none", "LENGTH of a gap in the middle of the delivery of every answer", fault=True),
    )

    delays: Mapping[str, DelayModel]
    """Of `greeting`, `stt`, `llm` and `tts`."""
    endpointing: int
    barge_in: int
    idle: int
    realtime: bool
    max_calls: int | None
    refuse: float
    shares: Mapping[str, float]
    """By the names of `SHARES`."""
    close_code: int
    stall: int

    @classmethod
    def parse(cls, given: Given) -> Self:
        """Read the `voice.*` pairs.

        Raises:
            ValueError: one line that names the key and what is allowed.
        """
        return cls(
            delays={
                name: given.one(f"voice.{name}", DelayModel.parse, delay) for name, delay in DEFAULT_DELAYS.items()
            },
            endpointing=given.one("voice.endpointing", parse_duration, DEFAULT_ENDPOINTING_NS),
            barge_in=given.one("voice.barge_in", parse_duration, DEFAULT_BARGE_IN_NS),
            idle=given.one("voice.idle", parse_duration, DEFAULT_IDLE_NS),
            realtime=given.one("voice.pace", choice("burst", "realtime"), "burst") == "realtime",
            max_calls=given.one("voice.max_calls", number(1), None),
            refuse=given.one("voice.refuse", share, 0.0),
            shares={name: given.one(f"voice.{name}", share, 0.0) for name in SHARES},
            close_code=given.one("voice.close_code", _close_code, 1011),
            stall=given.one("voice.stall", parse_duration, 0),
        )

    @property
    def model(self) -> str:
        """The delays, in one line for reports."""
        delays = ", ".join(f"{name} {delay}" for name, delay in self.delays.items())
        return f"end of speech {format_duration(self.endpointing)}, {delays}"


def _close_code(text: str) -> int:
    code = number(1000, 4999)(text)
    if code < 3000 and code not in _GOING_AWAY_CODES:
        raise ValueError(f"{text!r} is not a close code: write 1000, 1001, 1006 (reset), 1011, 1013 or 3000 to 4999")
    return code
