"""Names of metrics are bounded, and what stands for many says so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rtmedload.results.details import SlowOperation
from pytest_rtmedload.results.folding import MOST_NAMES, MOST_PATTERNS, OTHER, BoundedNames, Folding, fold_names
from pytest_rtmedload.results.histogram import Histogram
from pytest_rtmedload.results.names import ITERATION
from pytest_rtmedload.results.recording import CallSample, Cell, Outcome, Phase, Recording, SeriesKey

ITEMS = [f"GET /item/{number}" for number in range(MOST_NAMES)]


def recording_of(names: list[str]) -> Recording:
    """Two samples in each metric, one of them made in a call."""
    recording = Recording()
    cell = Cell(Phase.MEASURE, 0)
    for place, name in enumerate(names):
        key = SeriesKey(name)
        recording.cells(key)[cell] = Histogram.merged((Histogram.of(1000), Histogram.of(2000)))
        recording.calls[key] = [CallSample("call", cell, 1000)]
        recording.slowest.add([SlowOperation(name, "", float(place), 0, 0, "", Outcome.OK)])
    return recording


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("GET /item/9999", "GET /item/{…}"),
        ("GET /item/alice", "GET /item/{…}"),
        ("GET /item/7/part/8", "GET /item/{…}/part/{…}"),
        ("DELETE /call/0aadb471-62dd-4155-a866-5bb63e46679c", "DELETE /call/{…}"),
        ("GET /page-17", "GET /page-{…}"),
        ("order 17", "order {…}"),
        ("order17", "order{…}"),
        ("GET /health", OTHER),
    ],
)
def test_what_a_name_is_folded_to(name: str, pattern: str) -> None:
    assert Folding(ITEMS).fold(name) == pattern


def test_versions_and_words_that_do_not_vary_stay() -> None:
    folding = Folding([f"GET /v1/user/{name}/order" for name in map(chr, range(97, 123))])
    assert folding.pattern("GET /v1/user/zoe/order") == "GET /v1/user/{…}/order"
    assert folding.pattern("GET /v1/health") == "GET /v1/health"


def test_the_first_names_are_kept_and_targets_are_never_folded() -> None:
    names = BoundedNames(["GET /item/777"])
    assert [names.name(name) for name in ITEMS] == ITEMS
    assert not names.folded
    assert names.name("GET /item/778") == "GET /item/{…}"
    assert names.name("GET /item/777") == "GET /item/777"
    assert names.name(ITEMS[5]) == ITEMS[5]
    assert names.name(ITERATION) == ITERATION
    assert names.name("voice.loop") == "voice.loop"
    assert names.folded


@given(st.lists(st.text(alphabet="ab1/ -", min_size=1, max_size=12), min_size=300, max_size=900))
def test_whatever_the_names_they_are_bounded(given_names: list[str]) -> None:
    names = BoundedNames()
    recorded = {names.name(f"GET /{name}{place}") for place, name in enumerate(given_names)}
    assert len(recorded) <= MOST_NAMES + MOST_PATTERNS + 1


def test_known_names_join_their_pattern_and_nothing_is_lost() -> None:
    recording = recording_of([ITERATION, "GET /health", *ITEMS, "GET /item/{…}"])
    note = fold_names(recording)
    assert recording.metrics() == [ITERATION, "GET /health", "GET /item/{…}"]
    assert recording.histogram("GET /item/{…}").count == 2 * (MOST_NAMES + 1)
    assert len(recording.calls[SeriesKey("GET /item/{…}")]) == MOST_NAMES + 1
    slowest = recording.slowest.of["GET /item/{…}"]
    assert [slow.ms for slow in slowest] == [202, 201, 200, 199, 198]
    assert note is not None
    assert "GET /item/{…}" in note
    assert "name='GET /item/{id}'" in note


def test_names_of_many_shards_are_bounded_too() -> None:
    words = [f"GET /{a}{b}{c}x" for a in "abcdefgh" for b in "abcdefgh" for c in "abcdefgh"]
    recording = recording_of([*words, "GET /abc/{…}"])
    fold_names(recording, keep={words[0]})
    assert words[0] in recording.metrics()
    assert len(recording.metrics()) <= MOST_NAMES + MOST_PATTERNS + 2


def test_few_names_stay_as_they_are() -> None:
    recording = recording_of(ITEMS[:100])
    assert fold_names(recording) is None
    assert recording.metrics() == ITEMS[:100]
