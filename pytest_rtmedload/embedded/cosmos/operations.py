"""What can be asked of Cosmos DB, as far as delays, faults and counts tell it apart.

The rule: an operation is known from method, path and headers alone, before anything is looked at.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pytest_rtmedload.embedded.cosmos.wire import Request


class Operation(StrEnum):
    """A kind of request."""

    READ = "read"
    CREATE = "create"
    UPSERT = "upsert"
    REPLACE = "replace"
    PATCH = "patch"
    DELETE = "delete"
    BATCH = "batch"
    QUERY = "query"
    """A page of a query, or of all items."""
    METADATA = "metadata"
    """Everything that is not about items: the account, databases, containers, partition key ranges, query plans."""


_BY_METHOD: Final = {
    "GET": Operation.READ,
    "PUT": Operation.REPLACE,
    "PATCH": Operation.PATCH,
    "DELETE": Operation.DELETE,
}


def operation_of(request: Request) -> Operation:
    """What a request is about."""
    segments = request.segments
    if len(segments) not in (5, 6) or segments[4] != "docs":
        return Operation.METADATA
    if len(segments) == 6:
        return _BY_METHOD.get(request.method, Operation.METADATA)
    if request.method == "GET":
        return Operation.QUERY
    return _posted(request) if request.method == "POST" else Operation.METADATA


def _posted(request: Request) -> Operation:
    if request.says(b"x-ms-cosmos-is-query-plan-request"):
        return Operation.METADATA
    if request.says(b"x-ms-cosmos-is-batch-request"):
        return Operation.BATCH
    if request.is_query:
        return Operation.QUERY
    return Operation.UPSERT if request.says(b"x-ms-documentdb-is-upsert") else Operation.CREATE
