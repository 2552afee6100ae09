"""Injected faults: all failures of the real service that the Speech SDK distinguishes.

The rule: a fault is set by its name, and hits a share of the connections (faults that refuse the upgrade) or of the
requests (all others), drawn from its own seeded random stream; `limit` ends it after that many hits, so that a retry
succeeds. Faults in the middle of a request happen when speech begins, or before the first audio; with `@late` they
happen after the first phrase, or after some audio.

    401  no_upgrade  silent  drop  drop@late  close_1011  close_4429@late  status_TooManyRequests  stall  no_turn_end
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

LATE: Final = "@late"
LATE_NS: Final = 100_000_000
"""From the last message to a late end: a reset discards data that the client has received but not yet read."""
REFUSALS: Final = (400, 401, 403, 404, 429, 500, 503)
"""HTTP statuses instead of the upgrade."""
CLOSE_CODES: Final = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 4429)
"""Codes that a peer may send (RFC 6455, 7.4), and the service's own for a quota."""
STATUSES: Final = ("Error", "TooManyRequests", "BadRequest", "Forbidden", "InitialSilenceTimeout", "BabbleTimeout")
"""A phrase's `RecognitionStatus` instead of its words."""


class Api(StrEnum):
    """The two services behind one address."""

    STT = "stt"
    TTS = "tts"


class FaultKind(StrEnum):
    """What a fault does."""

    REFUSE = "refuse"
    """Answer the upgrade with an HTTP status."""
    NO_UPGRADE = "no_upgrade"
    """Accept the TCP connection and never answer."""
    SILENT = "silent"
    """Upgrade, then never answer."""
    DROP = "drop"
    """Reset the TCP connection."""
    CLOSE = "close"
    """Close the WebSocket with a code."""
    STATUS = "status"
    """Answer speech with a status instead of words."""
    MALFORMED = "malformed"
    """Answer with invalid JSON."""
    STALL = "stall"
    """Pause in the middle of the audio for longer than the SDK waits."""
    NO_TURN_START = "no_turn_start"
    NO_TURN_END = "no_turn_end"


_PLAIN: Final = (
    FaultKind.NO_UPGRADE,
    FaultKind.SILENT,
    FaultKind.DROP,
    FaultKind.MALFORMED,
    FaultKind.STALL,
    FaultKind.NO_TURN_START,
    FaultKind.NO_TURN_END,
)
_EARLY_OR_LATE: Final = (FaultKind.DROP, FaultKind.CLOSE)
_ONLY: Final = {FaultKind.STATUS: Api.STT, FaultKind.MALFORMED: Api.STT, FaultKind.STALL: Api.TTS}


@dataclass(frozen=True, slots=True)
class SpeechFault:
    """One way to fail."""

    kind: FaultKind
    value: str = ""
    """The HTTP status, the close code or the recognition status."""
    late: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a fault by its name.

        Raises:
            ValueError: there is no such fault; the text lists those there are.
        """
        name, at, _ = text.partition(LATE)
        late = bool(at)
        kind, value = _split(name)
        if kind is None or text != name + at or (late and kind not in _EARLY_OR_LATE):
            raise ValueError(f"{text!r} is not a fault: there are {', '.join(names())}")
        return cls(kind, value, late)

    @property
    def at_upgrade(self) -> bool:
        """True if it hits before the WebSocket is established."""
        return self.kind in (FaultKind.REFUSE, FaultKind.NO_UPGRADE)

    def fits(self, api: Api) -> bool:
        """True if this service can fail this way."""
        return _ONLY.get(self.kind, api) == api

    def __str__(self) -> str:
        name = self.value if self.kind is FaultKind.REFUSE else f"{self.kind}_{self.value}" if self.value else self.kind
        return name + (LATE if self.late else "")


def names() -> list[str]:
    """Every fault, as it is written."""
    closes = [f"close_{code}" for code in CLOSE_CODES]
    either = [f"{name}[{LATE}]" for name in (FaultKind.DROP, *closes)]
    plain = [kind for kind in _PLAIN if kind not in _EARLY_OR_LATE]
    return [*map(str, REFUSALS), *either, *plain, *(f"status_{status}" for status in STATUSES)]


def _split(name: str) -> tuple[FaultKind | None, str]:
    kind, _, value = name.partition("_")
    if name in map(str, REFUSALS):
        return FaultKind.REFUSE, name
    if kind == FaultKind.CLOSE and value in map(str, CLOSE_CODES):
        return FaultKind.CLOSE, value
    if kind == FaultKind.STATUS and value in STATUSES:
        return FaultKind.STATUS, value
    return (FaultKind(name), "") if name in _PLAIN else (None, "")


class FaultPlan:
    """Decides which connections and requests of one service fail."""

    def __init__(self, fault: SpeechFault | None, rate: float, limit: int | None, seed: str) -> None:
        self._fault = fault
        self._rate = rate
        self._left = limit
        self._random = random.Random(seed)

    def next_connection(self) -> SpeechFault | None:
        """The fault of the next upgrade, if any."""
        return self._draw() if self._fault is not None and self._fault.at_upgrade else None

    def next_request(self) -> SpeechFault | None:
        """The fault of the next request on an open connection, if any."""
        return self._draw() if self._fault is not None and not self._fault.at_upgrade else None

    def _draw(self) -> SpeechFault | None:
        if self._random.random() >= self._rate or self._left == 0:
            return None
        if self._left is not None:
            self._left -= 1
        return self._fault
