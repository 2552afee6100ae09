"""What a conversation wants done: the whole vocabulary between deciding and doing.

The rule: an action says what, never how; each socket has its own words for it.
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
    """This will be played soon."""

    speech: SpokenLine


class Play(NamedTuple):
    """Deliver a piece of a recording."""

    piece: DeliveredPiece
    turn: TurnTruth


class StopAnswer(NamedTuple):
    """Tell the caller to drop what has not sounded."""


class Close(NamedTuple):
    """End the call with this close code; see `settings.ABNORMAL`."""

    code: int


Action = Say | Prepare | Play | StopAnswer | Close
