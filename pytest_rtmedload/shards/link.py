"""Links carry messages between the coordinator and a worker.

The in-process link hands messages over as they are; a link between processes pickles them, as both ends run the same
code. When the process at the other end is gone, the link itself delivers a last message, `Gone`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_rtmedload.shards.messages import ToCoordinator, ToWorker

Sent = TypeVar("Sent")
Heard = TypeVar("Heard")
Sent_contra = TypeVar("Sent_contra", contravariant=True)
Heard_co = TypeVar("Heard_co", covariant=True)


class Link(Protocol[Sent_contra, Heard_co]):
    """One end of a two-way, ordered connection: what it sends and receives."""

    def send(self, message: Sent_contra, /) -> None:
        """Hand a message to the other end; does nothing if that has ended."""

    def setcallback(self, callback: Callable[[Heard_co], None], /) -> None:
        """Call this with every message that arrives, those that have already arrived first."""

    def hang_up(self) -> None:
        """End the process at the other end, which no longer answers."""


class InProcessLink(Generic[Sent, Heard]):
    """Both ends live in this process: `send` calls the other end's callback at once."""

    def __init__(self) -> None:
        self.peer: InProcessLink[Heard, Sent]
        self._callback: Callable[[Heard], None] | None = None
        self._waiting: list[Heard] = []

    def send(self, message: Sent, /) -> None:
        """Hand a message to the other end."""
        self.peer.deliver(message)

    def setcallback(self, callback: Callable[[Heard], None], /) -> None:
        """Call this with every message that arrives, those that have already arrived first."""
        self._callback = callback
        waiting, self._waiting = self._waiting, []
        for message in waiting:
            callback(message)

    def hang_up(self) -> None:
        """The other end is this process: nothing to end."""

    def deliver(self, message: Heard) -> None:
        """What the other end has sent."""
        if self._callback is None:
            self._waiting.append(message)
        else:
            self._callback(message)


def connected() -> tuple[InProcessLink[ToWorker, ToCoordinator], InProcessLink[ToCoordinator, ToWorker]]:
    """The coordinator's end and the worker's of a new link within this process."""
    near: InProcessLink[ToWorker, ToCoordinator] = InProcessLink()
    far: InProcessLink[ToCoordinator, ToWorker] = InProcessLink()
    near.peer, far.peer = far, near
    return near, far
