"""Histograms against HdrHistogram's own implementation as the oracle."""

import base64
import pickle

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from pytest_rtmedload.results.histogram import HIGHEST_US, Histogram, bucket_of, lower_edge, rank_of

latencies = st.integers(0, HIGHEST_US)


def histogram_of(values: list[int]) -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    return histogram


def oracle_of(values: list[int]) -> HdrHistogram:
    oracle = HdrHistogram(1, HIGHEST_US, 3)
    for value in values:
        oracle.record_value(value)
    return oracle


@given(latencies)
def test_lower_edge_is_at_most_a_thousandth_below_the_value(value: int) -> None:
    edge = lower_edge(bucket_of(value))
    assert edge <= value
    assert value - edge <= value / 1024
    assert bucket_of(edge) == bucket_of(value)


def test_values_outside_the_range_fall_into_the_outermost_buckets() -> None:
    histogram = histogram_of([-5, HIGHEST_US * 2])
    assert histogram.percentile(0.5) == 0
    assert histogram.percentile(1.0) == lower_edge(bucket_of(HIGHEST_US))


@given(st.lists(latencies, min_size=1, max_size=200))
def test_encoding_is_the_one_of_hdrhistogram_to_the_byte(values: list[int]) -> None:
    ours = base64.b64decode(histogram_of(values).encode())
    theirs = base64.b64decode(oracle_of(values).encode())
    assert ours == theirs


@given(st.lists(latencies, min_size=1, max_size=200))
def test_decoding_gives_back_all_counts(values: list[int]) -> None:
    assert Histogram.decode(histogram_of(values).encode()).counts == histogram_of(values).counts


@pytest.mark.parametrize("text", ["", "not base64!", base64.b64encode(b"x" * 40).decode()])
def test_decoding_something_else_is_one_clear_error(text: str) -> None:
    with pytest.raises(ValueError, match="HdrHistogram"):
        Histogram.decode(text)


def test_decoding_another_layout_is_refused() -> None:
    with pytest.raises(ValueError, match="another layout"):
        Histogram.decode(HdrHistogram(1, 1_000_000, 2).encode().decode())


@given(st.lists(latencies, min_size=1, max_size=300))
def test_array_and_single_values_record_the_same(values: list[int]) -> None:
    at_once = Histogram()
    at_once.record_array(np.array(values, np.int64))
    assert at_once == histogram_of(values)


@given(st.lists(latencies, min_size=1, max_size=100), st.lists(latencies, min_size=1, max_size=100))
def test_merging_loses_nothing(left: list[int], right: list[int]) -> None:
    assert Histogram.merged([histogram_of(left), histogram_of(right)]) == histogram_of(left + right)


@given(st.lists(latencies, min_size=1, max_size=300), st.sampled_from([0.5, 0.9, 0.95, 0.99, 0.999, 1.0]))
def test_percentile_is_the_nearest_rank_to_the_bucket(values: list[int], fraction: float) -> None:
    exact = sorted(values)[rank_of(fraction, len(values)) - 1]
    assert histogram_of(values).percentile(fraction) == lower_edge(bucket_of(exact))


@given(st.lists(latencies, min_size=1, max_size=300), latencies, st.sampled_from([0.5, 0.95, 0.99]))
def test_percentile_above_a_limit_is_the_same_as_too_many_samples_above_it(
    values: list[int], limit: int, fraction: float
) -> None:
    histogram = histogram_of(values)
    percentile = histogram.percentile(fraction)
    assert percentile is not None
    too_many = histogram.count_above(limit) > len(values) - rank_of(fraction, len(values))
    assert (bucket_of(percentile) > bucket_of(limit)) == too_many


@pytest.mark.parametrize(
    ("fraction", "count", "rank"), [(0.07, 100, 7), (0.95, 20, 19), (0.95, 21, 20), (0.5, 1, 1), (0.999, 1000, 999)]
)
def test_rank_is_not_led_astray_by_floating_point(fraction: float, count: int, rank: int) -> None:
    assert rank_of(fraction, count) == rank


def test_without_samples_there_is_no_number() -> None:
    empty = Histogram()
    assert empty.percentile(0.95) is None
    assert empty.mean_us is None
    assert empty.at_rank(1) is None


@given(st.lists(latencies, max_size=50))
def test_it_travels_between_processes(values: list[int]) -> None:
    arrived: Histogram = pickle.loads(pickle.dumps(histogram_of(values)))  # noqa: S301 - our own
    assert arrived == histogram_of(values)
    assert arrived.count == len(values)
