from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_rtmedload.audio import clip, names
from pytest_rtmedload.embedded.speech.hearing import SpeechEar, SpeechEnded, Voiced
from pytest_rtmedload.embedded.speech.lines import SpeechLine, lexical
from pytest_rtmedload.embedded.speech.partials import EVERY_MS, Partials

if TYPE_CHECKING:
    from tests.embedded.speech.laboratory import Laboratory

RATE, MS = 16_000, 16


def heard(name: str, gain: float = 1.0, noise: float = 0.0) -> tuple[SpeechEar, Voiced]:
    """A line as the service hears it, and where."""
    item, ear = clip(name), SpeechEar(RATE, 500)
    sound = np.concatenate([item.samples, np.zeros(600 * MS, np.int16)]) * gain
    sound += np.random.default_rng(7).normal(0, noise, len(sound)) if noise else 0
    [end] = [event for event in ear.listen(sound.astype("<i2").tobytes()) if isinstance(event, SpeechEnded)]
    return ear, end.span


def test_every_line_is_understood_soft_and_noisy(laboratory: Laboratory) -> None:
    for name in names("patient"):
        ear, span = heard(name, gain=0.4, noise=30)
        line = laboratory.lines.recognise(ear.samples(span), RATE)
        assert line is not None
        assert line.name == name


def test_a_wrong_guess_is_corrected(laboratory: Laboratory) -> None:
    lines = laboratory.lines
    ear, span = heard("chest_pain_1")
    guess = SpeechLine("lab_results_1", clip("lab_results_1").text or "", 1600)
    line = lines.recognise(ear.samples(span), RATE, guess)
    assert line is not None
    assert line.name == "chest_pain_1"


def test_half_a_second_is_enough_to_know_a_line(laboratory: Laboratory) -> None:
    for name in names("patient"):
        ear, span = heard(name)
        line = laboratory.lines.begun(ear.samples(Voiced(span.begin, span.begin + 500 * MS)), RATE)
        assert line is not None
        assert line.name == name


def test_hypotheses_are_due_by_speech(laboratory: Laboratory) -> None:
    ear, span = heard("chest_pain_1")
    partials = Partials(laboratory.lines, 200)
    due = [
        ms
        for ms in range(10, (span.end - span.begin) // MS, 10)
        if partials.next(ear, Voiced(span.begin, span.begin + ms * MS)) is not None
    ]
    assert due[:3] == [200, 200 + EVERY_MS, 200 + 2 * EVERY_MS]


def test_words_are_said_by_their_letters() -> None:
    line = SpeechLine("any", "I'm fine, thanks.", 1000)
    assert [line.words_by(ms) for ms in (0, 300, 700, 1000, 5000)] == [
        "i'm", "i'm", "i'm fine", "i'm fine thanks", "i'm fine thanks",
    ]  # fmt: skip


def test_raw_words_have_no_punctuation() -> None:
    assert lexical("Well: don’t 'quote' it -- 20 times, OK?") == "well don't quote it 20 times ok"
