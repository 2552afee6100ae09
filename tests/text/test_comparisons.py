"""Numbers as a person reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rtmedload.text.comparisons import Comparison, bounds_text, exact, number, outlook, percent


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (12.34, "12.3"), (12.96, "13"), (812.4, "812"), (1234, "1230"), (0.01234, "0.0123"), (4e-5, "0.00004")],
)
def test_three_significant_digits_without_exponent(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(150, "150"), (1255.5, "1255.5"), (0.05, "0.05"), (1e6, "1000000"), (2.0, "2")]
)
def test_limits_are_printed_as_written(value: float, text: str) -> None:
    assert exact(value) == text


@given(st.integers(1, 10**9), st.integers(1, 10**9))
def test_a_printed_number_is_on_its_side_of_the_limit(us: int, limit_us: int) -> None:
    value, limit = us / 1000, limit_us / 1000
    shown, stated = float(number(value, limit)), float(exact(limit))
    assert (shown > stated, shown < stated) == (value > limit, value < limit)


def test_a_share_is_not_all_unless_it_is() -> None:
    assert str(Comparison("success", 99.996, 95, "%", floor=True)) == "success 99.996 % ≥ 95 %"
    assert bounds_text((99.97, 100.0), 95, 0, 100) == "95 % bounds 99.97–100"


def test_percent_has_no_binary_noise() -> None:
    assert percent(0.07) == 7.0
    assert percent(0.035) == 3.5


def test_bounds_that_do_not_exist_are_left_out() -> None:
    assert bounds_text((90, None), 300) == "95 % bounds ≥ 90"
    assert bounds_text((None, 90), 300) == "95 % bounds ≤ 90"
    assert bounds_text((None, None), 300) == "no 95 % bounds"


def test_what_is_missing() -> None:
    assert outlook("pass", 1, 0.01) == ", leaning pass: 1 more sample, about 1 s"
    assert outlook("fail", 12, None) == ", leaning fail: 12 more samples"
