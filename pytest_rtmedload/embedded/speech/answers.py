"""The answers of one turn of recognition, changed by its fault.

The rule: the turn decides what a healthy service would send; here the fault removes messages, breaks them, or ends the
connection. Nothing is sent after an end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_rtmedload.embedded.speech.actions import Action, Hangup, Send
from pytest_rtmedload.embedded.speech.faults import LATE_NS, FaultKind, SpeechFault
from pytest_rtmedload.embedded.speech.messages import TICKS_PER_MS, text_message

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_rtmedload.embedded.speech.hearing import Voiced

_TAKEN = {"turn.start": FaultKind.NO_TURN_START, "turn.end": FaultKind.NO_TURN_END}


class Answers:
    """Makes the messages of one turn."""

    def __init__(self, request_id: str, rate: int, fault: SpeechFault | None) -> None:
        self.over = False
        """No further answers are sent."""
        self.rate = rate
        """Samples per second of the turn's audio."""
        self._request_id = request_id
        self._fault = fault

    @property
    def silent(self) -> bool:
        """True if the turn is never answered."""
        return self._fault is not None and self._fault.kind is FaultKind.SILENT

    @property
    def status(self) -> str | None:
        """The recognition status that replaces all others."""
        return self._fault.value if self._fault is not None and self._fault.kind is FaultKind.STATUS else None

    def say(
        self, path: str, due: int, body: dict[str, object], sent: Callable[[int], object] | None = None
    ) -> list[Action]:
        """A message to be sent at `due`."""
        kind = self._fault.kind if self._fault is not None else None
        if self.over or self.silent or (kind is not None and kind is _TAKEN.get(path)):
            return []
        data = text_message(path, self._request_id, body)
        broken = kind is FaultKind.MALFORMED and path == "speech.phrase"
        return [Send(data[:-1] if broken else data, due, sent)]

    def fail(self, due: int, *, late: bool) -> list[Action]:
        """The end of the connection, if the fault wants it here."""
        fault = self._fault
        if fault is None or fault.kind not in (FaultKind.DROP, FaultKind.CLOSE) or fault.late is not late:
            return []
        return self.end(due + LATE_NS if late else due, int(fault.value) if fault.value else None, "Injected fault")

    def end(self, due: int, code: int | None, reason: str) -> list[Action]:
        """The end of the connection."""
        self.over = True
        return [Hangup(due, code, reason)]

    def place(self, span: Voiced) -> dict[str, object]:
        """The position of a span in the audio, as fields of a message."""
        return {"Offset": self.ticks(span.begin), "Duration": self.ticks(span.end) - self.ticks(span.begin)}

    def ticks(self, samples: int) -> int:
        """A position in the protocol's unit."""
        return samples * 1000 * TICKS_PER_MS // self.rate
