"""Oracle: scipy, and closed forms where scipy's own input is the limit."""

from __future__ import annotations

import math
import random
import time

import pytest
from scipy import special, stats

from pytest_rtmedload.verdict.distributions import beta_cdf, beta_quantile, student_t_quantile

SIZES = (1, 2, 5, 20, 59, 300, 999, 1000, 1002, 5_000, 100_000, 10_000_000, 100_000_000)
SHARES = (0.0, 1e-6, 0.001, 0.01, 0.05, 0.3, 0.5, 0.9, 0.999)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("share", SHARES)
def test_clopper_pearson_quantiles_are_scipys(n: int, share: float) -> None:
    k = int(n * share)
    assert beta_quantile(0.95, k + 1, n - k) == pytest.approx(special.betaincinv(k + 1, n - k, 0.95), rel=1e-9)
    if k:
        assert beta_quantile(0.05, k, n - k + 1) == pytest.approx(special.betaincinv(k, n - k + 1, 0.05), rel=1e-9)


def test_random_parameters_that_are_not_whole() -> None:
    draw = random.Random(3)
    for _ in range(1500):
        n = 10 ** draw.uniform(0.3, 8)
        k = min(draw.choice((n * draw.random(), 10 ** draw.uniform(-1, 3))), 0.999 * n)
        for probability in (0.05, 0.95):
            a, b = k + 0.05, n - k
            expected = special.betaincinv(a, b, probability)
            if expected > 1e-300:
                assert beta_quantile(probability, a, b) == pytest.approx(expected, rel=1e-9), (probability, a, b)
                assert beta_cdf(expected, a, b) == pytest.approx(special.betainc(a, b, expected), rel=1e-8), (a, b)


@pytest.mark.parametrize("n", SIZES)
def test_without_a_miss_the_bound_has_a_closed_form(n: int) -> None:
    assert beta_quantile(0.95, 1, n) == pytest.approx(-math.expm1(math.log(0.05) / n), rel=1e-10)


@pytest.mark.parametrize(("a", "b"), [(2.0, 3.0), (600.0, 700.0), (0.5, 40.0)])
def test_the_quantile_is_the_inverse(a: float, b: float) -> None:
    for probability in (1e-6, 0.01, 0.3, 0.5, 0.7, 0.99, 1 - 1e-6):
        assert beta_cdf(beta_quantile(probability, a, b), a, b) == pytest.approx(probability, rel=1e-9)


@pytest.mark.parametrize("x", [0.001, 0.2, 0.4999, 0.5, 0.6, 0.99])
def test_far_tails_keep_their_relative_accuracy(x: float) -> None:
    assert beta_cdf(x, 900, 900) == pytest.approx(special.betainc(900, 900, x), rel=1e-9, abs=1e-300)
    assert beta_cdf(x, 3, 5) == pytest.approx(special.betainc(3, 5, x), rel=1e-10)


def test_the_edges() -> None:
    assert beta_cdf(-1, 2, 3) == beta_cdf(0, 2, 3) == 0
    assert beta_cdf(1, 2, 3) == beta_cdf(2, 2, 3) == 1
    assert beta_quantile(0, 2, 3) == 0
    assert beta_quantile(1, 2, 3) == 1


@pytest.mark.parametrize("degrees", [1, 2, 3, 19, 29, 119, 299, 1e4, 1e6, 1e8])
def test_students_t(degrees: float) -> None:
    for probability in (0.95, 0.975):
        assert student_t_quantile(probability, degrees) == pytest.approx(stats.t.ppf(probability, degrees), rel=1e-9)


@pytest.mark.timing
def test_a_bound_takes_less_than_a_millisecond() -> None:
    cases = [(k + 1, n - k) for n in SIZES for k in (0, n // 20, n // 2)]
    fastest = min(_seconds(cases) for _ in range(5))
    assert fastest / len(cases) < 1e-3


def _seconds(cases: list[tuple[int, int]]) -> float:
    begin = time.perf_counter()
    for a, b in cases:
        beta_quantile(0.95, a, b)
    return time.perf_counter() - begin
