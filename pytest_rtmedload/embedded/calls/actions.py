"""The actions a conversation can request from its socket.

The rule: an action says what to do, never how; each socket encodes it in its own messages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pytest_rtmedload.embedded.calls.delivery import DeliveredPiece
    from pytest_rtmedload.embedded.calls.ground_truth import TurnTruth
    from pytest_rtmedload.embedded.calls.lines import SpokenLine


class Say(NamedTuple):
    """Send a text message: `kind` is a field of `dialects.voice.Said`, or `exit`."""

    kind: str
    text: str
    turn: TurnTruth


class Prepare(NamedTuple):
    """Announce a recording that will be played soon, so that it can be prepared."""

    speech: SpokenLine


class Play(NamedTuple):
    """Deliver a piece of a recording."""

    piece: DeliveredPiece
    turn: TurnTruth


class StopAnswer(NamedTuple):
    """Ask the caller to discard audio that has not been played."""


class Close(NamedTuple):
    """End the call with this close code; see `settings.ABNORMAL`."""

    code: int


Action = Say | Prepare | Play | StopAnswer | Close
