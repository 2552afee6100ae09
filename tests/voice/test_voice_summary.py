"""A call as an example: told by the moments that the tape tells, and by nothing else."""

from __future__ import annotations

import pytest

from pytest_rtmedload.dialects.heard import AgentText, Understood
from pytest_rtmedload.results.conversations import Conversed
from pytest_rtmedload.voice.summary import LONGEST_TEXT, conversed
from pytest_rtmedload.voice.timeline import KeptCall, moments_of
from pytest_rtmedload.voice.turn_tracker import Sample
from tests.voice.scene import EXACT, LINE, MS, Scene, voice


def near(milliseconds: float) -> object:
    return pytest.approx(milliseconds, abs=EXACT)


def ended(scene: Scene, call: str = "c1") -> KeptCall:
    """The call of a scene, hung up now."""
    scene.call.hang_up(scene.at * MS)
    scene.samples("")
    found = [one for one in scene.found if isinstance(one, Sample)]
    return KeptCall("test_x.py::test_it", call, [], scene.call.turns, found, scene.at * MS)


def told(call: KeptCall, seed: int = 1) -> Conversed:
    example = conversed(call, "scenario=pain", seed)
    assert example is not None
    return example


@pytest.fixture
def talk() -> KeptCall:
    """Connected at 1 s; a greeting, an answer after 400 ms, and one after 800 ms that is interrupted."""
    scene = Scene().connect()
    scene.to(1_200).hear(voice(500)).to(3_000)
    for wait in (400, 800):
        scene.say(600)
        scene.call.understood(Understood(LINE.text, 200.0))
        scene.call.said(AgentText("Where does it hurt?", whole=True))
        scene.to(scene.at + wait).hear(voice(3_000)).to(scene.at + 1_000)
        if wait == 400:
            scene.to(scene.at + 4_000)
    scene.begin().to(scene.at + 200).stop()
    return ended(scene)


def test_turns_are_told_as_they_were_heard(talk: KeptCall) -> None:
    conversation = told(talk).told
    greeting, first, second, last = conversation.turns
    assert (conversation.call, conversation.tag, conversation.kind) == ("c1", "scenario=pain", "")
    assert (greeting.utterance, greeting.said, greeting.loop_ms) == ("", "", None)
    assert greeting.onset_ms == near(200)
    assert (first.utterance, first.said, first.answer) == (LINE.name, LINE.text, "Where does it hurt?")
    assert (first.speech_begin_ms, first.speech_end_ms, first.endpointing_ms) == (2_000, 2_600, 200)
    assert (first.loop_ms, second.loop_ms) == (near(400), near(800))
    assert [turn.interrupted for turn in (greeting, first, second)] == [False, False, True]
    assert last.onset_ms is None
    assert conversation.duration_ms == talk.duration_ms


def test_its_times_are_those_of_the_tape(talk: KeptCall) -> None:
    moments = [(m.speech_begin_ms, m.speech_end_ms, m.onset_ms, m.end_ms) for m in moments_of(talk)]
    turns = told(talk).told.turns
    assert [(t.speech_begin_ms, t.speech_end_ms, t.onset_ms, t.end_ms) for t in turns] == moments


def test_a_call_is_as_slow_as_its_median_answer(talk: KeptCall) -> None:
    assert told(talk).loop_ms == near(600)


def test_what_is_drawn_depends_on_seed_and_call_alone(talk: KeptCall) -> None:
    assert told(talk).draw == told(talk).draw
    assert told(talk).draw != told(talk, seed=2).draw
    assert 0 <= told(talk).draw < 1


def test_an_answer_that_was_none_says_why() -> None:
    scene = Scene().connect().to(1_500)
    scene.say(600).to(scene.at + 400).hear(voice(600)).to(scene.at + 2_000)
    scene.begin().hear(voice(300)).to(scene.at + 600).call.speech_ended(scene.at * MS)
    scene.to(scene.at + 2_000)
    early = told(ended(scene)).told.turns[-1]
    assert early.problem == "the agent spoke before the caller had finished"
    assert early.loop_ms is None


def test_a_call_without_an_answer_is_no_example() -> None:
    assert conversed(ended(Scene()), "", 1) is None  # never connected
    assert conversed(ended(Scene().connect().say(500)), "", 1) is None


def test_a_talkative_agent_is_cut_short() -> None:
    scene = Scene().connect().say(600)
    scene.call.said(AgentText("word " * 500, whole=True))
    scene.to(scene.at + 400).hear(voice(600)).to(scene.at + 2_000)
    answer = told(ended(scene)).told.turns[-1].answer
    assert len(answer) == LONGEST_TEXT
    assert answer.endswith("…")
