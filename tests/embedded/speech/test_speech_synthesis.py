"""Synthesis without sockets: a client's messages in, the service's messages and their times out."""

from __future__ import annotations

import json

import pytest

from pytest_rtmedload.audio import clip, names, text_of
from pytest_rtmedload.embedded.settings import EmbeddedSettings
from pytest_rtmedload.embedded.speech.actions import Action, Hangup, Send
from pytest_rtmedload.embedded.speech.ground_truth import SpeechTruth
from pytest_rtmedload.embedded.speech.messages import Message, parse
from pytest_rtmedload.embedded.speech.settings import SpeechSettings
from pytest_rtmedload.embedded.speech.synthesis import STALL_NS, Synthesis, Synthesiser
from pytest_rtmedload.embedded.speech.voice import Voice, text_of_ssml

MS = 1_000_000
NOW = 7 * MS
LINE = clip("chest_pain_1")
SSML = f"<speak version='1.0'><voice name='any'>{LINE.text}</voice></speak>"


def connection(*pairs: str) -> Synthesis:
    settings = EmbeddedSettings.parse(["speech.tts_first_byte=80ms", "speech.tts_rtf=0.5", *pairs])
    return Synthesis(Synthesiser(settings.part(SpeechSettings), 0, Voice(), SpeechTruth()), "session")


def send(target: Synthesis, path: str, body: str) -> list[Action]:
    return target.receive(Message({"path": path, "x-requestid": "Q"}, body), NOW)


def sent(actions: list[Action]) -> list[tuple[int, str]]:
    """Milliseconds after the request, and path."""
    return [((a.due - NOW) // MS, parse(a.data).path) for a in actions if isinstance(a, Send)]


def sound(actions: list[Action]) -> bytes:
    messages = [parse(action.data) for action in actions if isinstance(action, Send)]
    return b"".join(message.audio for message in messages if message.path == "audio")


def test_the_turn_starts_at_once_and_audio_keeps_its_schedule() -> None:
    actions = send(connection(), "ssml", SSML)
    assert sent(actions) == [
        (0, "turn.start"), (0, "response"),
        *((80 + 50 * k, "audio") for k in range(19)),  # 1.9 s in pieces of 100 ms, each made in 50 ms
        (1030, "audio.metadata"), (1030, "audio"), (1030, "turn.end"),
    ]  # fmt: skip
    assert sound(actions) == LINE.pcm


@pytest.mark.parametrize("name", names())
def test_every_clip_is_found_by_its_words(name: str) -> None:
    said = Voice().say(text_of(name).upper().rstrip(".?!"), 16_000)
    assert said.pcm in {clip(other).pcm for other in names() if text_of(other) == text_of(name)}


def test_a_text_in_pieces_is_spoken_when_it_is_complete() -> None:
    target = connection()
    words = (LINE.text or "").split(" ")
    for word in words:
        assert send(target, "text.piece", word + " ") == []
    assert sound(send(target, "text.end", "")) == LINE.pcm


def test_markup_is_not_spoken() -> None:
    ssml = "<speak><!-- <b>no</b> --><p>Salt &amp; <emphasis level='x'>pepper</emphasis>\n now</p></speak>"
    assert text_of_ssml(ssml) == "Salt & pepper now"


@pytest.mark.parametrize(
    ("context", "body", "reason"),
    [
        ({"outputFormat": "audio-24khz-48kbitrate-mono-mp3"}, SSML, "Only 16-bit mono PCM"),
        ({}, "<speak> </speak>", "no text"),
    ],
)
def test_what_cannot_be_spoken_is_a_bad_request(context: dict[str, str], body: str, reason: str) -> None:
    target = connection()
    send(target, "synthesis.context", json.dumps({"synthesis": {"audio": context}}))
    [end] = send(target, "ssml", body)
    assert isinstance(end, Hangup)
    assert end.code == 1007
    assert reason in end.reason


def test_a_stall_postpones_all_that_follows() -> None:
    healthy, stalled = (sent(send(connection(*pairs), "ssml", SSML)) for pairs in ([], ["speech.fault=stall"]))
    late = [(due + STALL_NS // MS, path) for due, path in healthy[5:]]
    assert stalled == healthy[:5] + late


def test_a_request_leaves_the_quota_when_its_turn_ends_or_its_connection() -> None:
    target = connection("speech.concurrency.tts=1")
    actions = send(target, "ssml", SSML)
    assert [type(action) for action in send(target, "ssml", SSML)] == [Hangup]
    last = actions[-1]
    assert isinstance(last, Send)
    assert last.sent is not None
    last.sent(NOW)
    assert len(send(target, "ssml", SSML)) > 1
    target.close()
    assert len(send(target, "ssml", SSML)) > 1
