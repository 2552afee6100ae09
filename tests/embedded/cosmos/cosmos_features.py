"""What Cosmos DB does for its official client, feature by feature: each is a coroutine that asserts.

The rule: a feature makes its own items, in partitions named after itself, so that any of them can be run alone.
"""

from __future__ import annotations

import asyncio
import time
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

import pytest
from azure.core import MatchConditions
from azure.cosmos import PartitionKey
from azure.cosmos.exceptions import CosmosBatchOperationError, CosmosHttpResponseError
from azure.cosmos.partition_key import NonePartitionKeyValue

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable

    from azure.cosmos.aio import ContainerProxy, CosmosClient, DatabaseProxy

MEGABYTE = 1024 * 1024


class Bench(NamedTuple):
    """What features are tried on."""

    client: CosmosClient
    database: DatabaseProxy
    items: ContainerProxy
    """Partition key /pk, time to live allowed."""


FEATURES: dict[str, Callable[[Bench], Awaitable[None]]] = {}


def feature(name: str) -> Callable[[Callable[[Bench], Awaitable[None]]], Callable[[Bench], Awaitable[None]]]:
    def register(check: Callable[[Bench], Awaitable[None]]) -> Callable[[Bench], Awaitable[None]]:
        FEATURES[name] = check
        return check

    return register


async def refused(awaitable: Awaitable[Any], status: int) -> CosmosHttpResponseError:
    """The call fails with this status."""
    with pytest.raises(CosmosHttpResponseError) as caught:
        await awaitable
    error = caught.value
    assert error.status_code == status, f"{error.status_code} instead of {status}: {error.message}"
    return error


async def all_of(pages: AsyncIterable[Any]) -> list[Any]:
    return [item async for item in pages]


async def seeded(bench: Bench, count: int = 6) -> str:
    """A fresh partition with `count` items; returns its key."""
    pk = str(uuid4())
    for n in range(count):
        tags = ["even", "all"] if n % 2 == 0 else ["all"]
        await bench.items.create_item(
            {"id": f"{pk}-{n}", "pk": pk, "n": n, "name": f"item {n}", "tags": tags, "at": {"x": n * 10}}
        )
    return pk


async def ask(bench: Bench, text: str, pk: str | None = None, **parameters: Any) -> list[Any]:
    """All results of a query, in one partition or in all."""
    given = [{"name": f"@{name}", "value": value} for name, value in parameters.items()]
    options: dict[str, Any] = {} if pk is None else {"partition_key": pk}
    return await all_of(bench.items.query_items(text, parameters=given, **options))


@feature("databases: create, read, list, query, 409, 404")
async def databases(bench: Bench) -> None:
    name = str(uuid4())
    database = await bench.client.create_database(name)
    await refused(bench.client.create_database(name), 409)
    assert (await database.read())["id"] == name
    assert name in [one["id"] for one in await all_of(bench.client.list_databases())]
    text = "SELECT * FROM c WHERE c.id = @id"
    found = bench.client.query_databases(text, parameters=[{"name": "@id", "value": name}])
    assert [one["id"] for one in await all_of(found)] == [name]
    await bench.client.create_database_if_not_exists(name)
    await bench.client.delete_database(name)
    await refused(database.read(), 404)


@feature("containers: create, read, list, replace, 409, 404")
async def containers(bench: Bench) -> None:
    name = str(uuid4())
    key = PartitionKey("/tenant")
    container = await bench.database.create_container(name, key, default_ttl=60)
    await refused(bench.database.create_container(name, key), 409)
    assert (await container.read())["defaultTtl"] == 60
    assert name in [one["id"] for one in await all_of(bench.database.list_containers())]
    await bench.database.replace_container(container, key, default_ttl=30)
    assert (await container.read())["defaultTtl"] == 30
    await bench.database.create_container_if_not_exists(name, key)
    await bench.database.delete_container(name)
    await refused(container.read(), 404)
    await refused(bench.database.get_container_client(name).read_item("1", "1"), 404)


@feature("a container made anew is found by a client that knew the old one")
async def recreated(bench: Bench) -> None:
    name = str(uuid4())
    container = await bench.database.create_container(name, PartitionKey("/pk"))
    await container.create_item({"id": "1", "pk": "a"})
    await bench.database.delete_container(name)
    await bench.database.create_container(name, PartitionKey("/pk"))
    await container.create_item({"id": "1", "pk": "a"})


