from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rtmedload.voice.quality import Delivery, opinion, word_error_rate

MS = 1_000_000
WORDS = st.lists(st.sampled_from(["my", "chest", "hurts", "very", "much"]), max_size=8)


def delivered(*arrivals: tuple[int, int]) -> Delivery:
    """Frames of 20 ms by when they arrive and after which gap, in milliseconds."""
    delivery = Delivery()
    for at, gap in arrivals:
        delivery.received(at * MS, 20 * MS, gap * MS)
    return delivery


def test_frames_in_step_have_no_jitter_and_the_best_score() -> None:
    delivery = delivered(*((100 + 20 * k, 0) for k in range(50)))
    assert (delivery.jitter_ns, delivery.underruns, delivery.stalls_ns, delivery.ratio) == (0, 0, [], 1)
    assert delivery.mos == pytest.approx(4.41, abs=0.01)


def test_jitter_is_that_of_rfc_3550() -> None:
    """A.8: J += (|D| - J) / 16, with |D| = 16 ms at the second frame and at the third."""
    delivery = delivered((100, 0), (136, 0), (140, 0))
    assert delivery.jitter_ns / MS == pytest.approx(1 + (16 - 1) / 16)


def test_a_frame_missing_is_an_underrun_and_a_long_gap_is_a_stall_too() -> None:
    delivery = delivered((100, 0), (139, 19), (180, 21), (451, 250), (722, 251))
    assert (delivery.underruns, delivery.stalls_ns) == (3, [251 * MS])
    assert delivery.ratio == pytest.approx(100 / (100 + 21 + 250 + 251))


def test_the_score_falls_with_the_gaps() -> None:
    scores = [delivered((100, 0), (200, gap)).mos for gap in (0, 20, 100, 1000, 100_000)]
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] < 1.2


def test_nothing_delivered_is_no_division_by_zero() -> None:
    assert Delivery().ratio == 1


@pytest.mark.parametrize(
    ("r", "mos"), [(-5, 1.0), (0, 1.0), (50, 2.575), (70, 3.597), (90, 4.339), (100, 4.5), (120, 4.5)]
)
def test_opinions_are_those_of_g_107(r: float, mos: float) -> None:
    assert opinion(r) == pytest.approx(mos, abs=0.005)


@given(st.floats(-50, 150))
def test_an_opinion_is_on_the_scale(r: float) -> None:
    assert 1 <= opinion(r) <= 4.5


@pytest.mark.parametrize(
    ("said", "understood", "rate"),
    [
        ("My chest hurts.", "my CHEST hurts", 0),
        ("my chest hurts", "my chess hurts", 1 / 3),
        ("my chest hurts", "chest hurts", 1 / 3),
        ("my chest hurts", "oh my chest hurts", 1 / 3),
        ("my chest hurts", "", 1),
        ("no", "yes I do mean it", 5),
        ("I can't breathe", "I can’t breathe", 0),
        ("Tengo dolor, señora", "tengo dolor señora", 0),
        ("J'ai mal à l'épaule", "j'ai mal a l'épaule", 1 / 4),
        ("胸が痛い", "胸が痛い", 0),
    ],
)
def test_word_error_rate(said: str, understood: str, rate: float) -> None:
    assert word_error_rate(said, understood) == pytest.approx(rate)


@given(WORDS.filter(bool), WORDS)
def test_word_error_rate_has_the_bounds_of_an_edit_distance(said: list[str], understood: list[str]) -> None:
    errors = word_error_rate(" ".join(said), " ".join(understood)) * len(said)
    assert abs(len(said) - len(understood)) - 1e-9 <= errors <= max(len(said), len(understood)) + 1e-9
    assert (errors == 0) == (said == understood)


def test_no_words_have_no_error_rate() -> None:
    with pytest.raises(ValueError, match="no words were said"):
        word_error_rate(" ... ", "hello")
