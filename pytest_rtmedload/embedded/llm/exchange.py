"""One request and its answer over ASGI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_rtmedload.embedded.asgi import TRANSPORT, disconnected, reset_connection

if TYPE_CHECKING:
    from pytest_rtmedload.embedded.asgi import Receive, Scope, Send
    from pytest_rtmedload.embedded.llm.limits import Headers

_JSON: Final = (b"content-type", b"application/json")


class HungUp(Exception):  # noqa: N818 - an action of the client, not an error
    """The client has closed the connection."""


class LlmExchange:
    """One request and its answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, received: int) -> None:
        self.received = received
        """When the request was fully received, on `time.perf_counter_ns`."""
        self.path: str = scope["path"]
        self.method: str = scope["method"]
        self.scope = scope
        self._receive, self._send = receive, send

    async def begin(self, headers: Headers, status: int = 200) -> None:
        """Send the status and the headers."""
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def write(self, part: bytes) -> None:
        """Send a part of the body.

        Raises:
            HungUp: the client has closed the connection.
        """
        if self.scope["state"][TRANSPORT].is_closing():
            raise HungUp
        await self._send({"type": "http.response.body", "body": part, "more_body": True})

    async def end(self, part: bytes = b"") -> None:
        """Send the last part of the body."""
        await self._send({"type": "http.response.body", "body": part})

    async def answer(self, content: bytes, headers: Headers, status: int = 200) -> None:
        """Send a whole answer in JSON."""
        await self.begin([_JSON, (b"content-length", b"%d" % len(content)), *headers], status)
        await self.end(content)

    async def cut(self) -> None:
        """Reset the connection."""
        await reset_connection(self.scope, self._receive)

    async def hang(self) -> None:
        """Send nothing until the client gives up."""
        await disconnected(self._receive)
