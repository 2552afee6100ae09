"""`load.observe`: measures a client that the user made, in place: httpx, httpx2 or websockets.

The wrapping applies to a single object, never to its class, and is removed when the user ends. The libraries
are recognised by the names of their classes and never imported. Samples have the names and outcomes of the built-in
clients; whatever the library raises still reaches the caller, marked as counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar
from weakref import WeakSet

from pytest_rtmedload.clients.observe.http import watch_http
from pytest_rtmedload.clients.observe.websockets import watch_websocket

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_rtmedload.clients.observe.operation import OperationWatch
    from pytest_rtmedload.clients.recorder import SampleRecorder

_C = TypeVar("_C")


KINDS: Final[dict[str, Callable[[Any], OperationWatch]]] = {
    "httpx.AsyncClient": watch_http,
    "httpx.Client": watch_http,
    "httpx2.AsyncClient": watch_http,
    "httpx2.Client": watch_http,
    "websockets.asyncio.client.ClientConnection": watch_websocket,
}
"""What can be observed; classes derived from these, too."""

_MARK: Final = "_rtmedload_watch"  # on the client, so that both are forgotten together


class ClientObserver:
    """The clients that one virtual user asked to be measured.

    A client that several users share is measured once for each request, for the first of them that has not ended.

    Args:
        recorder: keeps the samples and errors, and counts if it has a `count`.
        redact: takes secrets out of what the agent says before it is kept.
    """

    def __init__(self, recorder: SampleRecorder, *, redact: Callable[[str], str] = str) -> None:
        self._recorder = recorder
        self._redact = redact
        self._clients: WeakSet[Any] = WeakSet()

    def observe(self, client: _C) -> _C:
        """Measure a client from now on; a second time changes nothing.

        Returns:
            The same client.

        Raises:
            TypeError: it is of no kind that can be observed.
        """
        kind = _kind(client)
        watch = vars(client).get(_MARK)
        if watch is None:
            watch = vars(client)[_MARK] = KINDS[kind](client)
        if client not in self._clients:
            self._clients.add(client)
            watch.watch_for(self._recorder, self._redact)
        return client

    def stop(self) -> None:
        """Stop measuring for this user; what is still under way becomes a censored sample. Can be called again."""
        for client in list(self._clients):
            if vars(client)[_MARK].leave(self._recorder):
                del vars(client)[_MARK]
        self._clients.clear()


def _kind(client: object) -> str:
    names = [f"{cls.__module__}.{cls.__qualname__}" for cls in type(client).__mro__]
    for name in names:
        if name in KINDS:
            return name
    raise TypeError(f"load.observe() cannot measure a {names[0]}, only {', '.join(KINDS)}")