@feature("items: create, point read, 409 again")
async def create(bench: Bench) -> None:
    pk = str(uuid4())
    item = {"id": "1", "pk": pk, "text": "Größe 🩺", "list": [1, 2.5, None, True], "nested": {"a": {}}}
    made = await bench.items.create_item(item)
    assert made.items() >= item.items()
    assert {"_rid", "_self", "_etag", "_ts", "_attachments"} <= made.keys()
    read = await bench.items.read_item("1", pk)
    assert read == made, (read, made)
    await refused(bench.items.create_item(item), 409)


@feature("items: 404 for a missing id and for another partition")
async def missing(bench: Bench) -> None:
    pk = await seeded(bench, 1)
    await refused(bench.items.read_item("missing", pk), 404)
    await refused(bench.items.read_item(f"{pk}-0", "another"), 404)
    await refused(bench.items.delete_item("missing", pk), 404)
    await refused(bench.items.replace_item("missing", {"id": "missing", "pk": pk}), 404)


@feature("items: the same id lives in two partitions")
async def same_id(bench: Bench) -> None:
    one, two = str(uuid4()), str(uuid4())
    for pk in (one, two):
        await bench.items.create_item({"id": "1", "pk": pk})
    assert (await bench.items.read_item("1", two))["pk"] == two


@feature("items: upsert, replace, delete")
async def crud(bench: Bench) -> None:
    pk = str(uuid4())
    first = await bench.items.upsert_item({"id": "1", "pk": pk, "n": 1})
    second = await bench.items.upsert_item({"id": "1", "pk": pk, "n": 2})
    assert (second["n"], second["_rid"]) == (2, first["_rid"])
    assert second["_etag"] != first["_etag"]
    assert (await bench.items.replace_item("1", {**second, "n": 3}))["n"] == 3
    await bench.items.delete_item("1", pk)
    await refused(bench.items.read_item("1", pk), 404)


@feature("items: a write that asks for no content gets none")
async def no_response(bench: Bench) -> None:
    pk = str(uuid4())
    assert not await bench.items.create_item({"id": "1", "pk": pk}, no_response=True)
    assert (await bench.items.read_item("1", pk))["pk"] == pk


@feature("items: 413 above 2 MB")
async def too_large(bench: Bench) -> None:
    pk = str(uuid4())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # aiohttp's, about any body above 1 MB
        await refused(bench.items.create_item({"id": "1", "pk": pk, "text": "x" * 2 * MEGABYTE}), 413)
        await bench.items.create_item({"id": "1", "pk": pk, "text": "x" * MEGABYTE})


@feature("ETag: 412 for a stale version, on replace, upsert, delete and patch")
async def stale(bench: Bench) -> None:
    pk = str(uuid4())
    old = await bench.items.create_item({"id": "1", "pk": pk})
    kept: dict[str, Any] = {"etag": old["_etag"], "match_condition": MatchConditions.IfNotModified}
    new = await bench.items.replace_item("1", {**old, "n": 1}, **kept)
    await refused(bench.items.replace_item("1", {**old, "n": 2}, **kept), 412)
    await refused(bench.items.upsert_item({**old, "n": 2}, **kept), 412)
    await refused(bench.items.patch_item("1", pk, [{"op": "set", "path": "/n", "value": 2}], **kept), 412)
    await refused(bench.items.delete_item("1", pk, **kept), 412)
    await bench.items.delete_item("1", pk, etag=new["_etag"], match_condition=MatchConditions.IfNotModified)


@feature("ETag: 304 for a version the client has")
async def not_modified(bench: Bench) -> None:
    pk = str(uuid4())
    item = await bench.items.create_item({"id": "1", "pk": pk})
    changed: dict[str, Any] = {"etag": item["_etag"], "match_condition": MatchConditions.IfModified}
    statuses: list[str] = []
    answer = await bench.items.read_item(
        "1", pk, response_hook=lambda headers, _: statuses.append(headers["etag"]), **changed
    )
    assert not answer
    assert statuses == [item["_etag"]]


