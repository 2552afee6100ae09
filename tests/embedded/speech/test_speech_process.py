from __future__ import annotations

from urllib.parse import urlsplit

from pytest_rtmedload.audio import clip
from pytest_rtmedload.embedded.settings import EmbeddedSettings
from pytest_rtmedload.embedded.supervised import Supervised
from tests.embedded.speech.laboratory import FAST, SEED, SILENCE, Speech, recognise_once, speak

LINE = clip("chest_pain_1")


def test_the_service_of_an_agent_is_a_process_the_sdk_can_talk_to() -> None:
    with Supervised.launch(EmbeddedSettings.parse(FAST, SEED)) as running:
        service = running.service("speech")
        speech = Speech(urlsplit(service["url"]).port or 0, service["key"])
        assert recognise_once(speech.config("endpoint"), LINE.pcm + SILENCE).text == LINE.text
        assert speak(speech.config("endpoint"), LINE.text or "").audio_data.endswith(LINE.pcm)
        truth = speech.truth()
        assert [phrase["text"] for phrase in truth["phrases"]] == [LINE.text]
        assert speech.truth(since=truth["syntheses"][0]["received_ns"] + 1)["syntheses"] == []
