"""The Speech SDK against the embedded service, measured from the audio that was given."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import azure.cognitiveservices.speech as sdk
import pytest

from pytest_rtmedload.audio import Clip, clip
from pytest_rtmedload.backends import recognition, synthesis
from pytest_rtmedload.backends.errors import ServiceError
from pytest_rtmedload.backends.readiness import NotReady, Readiness
from pytest_rtmedload.backends.speech_sdk import speech_config
from pytest_rtmedload.spec.endpoints import EMBEDDED, Endpoint
from tests.backends.notebook import Notebook
from tests.embedded.speech.laboratory import Laboratory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.embedded.speech.laboratory import Speech

LINE = clip("follow_up_appointment_3")


@pytest.fixture(scope="module")
def laboratory() -> Iterator[Laboratory]:
    made = Laboratory()
    yield made
    made.close()


def endpoint(speech: Speech, key: str | None = None) -> Endpoint:
    return Endpoint("speech", f"http://127.0.0.1:{speech.port}", EMBEDDED, key=key or speech.key)


async def hear(load: Notebook, place: Endpoint, *clips: Clip) -> list[Any]:
    """What was understood, or why not."""
    heard: list[Any] = []
    async with recognition.recognizer(load, place) as recognizer:
        for one in clips:
            try:
                heard.append(await recognizer.hear(one))
            except ServiceError as error:
                heard.append(str(error))
    return heard


async def speak(load: Notebook, place: Endpoint, *texts: str) -> list[Any]:
    said: list[Any] = []
    async with synthesis.synthesizer(load, place) as synthesizer:
        load.samples.clear()
        for text in texts:
            try:
                said.append(await synthesizer.speak(text))
            except ServiceError as error:
                said.append(str(error))
    return said


@pytest.mark.timing
@pytest.mark.slow
def test_two_lines_are_heard_and_timed_from_their_own_voices(laboratory: Laboratory) -> None:
    load = Notebook()
    with laboratory.serving("speech.final=100ms", "speech.first_partial=200ms") as speech:
        assert asyncio.run(hear(load, endpoint(speech), LINE, LINE)) == [LINE.text, LINE.text]
        sent = [phrase["phrase_ns"] - phrase["last_voiced_ns"] for phrase in speech.truth()["phrases"]]
    assert load.values["stt.wer"] == [0.0, 0.0]
    assert load.outcomes("stt.first_partial") == {"ok": 2}
    for (_, measured), known in zip(load.samples["stt.final"], sent, strict=True):
        assert known / 1e6 - 25 <= measured <= known / 1e6 + 150  # the SDK holds up to 100 ms of audio back


def test_a_lost_connection_is_counted(laboratory: Laboratory) -> None:
    load = Notebook()
    with laboratory.serving("speech.fault.stt=drop", "speech.fault_limit.stt=1") as speech:
        assert asyncio.run(hear(load, endpoint(speech), LINE)) == [LINE.text]
    assert load.counts["stt.reconnects"] == 1


def test_a_service_that_goes_silent_costs_no_more_than_our_deadline(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recognition, "CLOSING_S", 0.2)
    load = Notebook(timeout=1.0)
    begun = time.monotonic()
    with laboratory.serving("speech.fault.stt=silent", "speech.fault_limit.stt=1") as speech:
        heard = asyncio.run(hear(load, endpoint(speech), LINE))
    assert heard == ["stt.final: no answer within 0.5 s"]
    assert load.outcomes("stt.final") == load.outcomes("stt.first_partial") == {"censored": 1}
    assert time.monotonic() - begun < 8


def test_a_new_recognizer_follows_one_that_failed(laboratory: Laboratory) -> None:
    load = Notebook()
    with laboratory.serving("speech.fault.stt=close_1007", "speech.fault_limit.stt=1") as speech:
        refused, heard = asyncio.run(hear(load, endpoint(speech), LINE, LINE))
    assert refused.startswith("stt.final: BadRequest")
    assert heard == LINE.text
    assert load.outcomes("stt.final") == {"failed": 1, "ok": 1}
    assert recognition.Recognizer.open_now == 0


def test_a_text_is_spoken_and_its_first_byte_timed(laboratory: Laboratory) -> None:
    load = Notebook()
    with laboratory.serving("speech.tts_first_byte=120ms") as speech:
        assert asyncio.run(speak(load, endpoint(speech), LINE.text or "")) == [LINE.pcm]
    ((outcome, first_byte),) = load.samples["tts.first_byte"]
    assert outcome == "ok"
    assert 120 <= first_byte < 1000
    assert load.samples["tts.synthesis"][0][1] >= first_byte


def test_a_synthesis_that_is_throttled_and_one_after_it(laboratory: Laboratory) -> None:
    load = Notebook()
    with laboratory.serving("speech.rps.tts=1") as speech:
        refused, *_ = asyncio.run(speak(load, endpoint(speech), "Hello.", "Hello."))
    assert refused == "tts.synthesis: throttled (429): the quota of this resource is reached"
    assert load.outcomes("tts.first_byte")["failed"] == load.counts["tts.throttled"] >= 1


def test_a_wrong_key_is_found_before_any_user_starts(laboratory: Laboratory) -> None:
    with laboratory.serving() as speech:
        assert Readiness().ask(endpoint(speech), synthesis.ask).found is None
        with pytest.raises(NotReady, match=r"AuthenticationFailure: .*; check SPEECH_KEY"):
            Readiness().ask(endpoint(speech, "wrong"), synthesis.ask)


@pytest.mark.parametrize(
    ("url", "key", "token", "setting"),
    [
        ("westeurope", "k", "", ("Region", "westeurope")),
        ("westeurope", "", "t", ("Region", "westeurope")),
        ("https://n.cognitiveservices.azure.com", "k", "", ("Endpoint", "https://n.cognitiveservices.azure.com")),
        ("http://127.0.0.1:5000", "", "", ("Host", "ws://127.0.0.1:5000")),
        ("wss://127.0.0.1:5000/own/path", "k", "", ("Endpoint", "wss://127.0.0.1:5000/own/path")),
    ],
)
def test_every_way_to_name_a_service(url: str, key: str, token: str, setting: tuple[str, str]) -> None:
    config = speech_config(Endpoint("speech", url, "SPEECH_ENDPOINT", key, token))
    name, value = setting
    assert config.get_property(getattr(sdk.PropertyId, f"SpeechServiceConnection_{name}")) == value
    assert config.authorization_token == token


def test_a_region_needs_a_key() -> None:
    with pytest.raises(ServiceError, match="SPEECH_REGION has no key: set SPEECH_KEY"):
        speech_config(Endpoint("speech", "westeurope", "SPEECH_REGION"))
