"""What shards ship and how it is merged."""

import pickle

from pytest_rtmedload.results.histogram import Histogram
from pytest_rtmedload.results.recording import (
    MAX_ERROR_GROUPS,
    OTHER_ERRORS,
    Cell,
    Health,
    Outcome,
    Phase,
    Recording,
    SeriesKey,
    ValueStats,
)


def recording(milliseconds: list[int], second: int = 0, phase: Phase = Phase.MEASURE) -> Recording:
    made = Recording()
    cell = made.cells(SeriesKey("GET /x", "scenario=a")).setdefault(Cell(phase, second), Histogram())
    for value in milliseconds:
        cell.record(value * 1000)
    made.values["wer", ""] = ValueStats("%", 2, 3.0, 1.0, 2.0)
    made.counts["calls"] = 3
    made.add_error("boom", "Traceback")
    made.users = {second: 4}
    made.health = Health(lagging_ns=5, gc_longest_ns=second, planned_starts=7)
    return made


def test_merge_adds_everything() -> None:
    whole = recording([1, 2], second=0)
    whole.merge(recording([3], second=1))
    assert whole.histogram("GET /x").count == 3
    assert whole.values["wer", ""] == ValueStats("%", 4, 6.0, 1.0, 2.0)
    assert whole.counts == {"calls": 6}
    assert whole.errors["boom"].count == 2
    assert whole.users == {0: 4, 1: 4}
    assert (whole.health.lagging_ns, whole.health.gc_longest_ns, whole.health.planned_starts) == (10, 1, 14)


def test_shards_that_are_active_in_the_same_second_add_their_users() -> None:
    whole = recording([1], second=2)
    whole.merge(recording([1], second=2))
    assert whole.users == {2: 8}


def test_only_the_asked_phase_is_selected() -> None:
    whole = recording([1, 2])
    whole.merge(recording([100], phase=Phase.WARMUP))
    assert whole.histogram("GET /x").count == 2
    assert whole.histogram("GET /x", phase=None).count == 3
    assert whole.histogram("GET /x", Outcome.FAILED).count == 0
    assert whole.histogram("GET /x", tag="scenario=b").count == 0


def test_it_travels_between_processes() -> None:
    original = recording([1, 20, 300], second=3)
    assert pickle.loads(pickle.dumps(original)) == original  # noqa: S301 - our own


def test_a_storm_of_distinct_errors_does_not_fill_the_memory() -> None:
    storm = Recording()
    for number in range(MAX_ERROR_GROUPS + 100):
        storm.add_error(f"error {number}", "")
    assert len(storm.errors) <= MAX_ERROR_GROUPS + 1
    assert storm.errors[OTHER_ERRORS].count == 100
    assert sum(group.count for group in storm.errors.values()) == MAX_ERROR_GROUPS + 100
