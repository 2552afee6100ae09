"""Links carry messages between the coordinator and a worker.

A message is a kind and a dict. The in-process link hands objects over as they are; a link between processes pickles
them, as both ends run the same code. An end that hears nothing more, because the other process is gone, is told so by
a last message, `gone`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

Message = tuple[str, dict[str, Any]]


class Link(Protocol):
    """One end of a two-way, ordered connection."""

    def send(self, message: Message, /) -> None:
        """Hand a message to the other end; one that is gone gets nothing."""

    def setcallback(self, callback: Callable[[Message], None], /) -> None:
        """Call this with every message that arrives, those that have already arrived first."""

    def hang_up(self) -> None:
        """End the process at the other end, which no longer answers."""


class InProcessLink:
    """Both ends live in this process: `send` calls the other end's callback at once."""

    def __init__(self) -> None:
        self.peer: InProcessLink
        self._callback: Callable[[Message], None] | None = None
        self._waiting: list[Message] = []

    @classmethod
    def pair(cls) -> tuple[InProcessLink, InProcessLink]:
        """Two connected ends."""
        left, right = cls(), cls()
        left.peer, right.peer = right, left
        return left, right

    def send(self, message: Message, /) -> None:
        """Hand a message to the other end."""
        self.peer.deliver(message)

    def setcallback(self, callback: Callable[[Message], None], /) -> None:
        """Call this with every message that arrives, those that have already arrived first."""
        self._callback = callback
        waiting, self._waiting = self._waiting, []
        for message in waiting:
            callback(message)

    def hang_up(self) -> None:
        """The other end is this process: nothing to end."""

    def deliver(self, message: Message) -> None:
        """What the other end has sent."""
        if self._callback is None:
            self._waiting.append(message)
        else:
            self._callback(message)