@feature("patch: add, set, replace, remove, incr, move; to the ends of arrays")
async def patching(bench: Bench) -> None:
    pk = str(uuid4())
    await bench.items.create_item({"id": "1", "pk": pk, "n": 1, "list": [1, 2], "gone": 1, "at": {"x": 1}})
    operations: list[dict[str, Any]] = [
        {"op": "incr", "path": "/n", "value": 4},
        {"op": "incr", "path": "/fresh", "value": 1.5},
        {"op": "add", "path": "/list/-", "value": 3},
        {"op": "add", "path": "/list/0", "value": 0},
        {"op": "set", "path": "/at/y", "value": {"z": 1}},
        {"op": "replace", "path": "/at/x", "value": 2},
        {"op": "remove", "path": "/gone"},
        {"op": "move", "from": "/at/y", "path": "/moved"},
    ]
    item = await bench.items.patch_item("1", pk, operations)
    wanted = {"n": 5, "fresh": 1.5, "list": [0, 1, 2, 3], "at": {"x": 2}, "moved": {"z": 1}}
    assert item.items() >= wanted.items()
    assert "gone" not in item


@feature("patch: 400 for what cannot be done, 412 for a condition that does not hold")
async def patch_refusals(bench: Bench) -> None:
    pk = await seeded(bench, 1)
    for operation in (
        {"op": "remove", "path": "/absent"},
        {"op": "replace", "path": "/absent", "value": 1},
        {"op": "incr", "path": "/name", "value": 1},
        {"op": "set", "path": "/id", "value": "x"},
        {"op": "set", "path": "/pk", "value": "x"},
        {"op": "add", "path": "/tags/9", "value": 1},
    ):
        await refused(bench.items.patch_item(f"{pk}-0", pk, [operation]), 400)
    one = [{"op": "set", "path": "/n", "value": 7}]
    await refused(bench.items.patch_item(f"{pk}-0", pk, one, filter_predicate="FROM c WHERE c.n = 5"), 412)
    assert (await bench.items.patch_item(f"{pk}-0", pk, one, filter_predicate="FROM c WHERE c.n = 0"))["n"] == 7


@feature("batch: create, upsert, replace, patch, read, delete in one transaction")
async def batch(bench: Bench) -> None:
    pk = await seeded(bench, 3)
    results = await bench.items.execute_item_batch(
        [
            ("create", ({"id": "new", "pk": pk},)),
            ("upsert", ({"id": f"{pk}-0", "pk": pk, "n": 100},)),
            ("replace", (f"{pk}-1", {"id": f"{pk}-1", "pk": pk, "n": 101})),
            ("patch", (f"{pk}-1", [{"op": "incr", "path": "/n", "value": 1}])),
            ("read", (f"{pk}-1",)),
            ("delete", (f"{pk}-2",)),
        ],
        partition_key=pk,
    )
    assert [one["statusCode"] for one in results] == [201, 200, 200, 200, 200, 204]
    assert results[4]["resourceBody"]["n"] == 102
    assert sorted(await ask(bench, "SELECT VALUE c.id FROM c", pk)) == sorted([f"{pk}-0", f"{pk}-1", "new"])


@feature("batch: one failure takes everything back (424 for the others)")
async def batch_rollback(bench: Bench) -> None:
    pk = await seeded(bench, 2)
    before = await ask(bench, "SELECT * FROM c", pk)
    operations: list[Any] = [
        ("delete", (f"{pk}-0",)),
        ("create", ({"id": "new", "pk": pk},)),
        ("create", ({"id": f"{pk}-1", "pk": pk},)),
        ("read", (f"{pk}-1",)),
    ]
    with pytest.raises(CosmosBatchOperationError) as caught:
        await bench.items.execute_item_batch(operations, partition_key=pk)
    assert (caught.value.status_code, caught.value.error_index) == (409, 2)
    assert [one["statusCode"] for one in caught.value.operation_responses] == [424, 424, 409, 424]
    assert await ask(bench, "SELECT * FROM c", pk) == before


@feature("query: one partition, with parameters and projections")
async def query_one(bench: Bench) -> None:
    pk = await seeded(bench)
    found = await ask(bench, 'SELECT c.id, c.at.x AS x, c["name"] FROM c WHERE c.n > @n AND c.n <= 4', pk, n=2)
    assert found == [{"id": f"{pk}-{n}", "x": n * 10, "name": f"item {n}"} for n in (3, 4)]


@feature("query: all partitions, or the one that WHERE names")
async def query_all(bench: Bench) -> None:
    pk = await seeded(bench)
    assert await ask(bench, "SELECT VALUE c.n FROM c WHERE c.pk = @key AND c.n IN (1, 2)", key=pk) == [1, 2]
    assert await ask(bench, "SELECT VALUE c.n FROM c WHERE c.id = @id", id=f"{pk}-3") == [3]
    assert len(await ask(bench, "SELECT * FROM c")) >= 6


