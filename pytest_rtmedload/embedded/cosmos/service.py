"""The embedded Cosmos DB's answer to a request, without delays and faults.

The rule: first the client is authenticated, then the container must exist and have request units left, then the
operation runs; its cost is deducted from the budget even if it fails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_rtmedload.embedded.cosmos.authentication import KeyGate
from pytest_rtmedload.embedded.cosmos.batches import run_batch
from pytest_rtmedload.embedded.cosmos.errors import (
    COLLECTION_RID_MISMATCH,
    THROTTLED,
    CosmosError,
    bad_request,
    not_embedded,
)
from pytest_rtmedload.embedded.cosmos.items import Items, check_size
from pytest_rtmedload.embedded.cosmos.operations import CosmosOperation
from pytest_rtmedload.embedded.cosmos.querying import run_query
from pytest_rtmedload.embedded.cosmos.wire import CosmosAnswer, CosmosRequest, refusal

if TYPE_CHECKING:
    from pytest_rtmedload.embedded.cosmos.resources import Account
    from pytest_rtmedload.embedded.cosmos.store import Container

_NO_CONTENT = "return=minimal"


class CosmosService:
    """The service behind the wire."""

    def __init__(self, key: str, account: Account) -> None:
        self._gate = KeyGate(key)
        self._account = account

    async def answer(self, operation: CosmosOperation, request: CosmosRequest, now: int) -> tuple[CosmosAnswer, str]:
        """The answer, and the session token that goes with it; `now` is `time.perf_counter_ns`."""
        container = None
        try:
            self._gate.check(request)
            if operation is CosmosOperation.METADATA:
                return self._account.answer(request), ""
            container = self._container(request)
            _check_budget(container, now)
            is_query = operation is CosmosOperation.QUERY
            answer = await _query(container, request) if is_query else _write_or_read(container, operation, request)
        except CosmosError as error:
            answer = refusal(error)
        if container is None:
            return answer, ""
        if container.budget is not None:
            container.budget.spend(answer.charge)
        return answer, f"0:-1#{container.lsn}"

    def _container(self, request: CosmosRequest) -> Container:
        container = self._account.container(request.segments[1], request.segments[3])
        if request.header(b"x-ms-cosmos-intended-collection-rid") not in ("", container.rid):
            raise bad_request("the container is not the one the client knows", COLLECTION_RID_MISMATCH)
        return container


def _check_budget(container: Container, now: int) -> None:
    wait_ms = container.budget.wait_ms(now) if container.budget is not None else 0
    if container.budget is not None and wait_ms:
        message = f"Request rate is large: the budget of {container.budget.rus} RU/s of this container is used up"
        raise CosmosError(429, message, THROTTLED, retry_after_ms=wait_ms)


async def _query(container: Container, request: CosmosRequest) -> CosmosAnswer:
    if request.header(b"a-im"):
        raise not_embedded("the change feed")
    return await run_query(container, request)


def _write_or_read(container: Container, operation: CosmosOperation, request: CosmosRequest) -> CosmosAnswer:
    key = container.partition_key.parse_header(request.header(b"x-ms-documentdb-partitionkey"))
    if operation is CosmosOperation.READ:
        return Items(container, key).read(request.segments[-1], request.header(b"if-none-match"))
    check_size(request.body)
    if operation is CosmosOperation.BATCH:
        return run_batch(container, key, request.json())
    answer = _write(Items(container, key), operation, request)
    return answer._replace(body=b"") if request.header(b"prefer") == _NO_CONTENT else answer


def _write(items: Items, operation: CosmosOperation, request: CosmosRequest) -> CosmosAnswer:
    item_id, match = request.segments[-1], request.header(b"if-match")
    match operation:
        case CosmosOperation.CREATE:
            return items.create(request.json_object())
        case CosmosOperation.UPSERT:
            return items.upsert(request.json_object(), match)
        case CosmosOperation.REPLACE:
            return items.replace(item_id, request.json_object(), match)
        case CosmosOperation.PATCH:
            return items.patch(item_id, request.json_object(), match)
        case _:
            return items.delete(item_id, match)
