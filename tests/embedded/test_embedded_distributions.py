from __future__ import annotations

import math
import random
import statistics

import pytest

from pytest_rtmedload.embedded.distributions import DelayModel, format_duration, parse_duration

MS = 1_000_000


@pytest.mark.parametrize(
    ("text", "ns"), [("20ms", 20 * MS), ("1.5s", 1500 * MS), ("200us", 200_000), ("2m", 120_000 * MS)]
)
def test_durations(text: str, ns: int) -> None:
    assert parse_duration(text) == ns
    assert parse_duration(format_duration(ns)) == ns


@pytest.mark.parametrize("text", ["", "20", "ms", "-1ms", "1h", "20 ms", "infs", "nanms", "1e3ms"])
def test_a_wrong_duration_says_how_to_write_one(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration: write a number and its unit"):
        parse_duration(text)


@pytest.mark.parametrize(
    "text",
    ["fixed(20ms)", "lognormal(80ms, 0.5)", "uniform(5ms, 20ms)", "exponential(10ms)", "fixed(0ms)", "fixed(2500us)"],
)
def test_the_text_form_reads_back(text: str) -> None:
    distribution = DelayModel.parse(text)
    assert str(distribution) == text
    assert DelayModel.parse(str(distribution)) == distribution


def test_a_bare_duration_is_fixed() -> None:
    assert str(DelayModel.parse("20ms")) == "fixed(20ms)"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "20",
        "normal(1ms)",
        "fixed()",
        "fixed(1ms, 2ms)",
        "lognormal(1ms)",
        "lognormal(1ms, -1)",
        "uniform(9ms, 1ms)",
    ],
)
def test_a_wrong_delay_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write"):
        DelayModel.parse(text)


def draws(text: str, n: int = 20_000) -> list[int]:
    generator = random.Random("seed")
    distribution = DelayModel.parse(text)
    return [distribution.draw(generator) for _ in range(n)]


def test_draws_follow_their_distribution() -> None:
    assert set(draws("20ms", 10)) == {20 * MS}
    uniform = draws("uniform(5ms, 20ms)")
    assert 5 * MS <= min(uniform) <= 5.1 * MS
    assert 19.9 * MS <= max(uniform) <= 20 * MS
    assert statistics.mean(draws("exponential(10ms)")) == pytest.approx(10 * MS, rel=0.03)
    lognormal = [math.log(value) for value in draws("lognormal(80ms, 0.5)")]
    assert statistics.mean(lognormal) == pytest.approx(math.log(80 * MS), abs=0.02)
    assert statistics.stdev(lognormal) == pytest.approx(0.5, rel=0.03)


def test_the_same_seed_draws_the_same() -> None:
    assert draws("lognormal(80ms, 0.5)", 100) == draws("lognormal(80ms, 0.5)", 100)
