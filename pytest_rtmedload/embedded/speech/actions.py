"""The actions that a connection's state machine requests.

The rule: actions are performed in the order of the requests, none before it is due; a late one delays those after it,
but none is lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_rtmedload.embedded.speech.messages import Message

BAD_REQUEST: Final = 1007
"""Close codes that the SDK reports as BadRequest and TooManyRequests, and does not retry."""
TOO_MANY_REQUESTS: Final = 4429


@dataclass(frozen=True, slots=True)
class Send:
    """Send one WebSocket message: text or binary by its type."""

    data: str | bytes
    due: int
    """Not before this time (`time.perf_counter_ns`)."""
    sent: Callable[[int], object] | None = None
    """Called with the time at which the message was handed to the transport."""


@dataclass(frozen=True, slots=True)
class Hangup:
    """End the connection; later actions are dropped."""

    due: int
    code: int | None = None
    """Of the WebSocket close; None resets the TCP connection."""
    reason: str = ""


Action = Send | Hangup


class SpeechConversation(Protocol):
    """The state machine of one connection."""

    def open(self, now: int) -> bool:
        """The connection is open; returns False if it exceeds the quota."""

    def receive(self, message: Message, now: int) -> list[Action]:
        """Take in a message that was received at `now`.

        Raises:
            ProtocolError: the message breaks the protocol.
        """

    def close(self) -> None:
        """The connection has ended."""
