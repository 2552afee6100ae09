from __future__ import annotations

import base64
import json

import numpy as np
import pytest

from pytest_rtmedload.audio import Clip, clip
from pytest_rtmedload.dialects.heard import Audio, Garbage, OtherMessage
from pytest_rtmedload.dialects.voice import audio_data
from pytest_rtmedload.voice.speech import FRAME_BYTES, SILENCE, BrowserSpeech, PhoneSpeech, Speech, speaking

STAMP = b"2026-01-31T12:00:00.020Z"


def trimmed(samples: int) -> Clip:
    """A clip that is voiced from its first sample to its last."""
    return Clip("mine", None, np.full(samples, 999, np.int16).tobytes(), (0, samples))


@pytest.mark.parametrize("participant", ["4:+15550100000", 'a "quoted" \\ name', "@data@", "Zoë"])
def test_a_phone_sends_what_acs_sends(participant: str) -> None:
    speech = PhoneSpeech(participant)
    for frame in speech.frames(clip("hello")):
        sent = json.loads(speech.message(frame, STAMP))
        assert sent == audio_data(frame.decode(), STAMP.decode(), participant)


def test_a_phone_sends_the_clip_whole() -> None:
    frames = [base64.b64decode(frame) for frame in PhoneSpeech("4:+1").frames(clip("hello"))]
    assert {len(frame) for frame in frames} == {FRAME_BYTES}
    assert b"".join(frames).startswith(clip("hello").pcm)


def test_a_browser_sends_the_samples_and_nothing_else() -> None:
    speech = BrowserSpeech()
    assert b"".join(speech.message(frame, STAMP) for frame in speech.frames(clip("hello"))).startswith(
        clip("hello").pcm
    )


def test_silence_is_20_ms_of_it() -> None:
    phone = json.loads(PhoneSpeech("4:+1").message(PhoneSpeech("4:+1").silence, STAMP))
    assert base64.b64decode(phone["audioData"]["data"]) == BrowserSpeech().silence == SILENCE == bytes(640)


@pytest.mark.parametrize("speech", [PhoneSpeech("4:+1"), BrowserSpeech()])
def test_a_clip_is_encoded_once(speech: Speech) -> None:
    assert speech.frames(clip("hello")) is speech.frames(clip("hello"))


def test_a_phone_hears_no_audio_for_browsers() -> None:
    message = '{"type": "audio_data", "data": "AAA="}'
    assert isinstance(BrowserSpeech().read(message), Audio)
    assert PhoneSpeech("4:+1").read(message) == OtherMessage("for browsers")
    assert PhoneSpeech("4:+1").read(b"") == Garbage("binary where a text message is due")


@pytest.mark.parametrize("name", ["hello", "chest_pain_1", "interrupt_1"])
def test_the_voiced_span_is_found_again_in_the_frames(name: str) -> None:
    said = speaking(clip(name), BrowserSpeech())
    begin, end = ((frame * 20 + offset / 1e6) for frame, offset in (said.begin, said.end))
    assert (begin, end) == (clip(name).voiced_begin_ms, clip(name).voiced_end_ms)
    assert 0 < said.end[1] <= 20_000_000


@pytest.mark.parametrize("samples", [320, 480, 640, 1600, 1760])
def test_a_clip_that_ends_with_speech_ends_in_its_last_frame(samples: int) -> None:
    """The end of the last sample may be the end of the last frame: there is no frame after it."""
    said = speaking(trimmed(samples), BrowserSpeech())
    assert said.end[0] == len(said.frames) - 1
    assert said.end[0] * 20 + said.end[1] / 1e6 == samples / 16
