from __future__ import annotations

from typing import Any

import orjson
import pytest

from pytest_rtmedload.embedded.cosmos.errors import CosmosError
from pytest_rtmedload.embedded.cosmos.partition_keys import PartitionKeyDefinition
from pytest_rtmedload.embedded.cosmos.store import Container, new_database

KEY = b'["a"]'


class FakeClock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def container(clock: FakeClock, ttl: int | None = None) -> Container:
    properties: dict[str, Any] = {"id": "c", "partitionKey": {"paths": ["/pk"]}, "defaultTtl": ttl}
    return Container(properties, new_database({"id": "d"}, clock).properties, clock, None)


def item(item_id: str = "1", **more: Any) -> dict[str, Any]:
    return {"id": item_id, "pk": "a", **more}


@pytest.mark.parametrize(
    ("default", "own", "lives"),
    [(None, 5, None), (-1, None, None), (-1, 5, 5), (10, None, 10), (10, 5, 5), (10, -1, None), (10, 20, 20)],
)
def test_time_to_live(clock: FakeClock, default: int | None, own: int | None, lives: int | None) -> None:
    store = container(clock, default)
    store.put(KEY, item() if own is None else item(ttl=own))
    clock.now += (lives or 10**9) - 0.001
    assert store.find(KEY, "1") is not None
    clock.now += 0.001
    assert (store.find(KEY, "1") is None) == (lives is not None)


@pytest.mark.parametrize("ttl", [0, -2, 1.5, "5", True, 2**31])
def test_what_is_no_time_to_live(clock: FakeClock, ttl: Any) -> None:
    with pytest.raises(CosmosError, match="neither -1 nor a number of seconds"):
        container(clock, -1).put(KEY, item(ttl=ttl))


def test_an_expired_item_is_gone_at_once_and_its_memory_with_the_next_write(clock: FakeClock) -> None:
    store = container(clock, 5)
    store.put(KEY, item())
    clock.now += 2
    store.put(KEY, item("2"))
    clock.now += 3
    partition = store.partition(KEY)
    assert partition is not None
    assert [orjson.loads(one.body)["id"] for one in store.live(partition)] == ["2"]
    store.put(KEY, item("3"))
    assert [*partition.items] == ["2", "3"]


def test_a_write_prolongs_the_life(clock: FakeClock) -> None:
    store = container(clock, 5)
    store.put(KEY, item())
    clock.now += 4
    store.put(KEY, item())
    clock.now += 4
    store.put(KEY, item("2"))  # would take away what has expired
    assert store.find(KEY, "1") is not None


def test_an_item_that_takes_the_place_of_an_expired_one_is_another(clock: FakeClock) -> None:
    store = container(clock, 5)
    old = store.put(KEY, item())
    clock.now += 5
    new = store.put(KEY, item())
    assert new.number > old.number
    assert orjson.loads(new.body)["_rid"] != orjson.loads(old.body)["_rid"]


def test_replacing_keeps_the_place_and_the_resource_id(clock: FakeClock) -> None:
    store = container(clock)
    first = store.put(KEY, item())
    store.put(KEY, item("2"))
    again = store.put(KEY, item(n=1))
    assert (again.number, again.etag != first.etag) == (first.number, True)
    partition = store.partition(KEY)
    assert partition is not None
    assert [*partition.items] == ["1", "2"]


def test_an_empty_partition_is_forgotten(clock: FakeClock) -> None:
    store = container(clock)
    store.put(KEY, item())
    store.remove(KEY, "1")
    assert store.partition(KEY) is None
    assert not store.partitions


def test_a_snapshot_brings_everything_back_in_its_order(clock: FakeClock) -> None:
    store = container(clock)
    for item_id in "12":
        store.put(KEY, item(item_id))
    store.put(b'["b"]', {"id": "1", "pk": "b"})
    before = [(one.key, one.number, dict(one.items)) for one in store.partitions]
    restore = store.snapshot(KEY)
    for item_id in "12":
        store.remove(KEY, item_id)
    store.put(KEY, item("3"))
    restore()
    assert [(one.key, one.number, dict(one.items)) for one in store.partitions] == before


def test_bodies_hold_no_more_memory_than_they_have_bytes(clock: FakeClock) -> None:
    body = container(clock).put(KEY, item(text="x" * 300)).body
    assert body.__sizeof__() < len(body) + 64


def definition(*paths: str) -> PartitionKeyDefinition:
    return PartitionKeyDefinition.parse({"paths": [*paths]})


def test_partition_keys_are_kinds_and_values() -> None:
    key = definition("/a/b")
    values: list[Any] = ["1", 1, 1.5, True, False, None]
    keys = [key.of({"a": {"b": value}}) for value in values] + [key.of({"a": 1}), key.of({})]
    assert len({*keys}) == 7  # the last two are one: there is nothing at the path
    assert keys[-1] == key.parse_header("[{}]")
    assert key.of({"a": {"b": 1.0}}) == key.parse_header("[1]") == key.parse_header("[1.0]")


def test_hierarchical_keys_and_their_prefixes() -> None:
    key = definition("/a", "/b", "/c")
    whole = key.of({"a": "x", "b": 1, "c": None})
    assert whole == key.parse_header('["x", 1, null]') == key.parse_prefix('["x", 1, null]')
    assert whole.startswith(key.parse_prefix('["x"]'))
    assert whole.startswith(key.parse_prefix('["x",1]'))
    assert not whole.startswith(key.parse_prefix('["x",11]'))


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("", "must be supplied"),
        ("x", "is not a JSON array: x"),
        ('{"a":1}', "is not a JSON array"),
        ("[1,2]", "has 1 paths, the request names 2 values"),
        ('[["a"]]', "must be a string, a number"),
    ],
)
def test_what_is_no_partition_key(header: str, message: str) -> None:
    with pytest.raises(CosmosError, match=message):
        definition("/a").parse_header(header)


@pytest.mark.parametrize("paths", [None, [], ["a"], "/a", ["/a"] * 4, [1]])
def test_what_is_no_definition(paths: Any) -> None:
    with pytest.raises(CosmosError, match=r"partitionKey\.paths"):
        PartitionKeyDefinition.parse({"paths": paths})
