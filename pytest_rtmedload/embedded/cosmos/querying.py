"""Queries over the items of a container, page by page.

The rule: a page looks only at the partition, or the id, that every result must have; the remaining items are scanned,
and a long scan lets other requests run after every few hundred items.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import orjson

from pytest_rtmedload.embedded.cosmos.errors import bad_request, not_embedded
from pytest_rtmedload.embedded.cosmos.pages import MAX_PAGE_BYTES, Found, Page, page_answer
from pytest_rtmedload.embedded.cosmos.partition_keys import canonical
from pytest_rtmedload.embedded.cosmos.sql.query import Query, QueryRun, compile_query
from pytest_rtmedload.embedded.cosmos.sql.values import UNDEFINED
from pytest_rtmedload.embedded.cosmos.wire import CosmosAnswer, CosmosRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_rtmedload.embedded.cosmos.store import Container, Item, Partition

    Scan = Iterator[tuple[Partition, Item]]

_SLICE: Final = 250
"""Items scanned before others get their turn: about half a millisecond."""
_WHOLE: Final = ("", "FF")
"""The range of all hashed partition keys."""


async def run_query(container: Container, request: CosmosRequest) -> CosmosAnswer:
    """Answer a page of a query, or of all items.

    Raises:
        CosmosError: 400, with the error in the query.
    """
    text, given = parse_body(request) if request.is_query else ("SELECT * FROM c", {})
    query = compile_query(text)
    partitions = _partitions(container, request, query, given)
    page = Page.of(request, query.digest)
    found = Found()
    try:
        fill = _stream if query.streams else _collect
        await fill(query, given, _scan(container, partitions, _wanted_id(query, given), page.after), page, found)
    except RecursionError:
        raise bad_request("the query is nested too deeply") from None
    return page_answer(container.rid, b"Documents", query, found)


def parse_body(request: CosmosRequest) -> tuple[str, dict[str, Any]]:
    """The text and the parameters of a query.

    Raises:
        CosmosError: 400, the body is not a query.
    """
    body = request.json_object()
    text, parameters = body.get("query"), body.get("parameters")
    parameters = [] if parameters is None else parameters
    if not isinstance(text, str) or not isinstance(parameters, list):
        raise bad_request('the body of a query is {"query": "SELECT …", "parameters": [{"name": "@x", "value": 1}]}')
    try:
        return text, {parameter["name"]: parameter["value"] for parameter in parameters}
    except (KeyError, TypeError):
        raise bad_request("each parameter of a query has a name and a value") from None


def plan_query(request: CosmosRequest) -> CosmosAnswer:
    """How a client should run a query over the partitions: unchanged, over the only range.

    Clients ask for it when the service leaves merging to them, and some always do.
    """
    text, _ = parse_body(request)
    select = compile_query(text).select
    info = {
        "distinctType": "None",
        "groupByExpressions": [],
        "groupByAliases": [],
        "orderBy": [],
        "orderByExpressions": [],
        "aggregates": [],
        "hasSelectValue": select.value,
        "rewrittenQuery": "",
    }
    whole = {"min": _WHOLE[0], "max": _WHOLE[1], "isMinInclusive": True, "isMaxInclusive": False}
    plan = {"partitionedQueryExecutionInfoVersion": 2, "queryInfo": info, "queryRanges": [whole]}
    return CosmosAnswer(200, orjson.dumps(plan), 1.0)


def query_properties(owner: str, kind: bytes, entries: list[dict[str, Any]], request: CosmosRequest) -> CosmosAnswer:
    """A query over databases or containers, all in one page."""
    query_text, given = parse_body(request) if request.is_query else ("SELECT * FROM c", {})
    query = compile_query(query_text)
    run, found = QueryRun(query, given), Found()
    for entry in entries:
        run.add(orjson.dumps(entry))
    for result in run.results():
        found.add(result)
    return page_answer(owner, kind, query, found)


async def _stream(query: Query, given: dict[str, Any], scan: Scan, page: Page, found: Found) -> None:
    """Results in the order of the items, until the page is full."""
    last = [0, 0]
    for count, (partition, item) in enumerate(scan, 1):
        if len(found.results) >= page.size or found.size >= MAX_PAGE_BYTES:
            found.next = {"after": last}
            return
        last = [partition.number, item.number]
        for row in query.rows(item.body, given):
            found.loaded += len(item.body)
            if (result := query.result(row, item.body, given)) is not None:
                found.add(result)
        if count % _SLICE == 0:
            await asyncio.sleep(0)


async def _collect(query: Query, given: dict[str, Any], scan: Scan, page: Page, found: Found) -> None:
    """Results that have to be seen together: all of them, and then the wanted page."""
    run = QueryRun(query, given)
    for count, (_, item) in enumerate(scan, 1):
        if run.full:
            break
        if run.add(item.body):
            found.loaded += len(item.body)
        if count % _SLICE == 0:
            await asyncio.sleep(0)
    results, begin = run.results(), page.after.get("skip", 0)
    for result in results[begin : begin + page.size]:
        if found.size >= MAX_PAGE_BYTES:
            break
        found.add(result)
    end = begin + len(found.results)
    if end < len(results):
        found.next = {"skip": end}


def _scan(container: Container, partitions: list[Partition], item_id: Any, after: dict[str, Any]) -> Scan:
    """The candidate items, starting after the previous page."""
    last_partition, last_item = after.get("after", (0, 0))
    for partition in partitions:
        if item_id is not UNDEFINED and item_id not in partition.items:
            continue
        items = container.live(partition) if item_id is UNDEFINED else [container.find(partition.key, item_id)]
        skip = last_item if partition.number == last_partition else 0
        if partition.number >= last_partition:
            yield from ((partition, item) for item in items if item is not None and item.number > skip)


def _partitions(container: Container, request: CosmosRequest, query: Query, given: dict[str, Any]) -> list[Partition]:
    """The partitions that a query may look at and that can have results."""
    if (request.header(b"x-ms-start-epk"), request.header(b"x-ms-end-epk")) not in (("", ""), _WHOLE):
        raise not_embedded("queries by a range of hashed partition keys, such as the first part of a hierarchical key")
    if header := request.header(b"x-ms-documentdb-partitionkey"):
        key = container.partition_key.parse_prefix(header)
    elif (named := _named_key(container, query, given)) is not None:
        key = named
    else:
        _check_cross_partition(request)
        return container.partitions
    if key.endswith(b"]"):
        partition = container.partition(key)
        return [partition] if partition else []
    return [partition for partition in container.partitions if partition.key.startswith(key)]


def _check_cross_partition(request: CosmosRequest) -> None:
    allowed = request.says(b"x-ms-documentdb-query-enablecrosspartition")
    if request.is_query and not allowed and not request.header(b"x-ms-documentdb-partitionkeyrangeid"):
        raise bad_request(
            "Cross partition query is required but disabled. Please set x-ms-documentdb-query-enablecrosspartition to"
            " true, specify x-ms-documentdb-partitionkey, or revise your query to avoid this exception."
        )


def _named_key(container: Container, query: Query, given: dict[str, Any]) -> bytes | None:
    """The partition key that all results have, if the query says so."""
    if query.select.iterated:
        return None
    values = [query.equalities[path]([], given) for path in container.partition_key.paths if path in query.equalities]
    if len(values) < len(container.partition_key.paths) or any(isinstance(value, list | dict) for value in values):
        return None
    return None if UNDEFINED in values else canonical(values)


def _wanted_id(query: Query, given: dict[str, Any]) -> Any:
    """The id that all results have; undefined if they may have any."""
    evaluate = None if query.select.iterated else query.equalities.get(("id",))
    found = UNDEFINED if evaluate is None else evaluate([], given)
    return found if isinstance(found, str) else UNDEFINED
