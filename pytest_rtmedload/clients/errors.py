"""Exceptions of the measured HTTP client, with httpx's names; `counted` is true if a failure is already a sample.

An exception raised after a request was handed to the network is a measured operation: `counted` is true, and it must
not be counted a second time. No message carries credentials, a query string or a header's value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_rtmedload.clients.request import Request


class InvalidURL(ValueError):  # noqa: N818 - httpx's name
    """The URL cannot be requested: nothing was sent or measured."""


class HTTPError(Exception):
    """Base class of all errors of a request."""

    counted = False
    """True if the failure is already recorded as a sample."""

    def __init__(self, message: str, *, request: Request) -> None:
        super().__init__(message)
        self.request = request
        """What was asked."""


class RequestError(HTTPError):
    """The response is missing or incomplete."""


class UnsupportedProtocol(RequestError):  # noqa: N818 - httpx's name
    """A URL that is neither http nor https: nothing was sent or measured."""


class TooManyRedirects(RequestError):  # noqa: N818 - httpx's name
    """A chain of redirects that does not end; its requests are measured."""

    counted = True


class DecodingError(RequestError):
    """The response body does not match its Content-Encoding."""

    counted = True


class TransportError(RequestError):
    """The connection failed, broke or stayed silent."""

    counted = True


class ConnectError(TransportError):
    """No connection: refused, host unknown, certificate rejected."""


class ReadError(TransportError):
    """The connection ended before the answer did."""


class RemoteProtocolError(TransportError):
    """The answer is not HTTP."""


class TimeoutException(TransportError):  # noqa: N818 - httpx's name
    """No complete response within the limit: a censored sample."""

    censored = True
    """The iteration that it ends is known to be longer than this wait, too."""
