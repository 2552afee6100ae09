from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import resample_poly

from pytest_rtmedload.audio import Clip, ClipError, Fingerprints, Match, clip, names
from pytest_rtmedload.audio.fingerprint import THRESHOLD
from tests.audio.sounds import Samples, noise, silence, tone

LINES = names("patient")


@pytest.fixture(scope="module")
def known() -> Fingerprints:
    return Fingerprints(clip(name) for name in LINES)


def exact(line: Clip) -> Samples:
    return line.samples


def telephone(line: Clip) -> Samples:
    """Through mu-law at 8 kHz (the formula of G.711, not its segments)."""
    narrow = np.clip(resample_poly(line.samples / 32768, 1, 2), -1, 1)
    code = np.round(np.sign(narrow) * np.log1p(255 * np.abs(narrow)) / np.log(256) * 127) / 127
    heard = np.sign(code) * (256 ** np.abs(code) - 1) / 255
    samples: Samples = np.clip(resample_poly(heard * 32768, 2, 1), -32768, 32767).astype(np.int16)
    return samples


def quieter(line: Clip) -> Samples:
    return (line.samples * 10 ** (-8 / 20)).astype(np.int16)


def noisy(line: Clip) -> Samples:
    return line.samples + noise(len(line.samples), rms=100)


def late_and_long(line: Clip) -> Samples:
    return np.concatenate([silence(259), line.samples, silence(400)])


def cut(line: Clip, before_ms: int, after_ms: int) -> Samples:
    """From so much before the speech to so much after it; negative: a part of the speech is missing."""
    begin, end = line.voiced[0] - 16 * before_ms, line.voiced[1] + 16 * after_ms
    return line.samples[max(begin, 0) : end]


def tight_gate(line: Clip) -> Samples:
    return cut(line, -100, -100)


def early_gate(line: Clip) -> Samples:
    return cut(line, 100, -100)


def late_gate(line: Clip) -> Samples:
    return cut(line, -100, 100)


@pytest.mark.parametrize(
    "heard",
    [exact, telephone, quieter, noisy, late_and_long, tight_gate, early_gate, late_gate],
    ids=lambda f: f.__name__,
)
def test_every_line_is_recognised(known: Fingerprints, heard: object) -> None:
    assert callable(heard)
    assert [known.recognise(heard(clip(name))) for name in LINES] == LINES


def test_the_same_sound_scores_one(known: Fingerprints) -> None:
    match = known.best(clip("hello").samples)
    assert match.name == "hello"
    assert match.score == pytest.approx(1.0, abs=1e-4)


def test_what_the_agent_says_is_no_patient_line(known: Fingerprints) -> None:
    assert [name for name in names("agent") if known.recognise(clip(name).samples)] == []


def test_two_lines_in_a_row_are_neither(known: Fingerprints) -> None:
    for first, then in zip(LINES, LINES[7:] + LINES[:7], strict=True):
        both = np.concatenate([clip(first).samples, clip(then).samples])
        assert known.recognise(both) is None, (first, then)


def test_half_a_line_is_not_the_line(known: Fingerprints) -> None:
    for name in LINES:
        half = clip(name).samples[: len(clip(name).samples) // 2]
        assert known.recognise(half) is None, name
        assert known.recognise(clip(name).samples[::-1]) is None, name


@pytest.mark.parametrize("sound", [silence(0), silence(2000), noise(32_000, 20), noise(32_000, 2000), tone(2000)])
def test_what_is_no_speech_is_no_line(known: Fingerprints, sound: Samples) -> None:
    assert known.recognise(sound) is None


def test_a_distorted_line_is_far_from_the_threshold_and_other_lines_are_too(known: Fingerprints) -> None:
    assert min(known.best(tight_gate(clip(name))).score for name in LINES) > THRESHOLD + 0.1
    others = [
        Fingerprints(clip(other) for other in LINES if other != name).best(clip(name).samples) for name in LINES[:5]
    ]
    assert max(match.score for match in others) < THRESHOLD - 0.1


def test_nothing_known_recognises_nothing() -> None:
    assert Fingerprints([]).best(clip("hello").samples) == Match(None, 0.0)


def test_a_silent_reference_is_refused() -> None:
    with pytest.raises(ClipError, match="mute: silent"):
        Fingerprints([Clip("mute", None, silence(500).tobytes(), (0, 320))]).warm_up()
