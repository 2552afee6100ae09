"""Transactional batches: operations on items of one partition key that happen together or not at all.

The rule: the first operation that fails ends the batch; it is reported with its own status, all others with 424, and
every item is unchanged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from pytest_rtmedload.embedded.cosmos.errors import CosmosError, bad_request
from pytest_rtmedload.embedded.cosmos.items import Items
from pytest_rtmedload.embedded.cosmos.wire import CosmosAnswer

if TYPE_CHECKING:
    from pytest_rtmedload.embedded.cosmos.store import Container

MAX_OPERATIONS: Final = 100
_FAILED_DEPENDENCY: Final = 424
_MULTI_STATUS: Final = 207


def run_batch(container: Container, key: bytes, operations: Any) -> CosmosAnswer:
    """Carry out a batch.

    Raises:
        CosmosError: 400, it is not a batch, or is too long.
    """
    if not isinstance(operations, list) or not 1 <= len(operations) <= MAX_OPERATIONS:
        raise bad_request(f"a batch is a list of 1 to {MAX_OPERATIONS} operations")
    items, restore = Items(container, key), container.snapshot(key)
    answers: list[CosmosAnswer] = []
    for operation in operations:
        try:
            answers.append(_carry_out(items, operation))
        except CosmosError as error:
            restore()
            return _failed(len(operations), len(answers), error)
    results = b",".join(map(_result, answers))
    return CosmosAnswer(200, b"[%s]" % results, sum(answer.charge for answer in answers))


def _carry_out(items: Items, operation: Any) -> CosmosAnswer:
    if not isinstance(operation, dict):
        raise bad_request("an operation of a batch is an object")
    item_id, match = operation.get("id", ""), operation.get("ifMatch", "")
    body: Any = operation.get("resourceBody")  # whatever it is, it is checked where it is stored
    if not isinstance(item_id, str):
        raise bad_request(f"the id of a batch operation is not a string: {item_id!r}")
    match operation.get("operationType"):
        case "Create":
            return items.create(body)
        case "Upsert":
            return items.upsert(body, match)
        case "Replace":
            return items.replace(item_id, body, match)
        case "Patch":
            return items.patch(item_id, body, match)
        case "Read":
            return items.read(item_id, operation.get("ifNoneMatch", ""))
        case "Delete":
            return items.delete(item_id, match)
        case other:
            raise bad_request(f"a batch has no operation {other!r}")


def _result(answer: CosmosAnswer) -> bytes:
    told: dict[str, Any] = {"statusCode": answer.status, "requestCharge": round(answer.charge, 2)}
    if answer.etag:
        told["eTag"] = answer.etag
    if answer.body:
        told["resourceBody"] = orjson.Fragment(answer.body)
    return orjson.dumps(told)


def _failed(count: int, at: int, error: CosmosError) -> CosmosAnswer:
    told: list[dict[str, Any]] = [{"statusCode": _FAILED_DEPENDENCY, "requestCharge": 0} for _ in range(count)]
    told[at] = {"statusCode": error.status, "subStatusCode": error.substatus, "requestCharge": error.charge}
    return CosmosAnswer(_MULTI_STATUS, orjson.dumps(told), error.charge)
