from __future__ import annotations

import queue
import threading
import time
from itertools import pairwise
from typing import Any

import azure.cognitiveservices.speech as sdk
import numpy as np
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from pytest_rtmedload.audio import clip
from pytest_rtmedload.audio.pcm import resample
from tests.embedded.speech.laboratory import (
    DEADLINE_S,
    SILENCE,
    Laboratory,
    Listener,
    Speech,
    Talker,
    recognise_once,
    speak,
    within,
)

FIRST, SECOND = clip("chest_pain_1"), clip("lab_results_1")
TICKS_PER_MS = 10_000
ONSET_MS = 40
"""A soft beginning of the first sound counts as speech for the clip, not yet for the service."""


@pytest.mark.parametrize("form", ["host", "endpoint"])
def test_a_line_is_recognised_once(speech: Speech, form: str) -> None:
    result = recognise_once(speech.config(form), FIRST.pcm + SILENCE)
    assert (result.reason, result.text) == (sdk.ResultReason.RecognizedSpeech, FIRST.text)
    assert abs(result.offset / TICKS_PER_MS - FIRST.voiced_begin_ms) <= ONSET_MS
    assert abs((result.offset + result.duration) / TICKS_PER_MS - FIRST.voiced_end_ms) <= ONSET_MS


def test_the_detailed_format_has_the_words(speech: Speech) -> None:
    config = speech.config()
    config.output_format = sdk.OutputFormat.Detailed
    result = recognise_once(config, FIRST.pcm + SILENCE)
    best = result.properties[sdk.PropertyId.SpeechServiceResponse_JsonResult]
    assert result.text == FIRST.text
    assert '"Lexical":"i have a sharp pain in my chest"' in best


@pytest.mark.parametrize("form", ["host", "endpoint"])
def test_two_phrases_have_their_places_in_the_whole_audio(speech: Speech, form: str) -> None:
    listener = Listener(speech.config(form))
    listener.stream.write(FIRST.pcm + SILENCE + SECOND.pcm + SILENCE)
    results = [listener.report(), listener.report()]
    end = listener.end()
    assert [result.text for result in results] == [FIRST.text, SECOND.text]
    second_begin = FIRST.duration_ms + 1000 + SECOND.voiced_begin_ms
    assert abs(results[1].offset / TICKS_PER_MS - second_begin) <= ONSET_MS
    assert (end.reason, end.code) == (sdk.CancellationReason.EndOfStream, sdk.CancellationErrorCode.NoError)
    assert listener.reports.empty()  # nothing was replayed and recognised again


def speech_upgrades(speech: Speech) -> dict[str, int]:
    upgrades: dict[str, int] = speech.truth()["upgrades"]
    return upgrades


def test_hypotheses_grow_and_end_in_the_phrase(speech: Speech) -> None:
    listener = Listener(speech.config())
    talker = Talker(listener.stream, FIRST.pcm, speed=4)
    result = listener.report()
    talker.stop()
    words = [partial.text.split() for partial in listener.partials]
    last = words[-1]
    assert len(words) >= 3
    assert all(len(earlier) < len(later) for earlier, later in pairwise(words))
    assert last == result.text.lower().strip(".").split()[: len(last)]


def test_a_line_that_is_not_known_is_no_match(speech: Speech) -> None:
    backwards = FIRST.samples[::-1].tobytes()
    result = recognise_once(speech.config(), backwards + SILENCE)
    assert (result.reason, result.text) == (sdk.ResultReason.NoMatch, "")


def test_once_waits_for_speech_only_as_long_as_it_is_told(speech: Speech) -> None:
    config = speech.config()
    config.set_property(sdk.PropertyId.SpeechServiceConnection_InitialSilenceTimeoutMs, "300")
    result = recognise_once(config, SILENCE)
    assert result.reason is sdk.ResultReason.NoMatch
    assert result.no_match_details.reason is sdk.NoMatchReason.InitialSilenceTimeout


