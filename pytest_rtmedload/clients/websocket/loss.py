"""Why a WebSocket connection failed or ended: one line per cause, so that equal cases are counted together."""

from __future__ import annotations

import os
import re
import socket
import ssl
from typing import TYPE_CHECKING, Final, NamedTuple

from picows import WSHandshakeError, WSInvalidHeaderError

from pytest_rtmedload.clients.errors import ConnectError, RemoteProtocolError
from pytest_rtmedload.clients.own_limits import own_limit_in
from pytest_rtmedload.clients.websocket.errors import HandshakeRefused
from pytest_rtmedload.results.names import OwnLimit

if TYPE_CHECKING:
    from pytest_rtmedload.clients.errors import TransportError

MOST_MESSAGE: Final = 16 * 2**20
"""Bytes of one message."""
TOO_BIG: Final = f"a message of more than {MOST_MESSAGE >> 20} MiB"

NO_CODE: Final = 1005
"""Stands for a close frame without a code (RFC 6455, 7.1.5)."""
NO_CLOSE_FRAME: Final = 1006
"""Stands for a connection that ended without a close frame."""
PROTOCOL_ERROR: Final = 1002
INVALID_TEXT: Final = 1007
POLICY_VIOLATION: Final = 1008
MESSAGE_TOO_BIG: Final = 1009

_STATUS: Final = re.compile(rb"HTTP/1\.\d (\d{3})\b")


class Loss(NamedTuple):
    """How a connection ended."""

    code: int
    """Of the close frame received, or of the one that a broken protocol was answered with."""
    text: str
    """One line."""
    reason: str = ""
    """What the peer's close frame said."""

    @property
    def normal(self) -> bool:
        """True if the peer closed the connection regularly."""
        return self.code in (1000, NO_CODE)


class ConnectionLost(Exception):  # noqa: N818 - what happened
    """Raised in all waiters when the connection ends."""

    def __init__(self, loss: Loss) -> None:
        super().__init__(loss.text)
        self.loss = loss


class NotInTime(Exception):  # noqa: N818 - what happened
    """The limit of a wait is over."""


class Failed(Exception):  # noqa: N818 - what happened
    """The connection could not be opened."""

    def __init__(
        self,
        kind: type[TransportError],
        reason: str,
        status: int = 0,
        body: bytes = b"",
        own: OwnLimit | None = None,
    ) -> None:
        super().__init__(reason)
        self.own = own
        """The limit of the load generator that was met, so that nothing was sent."""
        self.kind = kind
        self.reason = reason
        """One line."""
        self.status = status
        """Of an answer that is not 101, else 0."""
        self.body = body
        """The beginning of such an answer."""


def explained(error: BaseException) -> Failed:
    """What picows or the system said when there was no connection, without error numbers."""
    if isinstance(error, WSHandshakeError):
        return _wrong_answer(error)
    if isinstance(error, ssl.SSLError):
        return Failed(ConnectError, _tls(error))
    own = own_limit_in(error)
    if isinstance(error, socket.gaierror):
        text = "the name service did not answer" if own is OwnLimit.NAMES else "host name not found"
        return Failed(ConnectError, text, own=own)
    if isinstance(error, OSError) and error.errno:
        return Failed(ConnectError, os.strerror(error.errno).lower(), own=own)
    return Failed(ConnectError, str(error) or type(error).__name__, own=own)


def _wrong_answer(error: WSHandshakeError) -> Failed:
    if isinstance(error, WSInvalidHeaderError):
        return Failed(RemoteProtocolError, f"wrong {error.name} header in the answer")
    found = _STATUS.match(error.raw_header or b"")
    status = int(found[1]) if found else 0
    if status in (0, 101):
        return Failed(RemoteProtocolError, "malformed answer" if status else "the answer is not HTTP")
    return Failed(HandshakeRefused, f"HTTP {status}", status, error.raw_body or b"")


def _tls(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate rejected: {error.verify_message}"
    return f"TLS: {(error.reason or 'failed').replace('_', ' ').lower()}"


def violation(code: int, text: str) -> Loss:
    """The peer sent what it must not, or more than is taken."""
    if code == MESSAGE_TOO_BIG:
        return Loss(code, TOO_BIG)  # picows puts the size into the message
    prefix = "" if code == POLICY_VIOLATION else "protocol error: "
    return Loss(code, f"{prefix}{text[:1].lower()}{text[1:]}")


def sendable(code: int) -> bool:
    """True if a close frame may carry this code (RFC 6455, 7.4)."""
    return (1000 <= code < 1015 and code not in (1004, NO_CODE, NO_CLOSE_FRAME)) or 3000 <= code < 5000
