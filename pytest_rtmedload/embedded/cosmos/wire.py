"""Requests and answers on the wire.

The rule: an answer has the headers that clients use: the request charge, the item's version, the session token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from pytest_rtmedload.embedded.cosmos.errors import CosmosError, bad_request

if TYPE_CHECKING:
    from collections.abc import Mapping

    Headers = list[tuple[bytes, bytes]]

_VERSION: Final = (b"x-ms-version", b"2020-07-15")
_JSON: Final = (b"content-type", b"application/json")


class CosmosRequest(NamedTuple):
    """A request whose body has been received."""

    method: str
    path: str
    segments: tuple[str, ...]
    """The names in the path, without those of the query string: `("dbs", "d", "colls", "c", "docs", "1")`."""
    headers: Mapping[bytes, bytes]
    """By name in lower case."""
    body: bytes

    @classmethod
    def of(cls, method: str, path: str, headers: Mapping[bytes, bytes], body: bytes) -> CosmosRequest:
        """Create a request from an ASGI scope, whose path is already decoded."""
        return cls(method, path, tuple([part for part in path.split("/") if part]), headers, body)

    def header(self, name: bytes) -> str:
        """A header's value; empty if there is none."""
        return self.headers.get(name, b"").decode("latin-1")

    def says(self, name: bytes) -> bool:
        """True if a header is `true`."""
        return self.headers.get(name, b"").lower() == b"true"

    @property
    def is_query(self) -> bool:
        """True if the body is a query, not an item to store."""
        return self.says(b"x-ms-documentdb-isquery") or self.header(b"content-type").startswith(
            "application/query+json"
        )

    def json(self) -> Any:
        """The body.

        Raises:
            CosmosError: 400, it is not JSON.
        """
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise bad_request(f"The request body is not valid JSON: {error}") from None

    def json_object(self) -> dict[str, Any]:
        """The body, which is an object.

        Raises:
            CosmosError: 400, it is not an object.
        """
        found = self.json()
        if not isinstance(found, dict):
            raise bad_request("The request body is not a JSON object")
        return found


class CosmosAnswer(NamedTuple):
    """A response."""

    status: int
    body: bytes = b""
    charge: float = 0.0
    """Request units."""
    etag: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    """Additional headers."""

    def wire_headers(self, activity: bytes, session: str) -> Headers:
        """All headers except those about time."""
        found = [
            _JSON,
            _VERSION,
            (b"content-length", b"%d" % len(self.body)),
            (b"x-ms-request-charge", b"%.2f" % self.charge),
            (b"x-ms-activity-id", activity),
        ]
        if session:
            found.append((b"x-ms-session-token", session.encode()))
        if self.etag:
            found.append((b"etag", self.etag.encode()))
        found += [(name.encode(), value.encode()) for name, value in self.headers]
        return found


def refusal(error: CosmosError) -> CosmosAnswer:
    """The answer for an error."""
    headers = []
    if error.substatus:
        headers.append(("x-ms-substatus", str(error.substatus)))
    if error.retry_after_ms is not None:
        headers.append(("x-ms-retry-after-ms", str(error.retry_after_ms)))
    body = orjson.dumps({"code": error.code, "message": error.message})
    return CosmosAnswer(error.status, body, error.charge, "", tuple(headers))
