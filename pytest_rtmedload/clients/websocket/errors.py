"""Exceptions of the measured WebSocket, in addition to the time-outs and transport errors shared with HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_rtmedload.clients.errors import ReadError, TransportError

if TYPE_CHECKING:
    from pytest_rtmedload.clients.request import Request


class HandshakeRefused(TransportError):  # noqa: N818 - what happened, as its neighbours say it
    """The agent answered the handshake, but not with 101."""

    def __init__(self, message: str, *, request: Request, status_code: int) -> None:
        super().__init__(message, request=request)
        self.status_code = status_code
        """The HTTP status it answered with."""


class ConnectionClosed(ReadError):  # noqa: N818 - websockets' name
    """The connection has ended; `counted` unless this client closed it itself."""

    def __init__(self, message: str, *, request: Request, code: int, reason: str, counted: bool) -> None:
        super().__init__(message, request=request)
        self.code = code
        """The close code received: 1005 for a close frame without one, 1006 for none at all."""
        self.reason = reason
        """The reason received, secrets taken out; empty when there was none."""
        self.counted = counted
