"""What went wrong on the wire, in one line by which equal failures are counted together.

pyreqwest tells the kind of a failure partly by class and partly in the texts of its causes (reqwest's and hyper's own);
a text that is not known here still gives a `TransportError` with the innermost cause as its reason.
"""

from __future__ import annotations

import re

from pyreqwest.exceptions import DecodeError, DetailedPyreqwestError, NetworkError

from pytest_rtmedload.clients.errors import (
    ConnectError,
    DecodingError,
    ReadError,
    RemoteProtocolError,
    RequestError,
    TransportError,
)

_OS_ERROR = re.compile(r"\s*\(os error \d+\)")
_WITH_URL = re.compile(r"\s*for url \(.*\)")
_CONNECTING = "client error (Connect)"
_READING = "error reading a body from connection"
_ANSWERING = "client error (SendRequest)"
_RESOLVING = "dns error"


def explain(error: Exception) -> tuple[type[RequestError], str]:
    """The exception to raise for a failure and its reason, without URL, numbers of errors or local ports."""
    causes = _causes(error)
    reason = _OS_ERROR.sub("", _WITH_URL.sub("", causes[-1])).strip()
    if _RESOLVING in causes:
        return ConnectError, "host name not found"
    return _kind(error, causes), reason[:1].lower() + reason[1:]


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
