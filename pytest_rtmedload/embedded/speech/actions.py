"""What a connection's state machine asks its shell to do.

The rule: actions are done in the order they were asked for, none before it is due; one that is late delays those behind
it, and loses none.
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
    """Told when the message was handed to the transport."""


@dataclass(frozen=True, slots=True)
class Hangup:
    """End the connection; nothing after it is done."""

    due: int
    code: int | None = None
    """Of the WebSocket close; None resets the TCP connection."""
    reason: str = ""


Action = Send | Hangup


class SpeechConversation(Protocol):
    """The state machine of one connection."""

    def open(self, now: int) -> bool:
        """The connection stands; False: the quota forbids it."""

    def receive(self, message: Message, now: int) -> list[Action]:
        """Take in a message that was received at `now`.

        Raises:
            ProtocolError: the message breaks the protocol.
        """

    def close(self) -> None:
        """The connection has ended."""
