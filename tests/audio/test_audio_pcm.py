from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import resample_poly

from pytest_rtmedload.audio.pcm import RATE, ClipError, pauses, read_wav, resample, voiced_span, write_wav
from tests.audio.sounds import noise, silence, tone, two_words

MS = RATE // 1000


def test_the_voiced_span_is_exact_to_a_step() -> None:
    first, end = voiced_span(two_words())
    assert 290 * MS <= first <= 300 * MS
    assert 900 * MS <= end <= 910 * MS


@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000, 48_000])
def test_spans_are_in_samples_of_the_rate(rate: int) -> None:
    first, end = voiced_span(two_words(rate), rate)
    assert (first * 1000 // rate, end * 1000 // rate) == tuple(n // MS for n in voiced_span(two_words()))


def test_voiced_is_within_35_db_of_the_loudest_window() -> None:
    def follower(decibels: float) -> int:
        quiet = tone(200, peak=round(16000 * 10 ** (-decibels / 20)))
        return voiced_span(np.concatenate([tone(200, peak=16000), silence(100), quiet, silence(100)]))[1]

    assert follower(34) >= 500 * MS
    assert follower(36) <= 210 * MS


def test_the_span_does_not_depend_on_the_level() -> None:
    loud = two_words()
    assert voiced_span(loud) == voiced_span((loud // 4).astype(np.int16))


def test_pauses_lie_between_the_words() -> None:
    ((first, end),) = pauses(two_words())
    assert 500 * MS <= first <= 510 * MS
    assert 640 * MS <= end <= 650 * MS
    assert pauses(tone(500)) == []


@pytest.mark.parametrize(
    ("samples", "text"),
    [
        (silence(500), "silent: nothing in it is louder than -60 dBFS"),
        (noise(8000, rms=20), "silent"),
        (tone(19), "only 19 ms of audio: at least 20 ms are needed"),
        (silence(0), "only 0 ms of audio"),
    ],
)
def test_silence_has_no_span(samples: np.ndarray, text: str) -> None:
    with pytest.raises(ClipError, match=text):
        voiced_span(samples)


RATES = [(16_000, 24_000), (16_000, 48_000), (24_000, 16_000), (48_000, 16_000), (24_000, 48_000), (48_000, 24_000)]


@pytest.mark.parametrize(("from_rate", "to_rate"), RATES)
@pytest.mark.parametrize("hertz", [50, 1000, 6500])
def test_a_resampled_sine_is_the_same_sine(from_rate: int, to_rate: int, hertz: float) -> None:
    result = resample(tone(400, hertz, from_rate), from_rate, to_rate).astype(int)
    expected = tone(400, hertz, to_rate).astype(int)
    assert len(result) == len(expected)
    inner = slice(to_rate // 100, -to_rate // 100)  # the ends ring: the sine begins and stops there
    assert np.abs(result - expected)[inner].max() <= 10  # of 8000: -58 dB


@pytest.mark.parametrize("from_rate", [24_000, 48_000])
def test_what_the_lower_rate_cannot_hold_is_gone(from_rate: int) -> None:
    result = resample(tone(400, 9_500, from_rate), from_rate, 16_000)
    assert np.abs(result.astype(int))[160:-160].max() <= 4  # of 8000: -66 dB


@pytest.mark.parametrize(("from_rate", "to_rate"), [*RATES, (22_050, 16_000), (8_000, 16_000)])
def test_resampling_agrees_with_scipy(from_rate: int, to_rate: int) -> None:
    speechlike = resample(noise(from_rate // 4, 3000), from_rate, from_rate)
    narrow = np.convolve(speechlike, np.hanning(24) / 12, "same").astype(np.int16)  # below 2 kHz or so
    ours = resample(narrow, from_rate, to_rate).astype(float)
    theirs = resample_poly(narrow.astype(float), to_rate, from_rate)
    assert len(ours) == len(theirs)
    middle = slice(500, -500)
    assert np.std((ours - theirs)[middle]) < 0.02 * np.std(theirs[middle])


@pytest.mark.parametrize("length", [0, 1, 2, 319, 320, 321])
def test_any_length_can_be_resampled(length: int) -> None:
    assert len(resample(tone(100)[:length], 16_000, 24_000)) == -(-length * 3 // 2)
    assert len(resample(tone(100)[:length], 48_000, 16_000)) == -(-length // 3)


def test_onsets_stay_where_they_are() -> None:
    for rate in (24_000, 48_000):
        there = resample(two_words(), RATE, rate)
        assert voiced_span(resample(there, rate, RATE)) == pytest.approx(voiced_span(two_words()), abs=10 * MS)


def test_loud_samples_are_clipped_not_wrapped() -> None:
    square = np.repeat(np.array([32767, -32768], np.int16), 40).repeat(1)
    result = resample(np.tile(square, 20), 16_000, 48_000)
    assert result.max() == 32767
    assert result.min() == -32768


def test_wav_round_trip_fills_the_shorter_channel(tmp_path: Path) -> None:
    caller, agent = tone(100), tone(60, 1000)
    write_wav(tmp_path / "call.wav", [caller, agent], 24_000)
    (left, right), rate = read_wav(tmp_path / "call.wav")
    assert rate == 24_000
    assert np.array_equal(left, caller)
    assert np.array_equal(right, np.concatenate([agent, silence(40)]))


def test_a_file_cut_inside_a_frame_is_read_up_to_there(tmp_path: Path) -> None:
    path = tmp_path / "cut.wav"
    write_wav(path, [tone(100), tone(100)])
    path.write_bytes(path.read_bytes()[:-3])
    channels, _ = read_wav(path)
    assert [len(channel) for channel in channels] == [1599, 1599]


def test_a_wav_that_is_not_16_bit_is_refused(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((1, 1, RATE, 0, "NONE", ""))
        file.writeframes(bytes(range(100)))
    with pytest.raises(ClipError, match=r"a\.wav: 8-bit samples, 16-bit ones are needed; convert it: ffmpeg -i a\.wav"):
        read_wav(tmp_path / "a.wav")
