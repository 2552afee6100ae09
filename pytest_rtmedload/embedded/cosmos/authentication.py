"""Authentication: the master key's signature of each request, or a token of Entra ID.

The rule: signatures are verified, so that a wrong key fails as with the real service. Tokens cannot be verified without
their issuer, so any token is accepted, and only its presence is required.
Source: "Access control in the Azure Cosmos DB SQL API" in the service's REST reference.
"""

from __future__ import annotations

import base64
import hmac
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from pytest_rtmedload.embedded.cosmos.errors import CosmosError

if TYPE_CHECKING:
    from pytest_rtmedload.embedded.cosmos.wire import CosmosRequest

_TOKEN: Final = re.compile(r"type=aad&ver=1\.0&sig=.")


class KeyGate:
    """Checks the `authorization` header of requests."""

    def __init__(self, key: str) -> None:
        """`key` is base64, as clients are given it."""
        self._key = base64.b64decode(key)

    def check(self, request: CosmosRequest) -> None:
        """Return if the request is authorised.

        Raises:
            CosmosError: 401, with the error in the header, but none of its content.
        """
        header = request.header(b"authorization")
        if not header:
            raise _unauthorized("required header authorization is missing")
        wanted = f"type=master&ver=1.0&sig={self._signature(request)}"
        if hmac.compare_digest(header.encode(), _quoted(wanted).encode()):
            return
        given = unquote(header)  # others quote other characters
        if not hmac.compare_digest(given.encode(), wanted.encode()) and not _TOKEN.match(given):
            raise _unauthorized(
                "the input authorization token can't serve the request: the wrong key is being used, or the expected"
                f" payload is not built as per the protocol ({request.method} {request.path})"
            )

    def _signature(self, request: CosmosRequest) -> str:
        kind, link = _resource(request.segments)
        date, other = request.header(b"x-ms-date"), request.header(b"date")
        text = f"{request.method.lower()}\n{kind}\n{link}\n{date.lower()}\n{'' if date else other.lower()}\n"
        return base64.b64encode(hmac.digest(self._key, text.encode(), "sha256")).decode()


def _quoted(text: str) -> str:
    """As the official clients quote it."""
    return text.replace("=", "%3D").replace("&", "%26").replace("+", "%2B").replace("/", "%2F")


def _resource(segments: tuple[str, ...]) -> tuple[str, str]:
    """The type and the link that are signed: of the resource itself, or of the owner of the feed."""
    if len(segments) % 2:
        return segments[-1], "/".join(segments[:-1])
    return (segments[-2], "/".join(segments)) if segments else ("", "")


def _unauthorized(message: str) -> CosmosError:
    return CosmosError(401, f"Unauthorized: {message}.")
