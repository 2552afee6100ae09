"""Databases, containers, partitions and items, in memory.

The rule: an item is kept as the bytes it is answered with, so that a point read copies nothing and 20,000 items stay
small; it is parsed when a query needs its properties. An item is gone for all clients at the moment its time to live
ends, even if its memory is freed later.
"""

from __future__ import annotations

import base64
import heapq
import itertools
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import orjson

from pytest_rtmedload.embedded.cosmos.errors import bad_request
from pytest_rtmedload.embedded.cosmos.partition_keys import PartitionKeyDefinition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_rtmedload.embedded.cosmos.charges import RuBudget

    Clock = Callable[[], float]
    Properties = dict[str, Any]

FOR_EVER: Final = math.inf
_counter: Final = itertools.count(1)


@dataclass(slots=True)
class Item:
    """One version of an item."""

    body: bytes
    """JSON, with the system properties."""
    etag: str
    number: int
    """Its position in the container, kept when it is replaced."""
    expires: float
    """On the container's clock; `FOR_EVER` if it does not."""


@dataclass(slots=True)
class Partition:
    """All items with one partition key."""

    key: bytes
    number: int
    items: dict[str, Item] = field(default_factory=dict)
    """By id, in the order of their numbers."""


class Container:
    """A container; its properties are what was sent to create it."""

    def __init__(self, properties: Properties, owner: Properties, clock: Clock, budget: RuBudget | None) -> None:
        self.partition_key = PartitionKeyDefinition.parse(properties.get("partitionKey"))
        self.properties = stamped(properties, _rid(8, owner), clock)
        self.properties |= {"_docs": "docs/", "_sprocs": "sprocs/", "_triggers": "triggers/", "_udfs": "udfs/"}
        self.properties["_self"] = f"{owner['_self']}colls/{self.properties['_rid']}/"
        self.budget = budget
        self.lsn = 1
        """Counts writes; part of the session token."""
        self.clock = clock
        self._partitions: dict[bytes, Partition] = {}
        self._expiring: list[tuple[float, int, bytes, str]] = []

    @property
    def rid(self) -> str:
        """The resource id."""
        rid: str = self.properties["_rid"]
        return rid

    @property
    def partitions(self) -> list[Partition]:
        """All partitions, in the order of their numbers."""
        return list(self._partitions.values())

    def partition(self, key: bytes) -> Partition | None:
        """The partition of a key, if it has items."""
        return self._partitions.get(key)

    def find(self, key: bytes, item_id: str) -> Item | None:
        """An item that exists and has not expired."""
        partition = self._partitions.get(key)
        item = partition.items.get(item_id) if partition else None
        return item if item is not None and item.expires > self.clock() else None

    def live(self, partition: Partition) -> Iterator[Item]:
        """The items of a partition that have not expired, including those that expire during the iteration."""
        now = self.clock()
        return (item for item in list(partition.items.values()) if item.expires > now)

    def put(self, key: bytes, document: Properties) -> Item:
        """Store an item, replacing one with the same id; adds the system properties to `document`."""
        self._forget_expired()
        item_id: str = document["id"]
        old = self.find(key, item_id)
        number = old.number if old else next(_counter)
        expires = self._expiry(document)
        stamped(document, _rid(16, self.properties, number), self.clock)
        document["_self"] = f"{self.properties['_self']}docs/{document['_rid']}/"
        document["_attachments"] = "attachments/"
        body = memoryview(orjson.dumps(document)).tobytes()  # orjson leaves some 3 kB of its buffer attached
        item = Item(body, document["_etag"], number, expires)
        if old is None:  # one that has expired is another item, and its place another place
            self.remove(key, item_id)
        partition = self._partitions.setdefault(key, Partition(key, number))
        partition.items[item_id] = item
        if expires != FOR_EVER:
            heapq.heappush(self._expiring, (expires, number, key, item_id))
        self.lsn += 1
        return item

    def remove(self, key: bytes, item_id: str) -> None:
        """Delete an item, if it exists."""
        partition = self._partitions.get(key)
        if partition is not None and partition.items.pop(item_id, None) is not None:
            self.lsn += 1
            if not partition.items:
                del self._partitions[key]

    def change(self, wanted: Properties) -> None:
        """Update the properties of a container that can be changed.

        Raises:
            CosmosError: 400, the partition key cannot be changed.
        """
        if PartitionKeyDefinition.parse(wanted.get("partitionKey")) != self.partition_key:
            raise bad_request("the partition key of a container cannot be changed")
        kept = {name: value for name, value in self.properties.items() if name[0] == "_" or name == "id"}
        self.properties = stamped({**wanted, **kept}, self.rid, self.clock)

    def snapshot(self, key: bytes) -> Callable[[], None]:
        """Save the items of a key; returns a function that restores exactly these, in their order."""
        partition = self._partitions.get(key)
        partitions, items = dict(self._partitions), dict(partition.items) if partition else {}

        def restore() -> None:
            self._partitions = partitions
            if partition is not None:
                partition.items = items

        return restore

    def _expiry(self, document: Properties) -> float:
        default = self.properties.get("defaultTtl")
        ttl = document.get("ttl", default)
        check_ttl(ttl, "ttl")
        return FOR_EVER if default is None or ttl in (None, -1) else self.clock() + ttl

    def _forget_expired(self) -> None:
        now = self.clock()
        while self._expiring and self._expiring[0][0] <= now:
            _, _, key, item_id = heapq.heappop(self._expiring)
            partition = self._partitions.get(key)
            item = partition.items.get(item_id) if partition else None
            if item is not None and item.expires <= now:  # it may have been replaced since
                self.remove(key, item_id)


@dataclass(slots=True)
class Database:
    """A database."""

    properties: Properties
    containers: dict[str, Container] = field(default_factory=dict)


def new_database(properties: Properties, clock: Clock) -> Database:
    """A database without containers; its properties are what was sent to create it."""
    stamped(properties, _rid(4, {}), clock)
    properties |= {"_self": f"dbs/{properties['_rid']}/", "_colls": "colls/", "_users": "users/"}
    return Database(properties)


def stamped(properties: Properties, rid: str, clock: Clock) -> Properties:
    """Give something the system properties of a new version."""
    properties["_rid"] = rid
    properties["_etag"] = f'"{next(_counter):08x}-0000-0000-0000-{int(clock() * 1000):012x}"'
    properties["_ts"] = int(clock())
    return properties


def check_ttl(ttl: Any, name: str) -> None:
    """Check a time to live.

    Raises:
        CosmosError: 400, neither -1 nor a number of seconds.
    """
    whole = isinstance(ttl, int) and not isinstance(ttl, bool)
    if ttl is not None and not (whole and (ttl == -1 or 1 <= ttl < 2**31)):
        raise bad_request(f"The value specified for '{name}' is invalid: {ttl!r} is neither -1 nor a number of seconds")


def _rid(size: int, owner: Properties, number: int = 0) -> str:
    """A resource id: its owner's, and a number."""
    above = base64.b64decode(owner.get("_rid", "").replace("-", "/"))
    raw = above + (number or next(_counter)).to_bytes(size - len(above), "big")
    return base64.b64encode(raw).decode().replace("/", "-")