def test_the_client_sets_the_silence_that_ends_a_phrase(speech: Speech) -> None:
    config = speech.config()
    config.set_property(sdk.PropertyId.Speech_SegmentationSilenceTimeoutMs, "700")
    listener = Listener(config)
    pause = bytes(32 * 400)  # longer than the service's own 200 ms
    listener.stream.write(FIRST.pcm + pause + FIRST.pcm + SILENCE)
    result = listener.report()
    assert result.duration / TICKS_PER_MS > FIRST.duration_ms
    listener.end()


def test_a_drop_is_survived_with_the_right_places(laboratory: Laboratory) -> None:
    with laboratory.serving("speech.fault.stt=drop@late", "speech.fault_limit.stt=1") as speech:
        listener = Listener(speech.config())
        talker = Talker(listener.stream, FIRST.pcm + SILENCE + SECOND.pcm, speed=4)
        results = [listener.report(), listener.report()]
        reconnects = len(listener.disconnected)
        talker.stop()
        listener.end()
        upgrades = speech_upgrades(speech)
    assert [result.text for result in results] == [FIRST.text, SECOND.text]
    assert abs(results[1].offset / TICKS_PER_MS - FIRST.duration_ms - 1000 - SECOND.voiced_begin_ms) <= ONSET_MS
    assert upgrades == {"stt 101": 2}
    assert reconnects == 1


def test_a_long_silence_is_acknowledged_and_reported_to_nobody(speech: Speech) -> None:
    listener = Listener(speech.config())
    listener.stream.write(SILENCE * 5 + FIRST.pcm + bytes(32 * 300))  # more than the service keeps unacknowledged
    result = listener.report()
    assert result.text == FIRST.text
    assert abs(result.offset / TICKS_PER_MS - 5_000 - FIRST.voiced_begin_ms) <= ONSET_MS
    listener.end()


def test_stop_ends_a_recognition_at_once(speech: Speech) -> None:
    listener = Listener(speech.config())
    speaking = threading.Event()
    listener.recognizer.speech_start_detected.connect(lambda _: speaking.set())
    listener.stream.write(FIRST.pcm)
    assert speaking.wait(DEADLINE_S)
    begun = time.monotonic()
    within(DEADLINE_S, listener.recognizer.stop_continuous_recognition)
    assert time.monotonic() - begun < 5  # without an end of turn it takes 10 s
    result = listener.report()  # of what the SDK had sent by then, which may be less than the line
    assert result.text in (FIRST.text, "")
    assert result.duration > 0


@pytest.mark.parametrize("rate", [8000, 48_000])
def test_other_rates_are_heard(speech: Speech, rate: int) -> None:
    stream = sdk.audio.PushAudioInputStream(sdk.audio.AudioStreamFormat(rate, 16, 1))
    recognizer = sdk.SpeechRecognizer(speech.config(), sdk.audio.AudioConfig(stream=stream))
    stream.write(resample(FIRST.samples, 16_000, rate).tobytes() + bytes(rate))
    stream.close()
    assert within(DEADLINE_S, recognizer.recognize_once).text == FIRST.text


@pytest.mark.parametrize("form", ["host", "endpoint"])
def test_a_known_text_is_spoken_by_its_clip(speech: Speech, form: str) -> None:
    config = speech.config(form)
    config.set_speech_synthesis_output_format(sdk.SpeechSynthesisOutputFormat.Raw16Khz16BitMonoPcm)
    result = speak(config, FIRST.text or "")
    assert result.reason is sdk.ResultReason.SynthesizingAudioCompleted
    assert result.audio_data == FIRST.pcm


def test_a_riff_at_24_khz_is_the_clip_resampled(speech: Speech) -> None:
    config = speech.config()
    config.set_speech_synthesis_output_format(sdk.SpeechSynthesisOutputFormat.Riff24Khz16BitMonoPcm)
    sound = speak(config, FIRST.text or "").audio_data
    assert sound.startswith(b"RIFF")
    assert sound.endswith(resample(FIRST.samples, 16_000, 24_000).tobytes())


def test_any_other_text_is_an_audible_placeholder(speech: Speech) -> None:
    text = "A sentence nobody has ever recorded, of some length."
    sounds = [speak(speech.config(), text).audio_data for _ in range(2)]
    samples = np.frombuffer(sounds[0][-32_000:], "<i2").astype(float)
    assert sounds[0] == sounds[1]
    assert 2.0 < len(sounds[0]) / 32_000 < 5.0
    assert np.sqrt(np.square(samples).mean()) > 300
    assert speech.truth()["syntheses"][-1]["clip"] is None


