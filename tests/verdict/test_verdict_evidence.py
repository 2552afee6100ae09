"""The rule: Clopper-Pearson, its dual bounds, what is still missing, clusters."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pytest_rtmedload.results.model import Verdict
from pytest_rtmedload.results.plan import PERCENTILES
from pytest_rtmedload.verdict.evidence import ShareRule, effective_size, lower_bound, upper_bound

FLOORS = {"p50": 5, "p90": 29, "p95": 59, "p99": 299, "p999": 2995}


@pytest.mark.parametrize(("k", "n"), [(0, 1), (1, 1), (0, 59), (3, 60), (50, 1000), (999, 1000), (5000, 100_000)])
def test_bounds_are_clopper_pearson(k: int, n: int) -> None:
    exact = stats.binomtest(k, n).proportion_ci(0.90, "exact")  # 5 % a side
    assert lower_bound(k, n) == pytest.approx(exact.low, rel=1e-9)
    assert upper_bound(k, n) == pytest.approx(exact.high, rel=1e-9)


@pytest.mark.parametrize(("name", "floor"), FLOORS.items())
def test_the_smallest_n_that_can_pass(name: str, floor: int) -> None:
    allowed = 1 - PERCENTILES[name]
    assert math.ceil(math.log(0.05) / math.log(PERCENTILES[name])) == floor  # the formula in the documentation
    assert ShareRule.independent(floor, allowed).verdict(0) is Verdict.PASS
    assert ShareRule.independent(floor - 1, allowed).verdict(0) is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(("name", "floor"), FLOORS.items())
def test_without_a_miss_the_floor_is_what_is_missing(name: str, floor: int) -> None:
    for n in {1, 2, floor - 1}:
        assert ShareRule.independent(n, 1 - PERCENTILES[name]).needed(0) == floor - n


def test_two_misses_of_two_prove_a_fail() -> None:
    assert ShareRule.independent(2, 0.05).verdict(2) is Verdict.FAIL
    assert ShareRule.independent(1, 0.05).verdict(1) is Verdict.INCONCLUSIVE


rules = st.builds(
    lambda n, allowed, worth: ShareRule(n, allowed, max(n * worth, 0.5)),
    st.integers(1, 4000),
    st.sampled_from([0.5, 0.1, 0.05, 0.01, 0.001]),
    st.sampled_from([1.0, 0.93, 0.3, 0.01]),
)


@given(rules, st.floats(0, 1))
@settings(max_examples=300, deadline=None)
def test_the_verdict_is_that_of_the_bounds(rule: ShareRule, share: float) -> None:
    k = round(rule.n * share)
    low, high = rule.bounds(k)
    assert low <= k / rule.n <= high
    if abs(high - rule.allowed) > 1e-12:
        assert (rule.verdict(k) is Verdict.PASS) == (high <= rule.allowed)
    if abs(low - rule.allowed) > 1e-12:
        assert (rule.verdict(k) is Verdict.FAIL) == (low > rule.allowed)


@given(rules)
@settings(max_examples=300, deadline=None)
def test_ranks_are_dual_to_the_verdict(rule: ShareRule) -> None:
    low, high = rule.bound_ranks()
    most = None if high is None else rule.n - high
    least = None if low is None else rule.n - low + 1
    if most is None:
        assert not rule.passes(0)
    else:
        assert rule.passes(most)
        assert not rule.passes(most + 1)
    if least is None:
        assert not rule.fails(rule.n)
    else:
        assert rule.fails(least)
        assert not rule.fails(least - 1)
    assert low is None or high is None or low <= high


@given(rules, st.integers(0, 4000))
def test_a_verdict_agrees_with_the_point_estimate(rule: ShareRule, k: int) -> None:
    k = min(k, rule.n)
    if rule.passes(k):
        assert not rule.point_fails(k)
    if rule.fails(k):
        assert rule.point_fails(k)


@given(st.integers(1, 3000), st.sampled_from([0.5, 0.1, 0.05, 0.01]), st.floats(0, 1), st.sampled_from([1.0, 0.6]))
@settings(max_examples=200, deadline=None)
def test_what_is_missing_is_the_least_that_decides(n: int, allowed: float, share: float, worth: float) -> None:
    rule, k = ShareRule(n, allowed, n * worth), min(n, round(n * share * 2 * allowed))
    needed = rule.needed(k)
    if rule.verdict(k) is not Verdict.INCONCLUSIVE:
        assert needed == 0
        return
    wanted = Verdict.FAIL if rule.point_fails(k) else Verdict.PASS
    more = (1, n, 50 * n, 1000 * n) if needed is None else (needed - 1, needed, needed + 1, 2 * needed)
    decided = [ShareRule(n + m, allowed, (n + m) * worth).verdict(k * (n + m) / n) is wanted for m in more if m]
    assert decided[-3:] == [needed is not None] * 3
    assert len(decided) < 4 or not decided[0]


def test_a_share_exactly_at_the_limit_is_never_decided() -> None:
    assert ShareRule.independent(100, 0.05).needed(5) is None
    assert ShareRule.independent(20_000_000, 0.05).needed(1_000_001) is None


def _korn_graubard(clusters: list[tuple[int, int]]) -> float:
    """The formula of docs/how-we-measure.md, written down once more."""
    C = len(clusters)  # noqa: N806 - the name in the formula
    n, k = sum(m for _, m in clusters), sum(k for k, _ in clusters)
    if k == 0:
        return C
    p = k / n
    v = C / (C - 1) * sum((kc - p * mc) ** 2 for kc, mc in clusters) / n**2
    deff = max(1, v * n / (p * (1 - p)))
    return min(n, n / deff * (stats.t.ppf(0.95, n - 1) / stats.t.ppf(0.95, C - 1)) ** 2)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(9, 30)), min_size=20, max_size=60))
def test_clusters_by_korn_and_graubard(clusters: list[tuple[int, int]]) -> None:
    assert effective_size(clusters) == pytest.approx(_korn_graubard(clusters), rel=1e-9)


def test_clusters_that_show_nothing_count_once_each() -> None:
    assert effective_size([(0, 10)] * 25) == 25
    assert effective_size([(10, 10)] * 25) == 25
    assert effective_size([(1, 10)]) == 1


def test_whole_clusters_of_misses_are_worth_about_the_clusters() -> None:
    assert effective_size([(0, 100)] * 40 + [(100, 100)] * 40) == pytest.approx(80, rel=0.05)


def test_evenly_spread_misses_cost_only_the_few_clusters() -> None:
    n_star = effective_size([(5, 100)] * 30)
    assert n_star == pytest.approx(3000 * (stats.t.ppf(0.95, 2999) / stats.t.ppf(0.95, 29)) ** 2)


def test_any_share_is_within_a_limit_of_everything() -> None:
    assert ShareRule.independent(10, 1.0).verdict(10) is Verdict.PASS
