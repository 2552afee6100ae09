"""The operations of Cosmos DB that delays, faults and counts distinguish.

The rule: the operation follows from method, path and headers alone, before the body is read.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pytest_rtmedload.embedded.cosmos.wire import CosmosRequest


class CosmosOperation(StrEnum):
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
    "GET": CosmosOperation.READ,
    "PUT": CosmosOperation.REPLACE,
    "PATCH": CosmosOperation.PATCH,
    "DELETE": CosmosOperation.DELETE,
}


def operation_of(request: CosmosRequest) -> CosmosOperation:
    """The operation of a request."""
    segments = request.segments
    if len(segments) not in (5, 6) or segments[4] != "docs":
        return CosmosOperation.METADATA
    if len(segments) == 6:
        return _BY_METHOD.get(request.method, CosmosOperation.METADATA)
    if request.method == "GET":
        return CosmosOperation.QUERY
    return _posted(request) if request.method == "POST" else CosmosOperation.METADATA


def _posted(request: CosmosRequest) -> CosmosOperation:
    if request.says(b"x-ms-cosmos-is-query-plan-request"):
        return CosmosOperation.METADATA
    if request.says(b"x-ms-cosmos-is-batch-request"):
        return CosmosOperation.BATCH
    if request.is_query:
        return CosmosOperation.QUERY
    return CosmosOperation.UPSERT if request.says(b"x-ms-documentdb-is-upsert") else CosmosOperation.CREATE
