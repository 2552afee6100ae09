"""Operations on one item, alone or as part of a transaction.

The rule: a request is checked completely before anything is changed, in the service's order: the partition key, the
item, its version, the condition, the new content.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from pytest_rtmedload.embedded.cosmos.charges import LOOK_UP, read_charge, write_charge
from pytest_rtmedload.embedded.cosmos.errors import PARTITION_KEY_MISMATCH, CosmosError, bad_request
from pytest_rtmedload.embedded.cosmos.patching import patch
from pytest_rtmedload.embedded.cosmos.sql.query import compile_query
from pytest_rtmedload.embedded.cosmos.wire import CosmosAnswer

if TYPE_CHECKING:
    from pytest_rtmedload.embedded.cosmos.store import Container, Item, Properties

MAX_ITEM: Final = 2 * 1024 * 1024
"""Bytes of an item, or of a transaction."""
MAX_ID: Final = 1023
_NOT_IN_ID: Final = frozenset("/\\?#")


class Items:
    """The items of one container with one partition key."""

    def __init__(self, container: Container, key: bytes) -> None:
        self._container = container
        self._key = key

    def create(self, document: Properties) -> CosmosAnswer:
        """Store a new item."""
        item_id = self._check(document)
        if self._container.find(self._key, item_id) is not None:
            raise CosmosError(409, "Entity with the specified id already exists in the system.", charge=write_charge(0))
        return self._store(document, 201)

    def upsert(self, document: Properties, match: str = "") -> CosmosAnswer:
        """Store an item, replacing one with the same id."""
        old = self._container.find(self._key, self._check(document))
        if old is not None:
            _check_version(old, match)
        return self._store(document, 201 if old is None else 200)

    def replace(self, item_id: str, document: Properties, match: str = "") -> CosmosAnswer:
        """Replace an existing item."""
        if self._check(document) != item_id:
            raise bad_request(f"the item's id {document['id']!r} is not the one it should replace, {item_id!r}")
        _check_version(self._find(item_id), match)
        return self._store(document, 200)

    def patch(self, item_id: str, wanted: Any, match: str = "") -> CosmosAnswer:
        """Change parts of an item, if it meets the optional condition."""
        item = self._find(item_id)
        _check_version(item, match)
        if not isinstance(wanted, dict):
            raise bad_request("the body of a patch is an object with `operations`")
        if wanted.get("condition"):
            _check_condition(item, wanted["condition"])
        document = orjson.loads(item.body)
        patch(document, wanted.get("operations"))
        self._check(document)
        return self._store(document, 200)

    def read(self, item_id: str, none_match: str = "") -> CosmosAnswer:
        """The item, unless the client already has this version."""
        item = self._find(item_id)
        if none_match in (item.etag, "*"):
            return CosmosAnswer(304, b"", LOOK_UP, item.etag)
        return CosmosAnswer(200, item.body, read_charge(len(item.body)), item.etag)

    def delete(self, item_id: str, match: str = "") -> CosmosAnswer:
        """Delete the item."""
        item = self._find(item_id)
        _check_version(item, match)
        self._container.remove(self._key, item_id)
        return CosmosAnswer(204, b"", write_charge(len(item.body)))

    def _find(self, item_id: str) -> Item:
        item = self._container.find(self._key, item_id)
        if item is None:
            raise CosmosError(404, "Entity with the specified id does not exist in the system.", charge=LOOK_UP)
        return item

    def _check(self, document: Any) -> str:
        """The id of a document that may be stored here."""
        if not isinstance(document, dict):
            raise bad_request("an item is a JSON object")
        item_id = checked_id(document.get("id"))
        if self._container.partition_key.of(document) != self._key:
            raise bad_request(
                "PartitionKey extracted from document doesn't match the one specified in the header",
                PARTITION_KEY_MISMATCH,
            )
        return item_id

    def _store(self, document: Properties, status: int) -> CosmosAnswer:
        item = self._container.put(self._key, document)
        return CosmosAnswer(status, item.body, write_charge(len(item.body)), item.etag)


def check_size(body: bytes) -> None:
    """Refuse a body that is too large.

    Raises:
        CosmosError: 413.
    """
    if len(body) > MAX_ITEM:
        raise CosmosError(413, f"Request size is too large: {len(body)} bytes, at most {MAX_ITEM} are allowed")


def checked_id(item_id: Any) -> str:
    """A valid id.

    Raises:
        CosmosError: 400, it is missing or malformed.
    """
    if item_id is None or item_id == "":
        raise bad_request("The input content is invalid because the required properties - 'id; ' - are missing")
    if not isinstance(item_id, str):
        raise bad_request(f"The input content is invalid because 'id' is not a string: {item_id!r}")
    if len(item_id.encode()) > MAX_ID or not _NOT_IN_ID.isdisjoint(item_id):
        raise bad_request(f"'id' must have at most {MAX_ID} bytes and none of / \\ ? #: {item_id[:100]!r}")
    return item_id


def _check_version(item: Item, match: str) -> None:
    if match not in ("", "*", item.etag):
        raise CosmosError(412, "One of the specified pre-condition is not met", charge=LOOK_UP)


def _check_condition(item: Item, condition: Any) -> None:
    if not isinstance(condition, str):
        raise bad_request("the condition of a patch is a text such as FROM c WHERE c.x = 1")
    query = compile_query(f"SELECT * {condition}")
    if next(query.rows(item.body, {}), None) is None:
        raise CosmosError(412, "One of the specified pre-condition is not met: condition", charge=LOOK_UP)
