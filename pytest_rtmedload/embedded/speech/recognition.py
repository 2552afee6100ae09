"""Recognition: the state machine of one connection.

The rule: a turn begins with a `speech.context` or with audio of a new id; audio of a turn that is over is dropped,
since the client may have sent it before it knew. Everything else (speech.config, telemetry) is accepted and ignored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_rtmedload.embedded.speech.context import TurnContext
from pytest_rtmedload.embedded.speech.turn import RecognitionTurn

if TYPE_CHECKING:
    from pytest_rtmedload.embedded.speech.actions import Action
    from pytest_rtmedload.embedded.speech.messages import Message
    from pytest_rtmedload.embedded.speech.recogniser import Recogniser


class Recognition:
    """One connection."""

    def __init__(self, recogniser: Recogniser, session: str, url: str) -> None:
        self._recogniser = recogniser
        self._session = session
        self._default = TurnContext.of_url(url)
        self._turn: RecognitionTurn | None = None
        self._entered = False

    def open(self, now: int) -> bool:
        """Count the connection; returns False if it exceeds the quota."""
        self._entered = self._recogniser.quota.enter(now)
        return self._entered

    def receive(self, message: Message, now: int) -> list[Action]:
        """Handle a message; returns the answers.

        Raises:
            ProtocolError: the message breaks the protocol.
        """
        match message.path:
            case "speech.context":
                self._turn = self._new_turn(message.request_id, self._default.updated(message.json()))
            case "audio":
                return self._turn_of(message.request_id).receive(message.audio, now)
        return []

    def close(self) -> None:
        """The connection has ended."""
        if self._entered:
            self._recogniser.quota.leave()

    def _turn_of(self, request_id: str) -> RecognitionTurn:
        if self._turn is None or self._turn.request_id != request_id:
            self._turn = self._new_turn(request_id, self._default)
        return self._turn

    def _new_turn(self, request_id: str, context: TurnContext) -> RecognitionTurn:
        return RecognitionTurn(self._recogniser, self._session, request_id, context)