def test_the_first_audio_comes_after_the_model_s_delay(laboratory: Laboratory) -> None:
    with laboratory.serving("speech.tts_first_byte=150ms") as speech:
        result = speak(speech.config(), FIRST.text or "")
        truth = speech.truth()["syntheses"][0]
    service_ms = result.properties.get_property(sdk.PropertyId.SpeechServiceResponse_SynthesisServiceLatencyMs)
    assert int(service_ms) > 75  # from turn.start to the first audio: the delay is not taken for the network's
    assert truth["first_audio_ns"] - truth["received_ns"] >= 150_000_000
    assert truth["drawn_ns"] == 150_000_000


def test_words_are_told_to_whoever_asks(speech: Speech) -> None:
    synthesizer = sdk.SpeechSynthesizer(speech.config(), None)
    told: queue.Queue[str] = queue.Queue()
    synthesizer.synthesis_word_boundary.connect(lambda event: told.put(event.text))
    within(DEADLINE_S, lambda: synthesizer.speak_text(FIRST.text))
    words = (FIRST.text or "").split()
    assert [told.get(timeout=DEADLINE_S) for _ in words] == words


def test_several_texts_go_over_one_connection(speech: Speech) -> None:
    before = speech_upgrades(speech).get("tts 101", 0)
    synthesizer = sdk.SpeechSynthesizer(speech.config(), None)
    for _ in range(3):
        assert within(DEADLINE_S, lambda: synthesizer.speak_text(FIRST.text)).audio_data.endswith(FIRST.pcm)
    assert speech_upgrades(speech)["tts 101"] == before + 1


def test_a_token_is_as_good_as_the_key(speech: Speech) -> None:
    config = sdk.SpeechConfig(host=f"ws://127.0.0.1:{speech.port}")
    config.authorization_token = f"aad#/subscriptions/any#{speech.key}"
    assert speak(config, FIRST.text or "").reason is sdk.ResultReason.SynthesizingAudioCompleted


def test_a_wrong_key_is_an_authentication_failure(speech: Speech) -> None:
    config = speech.config(key="wrong")
    recognised = recognise_once(config, FIRST.pcm)
    spoken = speak(config, FIRST.text or "")
    assert recognised.cancellation_details.code is sdk.CancellationErrorCode.AuthenticationFailure
    assert spoken.cancellation_details.error_code is sdk.CancellationErrorCode.AuthenticationFailure


def test_the_voices_are_listed(speech: Speech) -> None:
    synthesizer = sdk.SpeechSynthesizer(speech.config(), None)
    result = within(DEADLINE_S, lambda: synthesizer.get_voices_async().get())
    assert [voice.short_name for voice in result.voices] == ["en-US-EmbeddedJoe"], result.error_details


def test_a_connection_over_the_quota_is_refused(laboratory: Laboratory) -> None:
    with laboratory.serving("speech.concurrency.stt=1") as speech:
        url = f"ws://127.0.0.1:{speech.port}/speech/recognition/conversation/cognitiveservices/v1"
        options: dict[str, Any] = {"additional_headers": {"Ocp-Apim-Subscription-Key": speech.key}, "proxy": None}
        with connect(url, **options), pytest.raises(InvalidStatus) as refused:
            connect(url, **options)
    response = refused.value.response  # what the SDK makes of it is in the failure table
    assert (response.status_code, response.headers["Retry-After"]) == (429, "1")


def test_a_request_over_the_quota_closes_its_connection(laboratory: Laboratory) -> None:
    with laboratory.serving("speech.rps.tts=1") as speech:
        synthesizer = sdk.SpeechSynthesizer(speech.config(), None)
        first, over = (within(DEADLINE_S, lambda: synthesizer.speak_text(FIRST.text)) for _ in range(2))
        assert first.reason is sdk.ResultReason.SynthesizingAudioCompleted
        assert over.cancellation_details.error_code is sdk.CancellationErrorCode.TooManyRequests
        assert speech.truth()["ended"] == {"4429": 1}
