from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rtmedload.audio import clip, names
from pytest_rtmedload.embedded.speech.hearing import LONGEST_MS, Began, SpeechEar, SpeechEnded, Voiced

RATE, MS = 16_000, 16


def tone(ms: int, level: int = 3000) -> bytes:
    sound: bytes = (level * np.sin(np.arange(ms * MS) * 0.3)).astype("<i2").tobytes()
    return sound


def silence(ms: int) -> bytes:
    return bytes(2 * ms * MS)


def test_an_utterance_begins_and_ends_where_its_sound_does() -> None:
    events = SpeechEar(RATE, 200).listen(silence(300) + tone(500) + silence(200))
    assert events == [Began(300 * MS), SpeechEnded(Voiced(300 * MS, 800 * MS))]


def test_it_is_not_over_before_the_silence_is() -> None:
    ear = SpeechEar(RATE, 200)
    assert ear.listen(tone(500) + silence(190)) == [Began(0)]
    assert ear.speech == Voiced(0, 500 * MS)
    assert ear.listen(silence(10)) == [SpeechEnded(Voiced(0, 500 * MS))]
    assert ear.speech is None


def test_a_click_is_no_speech() -> None:
    assert SpeechEar(RATE, 200).listen(silence(100) + tone(20) + silence(100)) == []


def test_a_short_pause_does_not_end_it() -> None:
    events = SpeechEar(RATE, 200).listen(tone(300) + silence(150) + tone(300) + silence(200))
    assert events == [Began(0), SpeechEnded(Voiced(0, 750 * MS))]


def test_speech_that_never_pauses_is_cut() -> None:
    events = SpeechEar(RATE, 200).listen(tone(LONGEST_MS + 1000))
    assert events == [Began(0), SpeechEnded(Voiced(0, LONGEST_MS * MS)), Began(LONGEST_MS * MS)]


def test_the_end_of_the_audio_ends_it() -> None:
    ear = SpeechEar(RATE, 200)
    ear.listen(tone(300) + silence(100))
    assert ear.finish() == Voiced(0, 300 * MS)
    assert ear.finish() is None


@given(st.lists(st.integers(1, 9000), min_size=1, max_size=12))
def test_the_pieces_it_comes_in_make_no_difference(cuts: list[int]) -> None:
    sound = silence(120) + tone(200) + silence(210) + tone(100) + silence(250)
    ear, events, begin = SpeechEar(RATE, 200), [], 0
    for end in [*np.cumsum(cuts).tolist(), len(sound)]:
        events += ear.listen(sound[begin:end])
        begin = max(begin, end)
    assert events == SpeechEar(RATE, 200).listen(sound)


def test_what_is_forgotten_changes_nothing_that_follows() -> None:
    ear = SpeechEar(RATE, 200)
    ear.listen(silence(1005))
    ear.forget(1_000_000)
    assert ear.listen(silence(95) + tone(300) + silence(200)) == [
        Began(1100 * MS),
        SpeechEnded(Voiced(1100 * MS, 1400 * MS)),
    ]
    assert ear.samples(Voiced(1100 * MS, 1400 * MS)).tobytes() == tone(300)
    assert ear.position == 1600 * MS


@pytest.mark.parametrize("gain", [1.0, 0.4])
def test_every_line_is_one_utterance(gain: float) -> None:
    for name in names("patient"):
        item = clip(name)
        sound = (item.samples * gain).astype("<i2").tobytes() + silence(500)
        events = SpeechEar(RATE, 500).listen(sound)
        assert [type(event) for event in events] == [Began, SpeechEnded], name
