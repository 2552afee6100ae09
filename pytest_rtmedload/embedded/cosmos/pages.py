"""Pages of results and the continuation tokens that lead from one to the next.

The rule: a token says after which item the next page begins, so that items written in the meantime neither repeat nor
hide others; if results have to be sorted or grouped, it says after how many results, and such writes do shift them. A
token is valid for its own query only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from pytest_rtmedload.embedded.cosmos.charges import query_charge
from pytest_rtmedload.embedded.cosmos.errors import bad_request
from pytest_rtmedload.embedded.cosmos.wire import CosmosAnswer, CosmosRequest

if TYPE_CHECKING:
    from pytest_rtmedload.embedded.cosmos.sql.query import Query

DEFAULT_PAGE: Final = 1000
"""Results of a page when the client does not set a number."""
MAX_PAGE_BYTES: Final = 4 * 1024 * 1024


class Page(NamedTuple):
    """The paging options of a request."""

    size: int
    after: dict[str, Any]
    """The continuation; empty at the beginning."""

    @classmethod
    def of(cls, request: CosmosRequest, digest: str) -> Page:
        """Read the headers."""
        try:
            size = int(request.header(b"x-ms-max-item-count") or -1)
        except ValueError:
            raise bad_request("x-ms-max-item-count is not a whole number") from None
        if size == 0 or size < -1:
            raise bad_request("x-ms-max-item-count must be -1 or at least 1")
        return cls(DEFAULT_PAGE if size == -1 else size, _continuation(request.header(b"x-ms-continuation"), digest))


class Found:
    """The results of a page, and the continuation."""

    def __init__(self) -> None:
        self.results: list[bytes] = []
        self.size = 0
        """Bytes of the results."""
        self.loaded = 0
        """Bytes of the items they were made of."""
        self.next: dict[str, Any] = {}

    def add(self, result: bytes) -> None:
        """One more result."""
        self.results.append(result)
        self.size += len(result)


def _continuation(token: str, digest: str) -> dict[str, Any]:
    if not token:
        return {}
    try:
        found = orjson.loads(token)
        if found.pop("of") == digest and _is_place(found):
            return dict(found)
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError):
        pass
    raise bad_request(f"Invalid Continuation Token: it does not belong to this query: {token[:100]}")


def _is_place(found: dict[str, Any]) -> bool:
    match found:
        case {"skip": int()}:
            return True
        case {"after": [int(), int()]}:
            return True
    return False


def page_answer(owner: str, kind: bytes, query: Query, found: Found) -> CosmosAnswer:
    """The answer that holds a page: `kind` names the list of results, `owner` the resource id they belong to."""
    rid = orjson.dumps(owner)
    count = len(found.results)
    body = b'{"_rid":%s,"%s":[%s],"_count":%d}' % (rid, kind, b",".join(found.results), count)
    headers = [("x-ms-item-count", str(count))]
    if found.next:
        headers.append(("x-ms-continuation", orjson.dumps(found.next | {"of": query.digest}).decode()))
    return CosmosAnswer(200, body, query_charge(found.loaded), "", tuple(headers))