ANSWERS: dict[str, list[Any]] = {
    "SELECT VALUE c.n FROM c WHERE c.n BETWEEN 2 AND 3": [2, 3],
    "SELECT VALUE c.n FROM c WHERE NOT (c.n = 0 OR c.n > 1)": [1],
    "SELECT VALUE c.n FROM c WHERE c.name LIKE '%m [12]'": [1, 2],
    "SELECT VALUE c.n FROM c WHERE STARTSWITH(c.name, 'ITEM 5', true)": [5],
    "SELECT VALUE c.n FROM c WHERE CONTAINS(c.name, '4') AND ENDSWITH(c.name, '4')": [4],
    "SELECT VALUE c.n FROM c WHERE ARRAY_CONTAINS(c.tags, 'even') AND ARRAY_LENGTH(c.tags) = 2": [0, 2, 4],
    "SELECT VALUE c.n FROM c WHERE IS_DEFINED(c.absent)": [],
    "SELECT VALUE c.n FROM c WHERE c.absent != 1 OR c.n = 0": [0],
    "SELECT VALUE UPPER(c.name) FROM c WHERE LENGTH(c.name) = 6 AND c.n = 0": ["ITEM 0"],
    "SELECT VALUE c.n * 2 + 1 FROM c WHERE c.n % 3 = 1": [3, 9],
    "SELECT VALUE (c.n > 4 ? 'high' : 'low') FROM c WHERE c.n >= 4": ["low", "high"],
    "SELECT VALUE c.absent ?? c.tags[0] FROM c WHERE c.n < 2": ["even", "all"],
    'SELECT VALUE {"n": c.n, "list": [c.n, c.name]} FROM c WHERE c.n = 1': [{"n": 1, "list": [1, "item 1"]}],
    "SELECT VALUE c.n FROM c ORDER BY c.n DESC": [5, 4, 3, 2, 1, 0],
    "SELECT VALUE c.n FROM c ORDER BY ARRAY_LENGTH(c.tags) DESC, c.n DESC": [4, 2, 0, 5, 3, 1],
    "SELECT TOP 2 VALUE c.n FROM c ORDER BY c.n DESC": [5, 4],
    "SELECT VALUE c.n FROM c ORDER BY c.n OFFSET 1 LIMIT 2": [1, 2],
    "SELECT DISTINCT VALUE c.tags FROM c": [["even", "all"], ["all"]],
    "SELECT VALUE COUNT(1) FROM c": [6],
    "SELECT VALUE SUM(c.n) FROM c": [15],
    "SELECT VALUE AVG(c.n) FROM c": [2.5],
    "SELECT VALUE MIN(c.name) FROM c": ["item 0"],
    "SELECT VALUE MAX(c.at.x) FROM c": [50],
    "SELECT COUNT(1) AS n, MAX(c.n) AS high FROM c WHERE c.n < 3": [{"n": 3, "high": 2}],
    "SELECT ARRAY_LENGTH(c.tags) AS tags, COUNT(1) AS n FROM c GROUP BY ARRAY_LENGTH(c.tags)": [
        {"tags": 2, "n": 3},
        {"tags": 1, "n": 3},
    ],
    "SELECT c.n, t FROM c JOIN t IN c.tags WHERE t = 'even'": [{"n": n, "t": "even"} for n in (0, 2, 4)],
    "SELECT VALUE t FROM t IN c.tags WHERE t != 'all'": ["even"] * 3,
}  # fmt: skip


def _add_query(text: str, wanted: list[Any]) -> None:
    @feature(f"query: {text.removeprefix('SELECT ')}")
    async def check(bench: Bench) -> None:
        pk = await seeded(bench)
        found = await ask(bench, text, pk)
        assert found == wanted, found


for _text, _wanted in ANSWERS.items():
    _add_query(_text, _wanted)


@feature("query: pages and continuation tokens")
async def pages(bench: Bench) -> None:
    pk = await seeded(bench)
    for text in ("SELECT VALUE c.n FROM c", "SELECT VALUE c.n FROM c ORDER BY c.n"):
        found: list[list[int]] = []
        token = None
        while token or not found:
            pager: Any = bench.items.query_items(text, partition_key=pk, max_item_count=4).by_page(token)
            found.append(await all_of(await anext(pager)))
            token = pager.continuation_token
        assert found == [[0, 1, 2, 3], [4, 5]]


