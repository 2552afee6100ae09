from __future__ import annotations

import numpy as np
import pytest

from pytest_rtmedload.audio import RATE, clip, names
from pytest_rtmedload.audio.pcm import resample
from pytest_rtmedload.voice.onset import OnsetDetector
from tests.audio.sounds import Samples, noise, silence, tone

SOME = names()[::9]
NOISY = names()[::6]
BEGIN_MS = 5_000


def onset(samples: Samples, rate: int = RATE, chunk: int = 640) -> float | None:
    """Milliseconds from the beginning, as a detector finds it that is given so many bytes at a time."""
    detector, pcm = OnsetDetector(rate), samples.astype("<i2").tobytes()
    for at in range(0, len(pcm), chunk):
        found = detector.feed(pcm[at : at + chunk], BEGIN_MS * 1_000_000 + at // 2 * 1_000_000_000 // rate)
        if found is not None:
            return found / 1e6 - BEGIN_MS
    return None


def off_by(samples: Samples, truth_ms: float, rate: int = RATE, chunk: int = 640) -> float:
    found = onset(samples, rate, chunk)
    assert found is not None
    return found - truth_ms


def mixed(*sounds: Samples) -> Samples:
    return np.clip(sum(sound.astype(int) for sound in sounds), -32768, 32767).astype(np.int16)


def test_every_recording_begins_where_its_manifest_says() -> None:
    for name in names():
        assert off_by(clip(name).samples, clip(name).voiced_begin_ms) == pytest.approx(0, abs=20), name


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000])
def test_at_every_rate_in_chunks_of_every_size(rate: int) -> None:
    for name in SOME[:3]:
        heard = resample(clip(name).samples[: RATE * 2 // 5], RATE, rate)
        for chunk in (34, 640, 1280, 4800, 1_000_000):
            assert off_by(heard, clip(name).voiced_begin_ms, rate, chunk) == pytest.approx(0, abs=21), (name, chunk)


def test_speech_at_once() -> None:
    for name in SOME:
        assert onset(clip(name).samples[clip(name).voiced[0] :]) == pytest.approx(0, abs=30)


def test_leading_silence_is_no_speech() -> None:
    for name in SOME:
        heard = np.concatenate([silence(1730), clip(name).samples])
        assert off_by(heard, 1730 + clip(name).voiced_begin_ms) == pytest.approx(0, abs=20)


@pytest.mark.parametrize("rms", [5, 20, 40, 70, 100])
def test_comfort_noise_is_no_speech(rms: float) -> None:
    """From -76 to -50 dB of full scale."""
    assert onset(noise(RATE * 3, rms)) is None


@pytest.mark.parametrize("rms", [5, 20, 40, 70, 100])
def test_speech_after_comfort_noise_begins_where_it_begins(rms: float) -> None:
    for name in NOISY:
        recording = np.concatenate([silence(1000), clip(name).samples[:RATE]])
        heard = mixed(recording, noise(len(recording), rms))
        assert off_by(heard, 1000 + clip(name).voiced_begin_ms) == pytest.approx(0, abs=30), name


@pytest.mark.parametrize("softer_db", [10, 20])
def test_soft_speech(softer_db: int) -> None:
    for name in NOISY:
        heard = np.rint(clip(name).samples * 10 ** (-softer_db / 20)).astype(np.int16)
        assert off_by(heard, clip(name).voiced_begin_ms) == pytest.approx(0, abs=30), name


def test_what_is_below_60_db_of_full_scale_is_never_speech() -> None:
    for name in SOME:
        assert onset(np.rint(clip(name).samples * 0.001).astype(np.int16)) is None


@pytest.mark.parametrize("milliseconds", [1, 5, 20])
def test_a_click_is_no_speech(milliseconds: int) -> None:
    assert onset(np.concatenate([silence(500), noise(milliseconds * 16, 8000), silence(1000)])) is None


def test_tones_are_taken_for_speech() -> None:
    """A dial tone or a key: the caller does hear something, and a detector of voices cannot tell."""
    key = mixed(tone(200, 770), tone(200, 1336))
    for sound in (key, tone(200)):
        assert onset(np.concatenate([silence(500), sound, silence(500)])) == pytest.approx(500, abs=20)


def test_an_onset_in_audio_that_came_in_two_parts_has_the_time_of_its_part() -> None:
    detector = OnsetDetector(RATE)
    assert detector.feed(silence(400).tobytes(), 1_000_000_000) is None
    pcm = clip("hello").pcm
    found = detector.feed(pcm, 9_000_000_000)
    assert found is not None
    assert found / 1e6 == pytest.approx(9_000 + clip("hello").voiced_begin_ms, abs=20)
