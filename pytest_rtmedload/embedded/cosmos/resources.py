"""Everything that is not about items: the account, databases, containers and partition key ranges.

The rule: the account gives the address the client used as its endpoint; a container has a single partition key range,
so that no client has to merge results.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import orjson

from pytest_rtmedload.embedded.cosmos.charges import RuBudget
from pytest_rtmedload.embedded.cosmos.errors import OWNER_NOT_FOUND, CosmosError, not_embedded
from pytest_rtmedload.embedded.cosmos.items import checked_id
from pytest_rtmedload.embedded.cosmos.querying import plan_query, query_properties
from pytest_rtmedload.embedded.cosmos.sql.query import MAX_TEXT
from pytest_rtmedload.embedded.cosmos.store import Container, Database, check_ttl, new_database
from pytest_rtmedload.embedded.cosmos.wire import CosmosAnswer, CosmosRequest

if TYPE_CHECKING:
    from collections.abc import Callable

METADATA_CHARGE: Final = 1.0
_RANGES_ETAG: Final = '"1"'
_NOT_HERE: Final = ("uniqueKeyPolicy", "computedProperties", "vectorEmbeddingPolicy", "fullTextPolicy")
_EMPTY: Final[tuple[object, ...]] = (None, {}, [], {"uniqueKeys": []})


class Account:
    """All databases."""

    def __init__(self, rus: int | None, clock: Callable[[], float] = time.time) -> None:
        self._rus = rus
        self._clock = clock
        self._databases: dict[str, Database] = {}

    def container(self, database: str, container: str) -> Container:
        """A container.

        Raises:
            CosmosError: 404 with the substatus for a missing owner.
        """
        found = self._databases.get(database)
        if found is None or container not in found.containers:
            raise CosmosError(404, "Owner resource does not exist", OWNER_NOT_FOUND)
        return found.containers[container]

    def answer(self, request: CosmosRequest) -> CosmosAnswer:
        """Answer a request that is not about items.

        Raises:
            CosmosError: the service would refuse it, or it is not supported here.
        """
        match request.segments:
            case ():
                return _about(request)
            case ("dbs",):
                return self._all_databases(request)
            case ("dbs", name):
                return self._one_database(request, name)
            case ("dbs", name, "colls"):
                return self._all_containers(request, self._database(name))
            case ("dbs", name, "colls", container):
                return self._one_container(request, self._database(name), container)
        return self._about_items(request)

    def _about_items(self, request: CosmosRequest) -> CosmosAnswer:
        match request.segments:
            case ("dbs", name, "colls", container, "pkranges"):
                return _ranges(self.container(name, container), request)
            case ("dbs", name, "colls", container, "docs") if request.method == "POST":
                self.container(name, container)
                return plan_query(request)
            case ("dbs", _, "colls", _, what, *_) | ("dbs", _, what, *_) | (what, *_):
                raise not_embedded(f"{request.method} of {what}")
        raise AssertionError(request.segments)

    def _all_databases(self, request: CosmosRequest) -> CosmosAnswer:
        if request.method == "POST" and not request.is_query:
            properties = _new(request, self._databases)
            self._databases[properties["id"]] = new_database(properties, self._clock)
            return _told(properties, 201)
        return query_properties("", b"Databases", [one.properties for one in self._databases.values()], request)

    def _one_database(self, request: CosmosRequest, name: str) -> CosmosAnswer:
        database = self._database(name)
        if request.method == "DELETE":
            del self._databases[name]
            return CosmosAnswer(204, b"", METADATA_CHARGE)
        _check_method(request, "GET")
        return _told(database.properties)

    def _all_containers(self, request: CosmosRequest, database: Database) -> CosmosAnswer:
        if request.method == "POST" and not request.is_query:
            properties = _new(request, database.containers)
            _check_container(properties)
            budget = RuBudget(self._rus) if self._rus is not None else None
            container = Container(properties, database.properties, self._clock, budget)
            database.containers[properties["id"]] = container
            return _told(container.properties, 201)
        entries = [one.properties for one in database.containers.values()]
        return query_properties(database.properties["_rid"], b"DocumentCollections", entries, request)

    def _one_container(self, request: CosmosRequest, database: Database, name: str) -> CosmosAnswer:
        container = database.containers.get(name)
        if container is None:
            raise CosmosError(404, "Resource Not Found")
        if request.method == "DELETE":
            del database.containers[name]
            return CosmosAnswer(204, b"", METADATA_CHARGE)
        if request.method == "PUT":
            wanted = request.json_object()
            _check_container(wanted)
            container.change(wanted)
            return _told(container.properties)
        _check_method(request, "GET")
        return _told(container.properties)

    def _database(self, name: str) -> Database:
        if name not in self._databases:
            raise CosmosError(404, "Resource Not Found")
        return self._databases[name]


def _about(request: CosmosRequest) -> CosmosAnswer:
    here = [{"name": "Embedded", "databaseAccountEndpoint": f"http://{request.header(b'host')}/"}]
    return _told(
        {
            "id": "embedded",
            "_self": "",
            "_rid": "embedded",
            "_dbs": "//dbs/",
            "media": "//media/",
            "addresses": "//addresses/",
            "writableLocations": here,
            "readableLocations": here,
            "enableMultipleWriteLocations": False,
            "userConsistencyPolicy": {"defaultConsistencyLevel": "Session"},
            "userReplicationPolicy": {"asyncReplication": False, "minReplicaSetSize": 1, "maxReplicasetSize": 4},
            "systemReplicationPolicy": {"minReplicaSetSize": 1, "maxReplicasetSize": 4},
            "readPolicy": {"primaryReadCoefficient": 1, "secondaryReadCoefficient": 1},
            "queryEngineConfiguration": orjson.dumps({"maxSqlQueryInputLength": MAX_TEXT}).decode(),
        }
    )


def _told(properties: dict[str, Any], status: int = 200) -> CosmosAnswer:
    return CosmosAnswer(status, orjson.dumps(properties), METADATA_CHARGE, properties.get("_etag", ""))


def _new(request: CosmosRequest, existing: dict[str, Any]) -> dict[str, Any]:
    properties = request.json_object()
    if checked_id(properties.get("id")) in existing:
        raise CosmosError(409, "Resource with specified id or name already exists.")
    return properties


def _check_container(properties: dict[str, Any]) -> None:
    check_ttl(properties.get("defaultTtl"), "defaultTtl")
    for name in _NOT_HERE:
        if properties.get(name) not in _EMPTY:
            raise not_embedded(f"the container property {name}")


def _check_method(request: CosmosRequest, *allowed: str) -> None:
    if request.method not in allowed:
        raise CosmosError(405, f"{request.method} is not possible at {request.path}")


def _ranges(container: Container, request: CosmosRequest) -> CosmosAnswer:
    _check_method(request, "GET")
    if request.header(b"if-none-match") == _RANGES_ETAG:
        return CosmosAnswer(304, b"", METADATA_CHARGE, _RANGES_ETAG)
    whole: dict[str, Any] = {
        "id": "0",
        "_rid": container.rid,
        "_etag": _RANGES_ETAG,
        "minInclusive": "",
        "maxExclusive": "FF",
    }
    whole |= {"ridPrefix": 0, "throughputFraction": 1, "status": "online", "parents": []}
    told = {"_rid": container.rid, "PartitionKeyRanges": [whole], "_count": 1}
    return CosmosAnswer(200, orjson.dumps(told), METADATA_CHARGE, _RANGES_ETAG)
