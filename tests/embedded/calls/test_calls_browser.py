from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosedOK

from pytest_rtmedload.audio import reply_to, text_of
from pytest_rtmedload.audio.pcm import RATE, resample
from pytest_rtmedload.dialects import ARTAGENT_V1, RTMEDAGENT, fill
from pytest_rtmedload.embedded.calls.ground_truth import calls_truth
from pytest_rtmedload.embedded.calls.lines import speech
from tests.embedded.calls.callers import Browser, is_answer, line, pcm_of, sound_of, texts_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_rtmedload.dialects import Dialect
    from pytest_rtmedload.embedded.launcher import EmbeddedAgent

LINE = "breathing_difficulty_1"


def size_of(name: str, dialect: Dialect) -> int:
    """Bytes of a recording in this dialect's browser, less than a chunk short of what is sent."""
    return len(speech(name).samples) * 2 * dialect.voice.browser.rate // RATE


@contextmanager
def greeted(agent: EmbeddedAgent, dialect: Dialect, call: str) -> Iterator[Browser]:
    with Browser(agent.url, dialect, call) as browser:
        browser.sound(size_of("greeting", dialect))
        yield browser


def test_it_greets_and_answers_in_the_dialects_form(quick: EmbeddedAgent, wire: Dialect, call: str) -> None:
    form = wire.voice.browser
    with Browser(quick.url, wire, call) as browser:
        hello = browser.sound(size_of("greeting", wire))
        assert text_of("greeting") in json.dumps(texts_of(hello))
        pcm = line(LINE)
        for begin in range(0, len(pcm), 1024):
            browser.send(pcm[begin : begin + 1024])
        answer = browser.sound(size_of(reply_to(LINE), wire))
    assert form.stop is not None
    stops = texts_of(answer).count(fill(form.stop, {"id": call}))
    assert stops == (1 if wire.voice.greeting_yields else 0)
    chunks = [message for message in answer if message.get("type") == "audio_data"]
    assert [chunk["frame_index"] for chunk in chunks] == list(range(len(chunks)))
    assert {(chunk["total_frames"], chunk["sample_rate"]) for chunk in chunks} == {(len(chunks), form.rate)}
    assert [chunk["is_final"] for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert {len(pcm_of(chunk) or b"") for chunk in chunks} == {form.chunk_bytes}
    expected = resample(speech(reply_to(LINE)).samples, RATE, form.rate)
    assert np.array_equal(np.frombuffer(sound_of(answer), "<i2")[: len(expected)], expected)
    assert calls_truth(quick.url)[0][-1].heard == text_of(LINE)


def test_the_message_that_is_answered_at_once(quick: EmbeddedAgent, wire: Dialect, call: str) -> None:
    message = wire.voice.browser.message
    with greeted(quick, wire, call) as browser:
        typed = text_of(LINE).upper()
        browser.send(fill(message.request, {"id": call, "text": typed}))
        answer = browser.next()
        assert answer["type"].lower() == message.answer_type
        if isinstance(message.request, str):
            assert answer["payload"]["message"] == typed
            assert text_of(reply_to(LINE)) in json.dumps(browser.until(is_answer))
        else:
            assert answer == fill(message.answer, {"id": call})


def test_an_interrupt_silences_the_answer(brief: EmbeddedAgent, call: str) -> None:
    with greeted(brief, RTMEDAGENT, call) as browser:
        browser.send({"type": "interrupt"})
        assert browser.next()["action"] == "tts_cancelled"
        browser.send({"type": "interrupt"})
        browser.send({"type": "connection_init"})
        assert browser.next()["type"] == "connection_ack", "nothing sounds: there is nothing to stop"


def test_a_goodbye_ends_the_call(brief: EmbeddedAgent, call: str) -> None:
    with greeted(brief, RTMEDAGENT, call) as browser:
        browser.say("goodbye")
        messages = browser.sound(size_of(reply_to("goodbye"), RTMEDAGENT))
        assert RTMEDAGENT.voice.browser.exit in texts_of(messages)
        with pytest.raises(ConnectionClosedOK):
            browser.next()


def test_a_goodbye_is_a_line_like_others_in_the_newer_version(v1: EmbeddedAgent, call: str) -> None:
    with greeted(v1, ARTAGENT_V1, call) as browser:
        browser.say("goodbye")
        browser.sound(size_of(reply_to("goodbye"), ARTAGENT_V1))
        browser.send("Are you still there?")
        assert browser.next() == fill(ARTAGENT_V1.voice.browser.stop, {"id": call}), "the answer still sounded"
        assert browser.next()["payload"]["message"] == "Are you still there?"


def test_a_stop_hangs_up_in_the_newer_version(v1: EmbeddedAgent, call: str) -> None:
    with greeted(v1, ARTAGENT_V1, call) as browser:
        browser.send({"type": "stop"})
        with pytest.raises(ConnectionClosedOK):
            browser.next()


def test_garbage_is_ignored_by_the_browser_socket(quick: EmbeddedAgent, wire: Dialect, call: str) -> None:
    with greeted(quick, wire, call) as browser:
        for garbage in ("{}", '{"type": 5}', '{"type": "nothing"}', '{"text": "x"}', " ", b"", b"x", b"\0\1\2"):
            browser.send(garbage)
        browser.say(LINE)
        messages = browser.until(is_answer)
    assert text_of(reply_to(LINE)) in json.dumps(messages[-1])


def test_plain_text_means_nothing_in_the_older_version(brief: EmbeddedAgent, call: str) -> None:
    with greeted(brief, RTMEDAGENT, call) as browser:
        browser.send("I have a question.")
        browser.send({"type": "connection_init"})
        assert browser.next()["type"] == "connection_ack"
