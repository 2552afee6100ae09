from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_rtmedload.audio import clip, names
from pytest_rtmedload.audio.pcm import RATE, voiced_span
from pytest_rtmedload.embedded.calls.hearing import CallEar, HeardUtterance

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

SAMPLE_NS = 62_500
ENDPOINTING = 200_000_000
FRAME = 640
START = 5_000_000_000


def silence(ms: int) -> bytes:
    return bytes(32 * ms)


def noise(rms: float, ms: int) -> NDArray[np.int16]:
    return np.random.default_rng(1).normal(0, rms, 16 * ms).astype(np.int16)


def listen(
    sound: bytes, sizes: Iterable[int] = itertools.repeat(FRAME), endpointing: int = ENDPOINTING
) -> list[HeardUtterance]:
    """Everything heard of a sound that begins at `START` and arrives in frames of these sizes, each when it is over."""
    ear, at, heard = CallEar(endpointing), 0, []
    for size in sizes:
        frame = sound[at : at + size]
        at += len(frame)
        heard += ear.feed(frame, START + at // 2 * SAMPLE_NS)
        if at >= len(sound):
            return heard
    raise AssertionError("more sizes are needed")


def edges(utterance: HeardUtterance) -> tuple[int, int]:
    """In samples from `START`."""
    return (utterance.begin_ns - START) // SAMPLE_NS, (utterance.end_ns - START) // SAMPLE_NS


@pytest.mark.parametrize("name", names("patient"))
def test_a_line_is_one_utterance_from_its_first_voiced_sample_to_its_last(name: str) -> None:
    [utterance] = listen(silence(400) + clip(name).pcm + silence(300))
    first, end = (400 * 16 + edge for edge in clip(name).voiced)
    assert edges(utterance) == (first, end)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 2000).map(lambda samples: 2 * samples), min_size=1, max_size=8))
def test_the_size_of_frames_does_not_matter(sizes: list[int]) -> None:
    sound = silence(130) + clip("hello").pcm + silence(300)
    assert [edges(each) for each in listen(sound, itertools.cycle(sizes))] == [edges(each) for each in listen(sound)]


def test_half_a_sample_is_dropped() -> None:
    ear, heard = CallEar(ENDPOINTING), []
    sound = clip("hello").pcm + silence(300)
    for begin in range(0, len(sound), FRAME):
        heard += ear.feed(sound[begin : begin + FRAME] + b"\x7f", START + (begin + FRAME) // 2 * SAMPLE_NS)
    assert [edges(each) for each in heard] == [edges(each) for each in listen(sound)]


@pytest.mark.parametrize("endpointing_ms", [200, 700, 1300])
def test_an_utterance_is_over_after_exactly_so_much_silence(endpointing_ms: int) -> None:
    line = clip("hello")
    spoken = line.pcm[: 2 * line.voiced[1]]
    ear = CallEar(endpointing_ms * 1_000_000)
    heard = ear.feed(spoken + silence(endpointing_ms - 10), START)
    assert (len(heard), ear.begin_ns is None) == (0, False)
    assert len(ear.feed(silence(10), START + 10_000_000)) == 1
    assert ear.begin_ns is None


def test_a_shorter_pause_does_not_end_it() -> None:
    line = clip("hello")
    spoken = line.pcm[2 * line.voiced[0] : 2 * line.voiced[1]]
    assert len(listen(spoken + silence(150) + spoken + silence(300))) == 1
    assert len(listen(spoken + silence(250) + spoken + silence(300))) == 2


@pytest.mark.parametrize("rms", [10, 50, 100])
def test_noise_is_not_speech_and_does_not_hide_it(rms: float) -> None:
    line = clip("chest_pain_2").samples
    padded = np.concatenate([np.zeros(16_000, np.int16), line, np.zeros(16_000, np.int16)])
    noisy = (padded + noise(rms, len(padded) // 16 + 1)[: len(padded)]).astype("<i2")
    [utterance] = listen(noisy.tobytes())
    first, end = (16_000 + edge for edge in clip("chest_pain_2").voiced)
    begin, over = edges(utterance)
    assert abs(begin - first) <= 0.06 * RATE
    assert abs(over - end) <= 0.1 * RATE


def test_speech_from_the_first_sample_on_is_heard() -> None:
    line = clip("hello")
    spoken = line.samples[line.voiced[0] + 1600 : line.voiced[1]]
    [utterance] = listen(spoken.tobytes() + silence(300))
    assert edges(utterance)[0] <= 0.05 * RATE


def test_a_click_is_no_speech() -> None:
    click = np.full(16 * 20, 8000, "<i2").tobytes()
    assert listen(silence(100) + click + silence(400)) == []


def test_a_minute_without_a_pause_is_cut() -> None:
    loud = noise(3000, 61_000).tobytes()
    [utterance] = listen(loud, itertools.repeat(64_000))
    assert len(utterance.samples) == pytest.approx(60 * RATE, rel=0.01)


def test_two_utterances_in_one_frame_are_two() -> None:
    sound = (clip("hello").pcm + silence(300)) * 2
    assert len(listen(sound, [len(sound)])) == 2


def test_the_samples_of_an_utterance_are_all_of_it() -> None:
    line = clip("hello")
    [utterance] = listen(silence(100) + line.pcm + silence(300))
    first, end = voiced_span(utterance.samples)
    assert end - first == line.voiced[1] - line.voiced[0]
    assert utterance.voiced_ns <= (end - first) * SAMPLE_NS


def test_how_long_somebody_has_spoken_is_known_while_he_speaks() -> None:
    line = clip("hello")
    ear = CallEar(ENDPOINTING)
    ear.feed(line.pcm[: 2 * (line.voiced[0] + 1920)], START)
    assert ear.begin_ns is not None
    assert 80_000_000 <= ear.voiced_ns <= 140_000_000
