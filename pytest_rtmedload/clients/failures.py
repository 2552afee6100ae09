"""Network failures in one line each, so that equal failures are counted together.

pyreqwest reports the kind of a failure partly by class and partly in the texts of its causes (reqwest's and hyper's);
an unknown text still gives a `TransportError` with the innermost cause as its reason.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from pyreqwest.exceptions import DecodeError, DetailedPyreqwestError, NetworkError

from pytest_rtmedload.clients.errors import (
    ConnectError,
    DecodingError,
    ReadError,
    RemoteProtocolError,
    RequestError,
    TransportError,
)
from pytest_rtmedload.clients.own_limits import own_limit_said
from pytest_rtmedload.results.names import OwnLimit

_OS_ERROR = re.compile(r"\s*\(os error \d+\)")
_WITH_URL = re.compile(r"\s*for url \(.*\)")
_CONNECTING = "client error (Connect)"
_READING = "error reading a body from connection"
_ANSWERING = "client error (SendRequest)"
_RESOLVING = "dns error"


class Explained(NamedTuple):
    """What a failure means."""

    kind: type[RequestError]
    """The exception to raise."""
    reason: str
    """One line, without URL, error numbers or local ports."""
    own: OwnLimit | None = None
    """The limit of the load generator that was met, so that nothing was sent."""


def explain(error: Exception) -> Explained:
    """What a failure of pyreqwest means."""
    causes = _causes(error)
    reason = _OS_ERROR.sub("", _WITH_URL.sub("", causes[-1])).strip()
    own = own_limit_said(causes[-1])
    if _RESOLVING in causes:
        text = "the name service did not answer" if own is OwnLimit.NAMES else "host name not found"
        return Explained(ConnectError, text, own)
    return Explained(_kind(error, causes), reason[:1].lower() + reason[1:], own)


def _kind(error: Exception, causes: list[str]) -> type[RequestError]:
    if isinstance(error, NetworkError):
        return ConnectError if _CONNECTING in causes else ReadError
    if isinstance(error, DecodeError):
        if _READING in causes:
            return ReadError
        return RemoteProtocolError if _ANSWERING in causes else DecodingError
    return TransportError


def _causes(error: Exception) -> list[str]:
    """Outermost first; never empty."""
    if isinstance(error, DetailedPyreqwestError):
        return [cause["message"] for cause in error.details["causes"] or ()] or [error.message]
    return [str(error)]
