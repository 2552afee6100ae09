"""The slowest operations of many shards are those of one process that had seen all."""

import pickle
import random

from pytest_rtmedload.results.details import SlowOperation
from pytest_rtmedload.results.recording import Recording
from pytest_rtmedload.results.slowest import MOST, Slowest


def operation(ms: float, metric: str = "GET /x", user: int = 0) -> SlowOperation:
    return SlowOperation(metric, "", ms, 1, user, "", "ok")


def test_each_metric_keeps_its_own() -> None:
    slowest = Slowest()
    slowest.add(operation(ms) for ms in range(100))
    slowest.add([operation(3, "GET /y")])
    assert [one.ms for one in slowest.of["GET /x"]] == [99, 98, 97, 96, 95]
    assert [one.ms for one in slowest.of["GET /y"]] == [3]


def test_the_floor_is_the_last_of_a_full_list() -> None:
    slowest = Slowest()
    assert slowest.floor_ms("GET /x") < 0
    slowest.add(operation(ms) for ms in range(MOST))
    assert slowest.floor_ms("GET /x") == 0


def test_merging_shards_loses_none() -> None:
    source = random.Random(5)
    found = [operation(source.expovariate(0.1), user=number) for number in range(500)]
    one, merged = Slowest(), Slowest()
    one.add(found)
    for shard in range(4):
        part = Slowest()
        part.add(found[shard::4])
        merged.merge(part)
    assert merged == one


def test_they_travel_in_a_recording() -> None:
    recording = Recording()
    recording.slowest.add([operation(2.5, user=3), operation(7)])
    arrived: Recording = pickle.loads(pickle.dumps(recording))  # noqa: S301 - our own
    assert arrived.slowest == recording.slowest
