from __future__ import annotations

import asyncio
import time

import orjson

from pytest_rtmedload.embedded.cosmos.querying import run_query
from pytest_rtmedload.embedded.cosmos.store import Container, new_database
from pytest_rtmedload.embedded.cosmos.wire import CosmosAnswer, CosmosRequest

ITEMS, PARTITIONS = 2000, 20


def full_container() -> Container:
    properties = {"id": "c", "partitionKey": {"paths": ["/pk"]}}
    container = Container(properties, new_database({"id": "d"}, time.time).properties, time.time, None)
    for n in range(ITEMS):
        container.put(b"[%d]" % (n % PARTITIONS), {"id": str(n), "pk": n % PARTITIONS, "n": n})
    return container


def request(text: str) -> CosmosRequest:
    headers = {b"x-ms-documentdb-isquery": b"true", b"x-ms-documentdb-query-enablecrosspartition": b"true"}
    return CosmosRequest.of("POST", "/dbs/d/colls/c/docs", headers, orjson.dumps({"query": text}))


async def turns_of_others(container: Container, text: str) -> tuple[CosmosAnswer, int]:
    """The answer to a query, and how often others had their turn meanwhile."""
    query = asyncio.create_task(run_query(container, request(text)))
    turns = 0
    while not query.done():
        await asyncio.sleep(0)
        turns += 1
    return query.result(), turns


def test_a_long_scan_lets_others_have_their_turn() -> None:
    container = full_container()
    for text in ("SELECT VALUE COUNT(1) FROM c WHERE c.n >= 0", "SELECT * FROM c WHERE c.n < 0"):
        answer, turns = asyncio.run(turns_of_others(container, text))
        assert answer.status == 200
        assert turns >= ITEMS / 500


def test_a_query_looks_only_where_its_results_can_be() -> None:
    """One that reads everything would have to wait for others."""
    container = full_container()
    for where in ("c.pk = 7", "c.id = '7'", "7 = c.pk AND c.n > 5"):
        answer, turns = asyncio.run(turns_of_others(container, f"SELECT VALUE c.pk FROM c WHERE {where}"))  # noqa: S608
        assert {*orjson.loads(answer.body)["Documents"]} == {7}
        assert turns <= 2


def test_items_written_between_pages_are_seen_and_none_twice() -> None:
    container = full_container()
    first = asyncio.run(run_query(container, request("SELECT VALUE c.id FROM c")))
    token = dict(first.headers)["x-ms-continuation"].encode()
    container.put(b"[0]", {"id": "before", "pk": 0})
    container.put(b"[19]", {"id": "behind", "pk": 19})
    headers = {**request("").headers, b"x-ms-continuation": token, b"x-ms-max-item-count": b"5000"}
    rest = asyncio.run(run_query(container, request("SELECT VALUE c.id FROM c")._replace(headers=headers)))
    ids = orjson.loads(first.body)["Documents"] + orjson.loads(rest.body)["Documents"]
    assert len(ids) == len({*ids}) == ITEMS + 1
    assert "behind" in ids
    assert "before" not in ids