@feature("query: a page goes on after items that were deleted meanwhile")
async def pages_and_writes(bench: Bench) -> None:
    pk = await seeded(bench)
    pager = bench.items.query_items("SELECT VALUE c.n FROM c", partition_key=pk, max_item_count=3).by_page()
    assert await all_of(await anext(pager)) == [0, 1, 2]
    await bench.items.delete_item(f"{pk}-1", pk)
    assert await all_of(await anext(pager)) == [3, 4, 5]


@feature("query: read all items, read many items")
async def read_many(bench: Bench) -> None:
    one, two = await seeded(bench, 2), await seeded(bench, 2)
    ids = [item["id"] for item in await all_of(bench.items.read_all_items())]
    assert {f"{one}-0", f"{two}-1"} <= {*ids}
    found = await bench.items.read_items([(f"{one}-0", one), (f"{two}-1", two), ("missing", one)])
    assert sorted(item["id"] for item in found) == sorted([f"{one}-0", f"{two}-1"])


@feature("query: SQL that is not known is a 400 that names it")
async def unknown_sql(bench: Bench) -> None:
    pk = await seeded(bench, 1)
    for text, named in {
        "SELECT * FROM c WHERE ST_DISTANCE(c.a, c.b) < 1": "'ST_DISTANCE'",
        "SELECT * FROM c WHERE EXISTS(SELECT VALUE t FROM t IN c.tags)": "subqueries: EXISTS",
        "SELECT * FROM c WHERE c.n & 1 = 1": "the bit operator '&'",
        "SELECT udf.f(c.n) FROM c": "user-defined functions",
        "SELECT * FROM c WHERE": "incorrect syntax near the end of the query",
    }.items():
        error = await refused(ask(bench, text, pk), 400)
        assert named in error.message, error.message


@feature("TTL: of an item, of a container; items go when their time is over")
async def time_to_live(bench: Bench) -> None:
    pk = str(uuid4())
    short = await bench.database.create_container(str(uuid4()), PartitionKey("/pk"), default_ttl=1)
    await bench.items.create_item({"id": "1", "pk": pk, "ttl": 1})
    await short.create_item({"id": "1", "pk": pk})
    await short.create_item({"id": "kept", "pk": pk, "ttl": -1})
    await bench.items.read_item("1", pk)
    deadline = time.monotonic() + 10
    while await ask(bench, "SELECT * FROM c", pk) or len(await all_of(short.read_all_items())) > 1:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    await refused(bench.items.read_item("1", pk), 404)
    await refused(short.read_item("1", pk), 404)
    await short.read_item("kept", pk)


@feature("hierarchical partition keys: items, point reads, queries by the whole key")
async def hierarchical(bench: Bench) -> None:
    key = PartitionKey(["/tenant", "/user"], kind="MultiHash")
    container = await bench.database.create_container(str(uuid4()), key)
    for user in ("1", "2"):
        await container.create_item({"id": "x", "tenant": "a", "user": user})
    assert (await container.read_item("x", ["a", "2"]))["user"] == "2"
    assert await all_of(container.query_items("SELECT VALUE c.user FROM c", partition_key=["a", "1"])) == ["1"]
    assert len(await all_of(container.query_items("SELECT * FROM c WHERE c.tenant = 'a'"))) == 2
    error = await refused(all_of(container.query_items("SELECT * FROM c", partition_key=["a"])), 400)
    assert "the first part of a hierarchical key" in error.message


@feature("partition keys of every kind: string, number, true, null, none")
async def kinds_of_keys(bench: Bench) -> None:
    for number, value in enumerate(("1", 1, 1.5, True, None)):
        await bench.items.upsert_item({"id": "k", "pk": value, "number": number})
        assert (await bench.items.read_item("k", value))["number"] == number
    await bench.items.upsert_item({"id": "k", "number": 9})
    assert (await bench.items.read_item("k", NonePartitionKeyValue))["number"] == 9


@feature("headers: charge, session, version, activity, item count")
async def headers(bench: Bench) -> None:
    pk = await seeded(bench, 1)
    seen: list[Any] = []
    await bench.items.read_item(f"{pk}-0", pk, response_hook=lambda headers, _: seen.append(dict(headers)))
    told = {name.lower(): value for name, value in seen[0].items()}
    assert float(told["x-ms-request-charge"]) == 1
    assert told["x-ms-session-token"].startswith("0:-1#")
    assert told["etag"]
    assert told["x-ms-activity-id"]
    assert "model;dur=0.000, total;dur=" in told["server-timing"]
