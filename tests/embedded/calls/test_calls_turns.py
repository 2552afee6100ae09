"""The state machine on a clock of its own: no time passes, and every moment is exact."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_rtmedload.audio import clip, names, reply_to, text_of
from pytest_rtmedload.embedded.calls.actions import Close, Play, Say, StopAnswer
from pytest_rtmedload.embedded.calls.lines import CallLines, speech
from pytest_rtmedload.embedded.calls.settings import VoiceSettings
from pytest_rtmedload.embedded.calls.turns import CallConversation, Manners
from pytest_rtmedload.embedded.settings import EmbeddedSettings

if TYPE_CHECKING:
    from pytest_rtmedload.embedded.calls.actions import Action
    from pytest_rtmedload.embedded.calls.ground_truth import TurnTruth

MS = 1_000_000
FRAME_NS = 20 * MS
START = 1_000_000_000
FIXED = ("voice.greeting=100ms", "voice.stt=30ms", "voice.llm=90ms", "voice.tts=40ms")
LINE = "chest_pain_1"


@functools.cache
def lines() -> CallLines:
    return CallLines()


class Rehearsal:
    """A conversation and its caller: sound takes its time, and what is due meanwhile is done at its moment."""

    def __init__(self, *pairs: str, manners: Manners | None = None, seed: str = "0") -> None:
        voice = EmbeddedSettings.parse([*FIXED, *pairs]).part(VoiceSettings)
        self.turns: list[TurnTruth] = []
        self.now = START
        self.done: list[tuple[int, Action]] = []
        manners = manners or Manners(FRAME_NS)
        self.conversation = CallConversation(voice, manners, lines(), "call", seed, self.turns.append)
        self.conversation.active(self.now)

    def greet(self) -> None:
        self._note(self.conversation.greet(self.now))

    def say(self, name: str) -> None:
        for frame in clip(name).frames():
            self._hear(frame)

    def wait(self, ms: int) -> None:
        """The caller is silent, but there."""
        for _ in range(ms // 20):
            self._hear(bytes(640))

    def leave(self, ms: int) -> None:
        """Nothing comes from the caller."""
        self._pass(self.now + ms * MS)

    def of(self, kind: type[Action]) -> list[int]:
        """When actions of a kind were done."""
        return [when for when, action in self.done if isinstance(action, kind)]

    def said(self, kind: str) -> list[tuple[int, str]]:
        return [(when, act.text) for when, act in self.done if isinstance(act, Say) and act.kind == kind]

    def _hear(self, frame: bytes) -> None:
        self._pass(self.now + FRAME_NS)
        self.conversation.active(self.now)
        self._note(self.conversation.hear(frame, self.now))

    def _pass(self, until: int) -> None:
        while self.conversation.due <= until and not self.of(Close):
            self.now = max(self.now, self.conversation.due)
            self._note(self.conversation.act(self.now))
        self.now = until

    def _note(self, actions: list[Action]) -> None:
        self.done += [(self.now, action) for action in actions]


def answered(*pairs: str, line: str = LINE, manners: Manners | None = None) -> Rehearsal:
    """A caller said a line into the silence, and waited for a while."""
    rehearsal = Rehearsal(*pairs, manners=manners)
    rehearsal.wait(100)
    rehearsal.say(line)
    rehearsal.wait(800)
    return rehearsal


def end_of(line: str, began: int = START + 100 * MS) -> int:
    return began + clip(line).voiced[1] * 62_500


def test_everything_happens_at_its_moment() -> None:
    rehearsal = answered()
    sure = end_of(LINE) + 200 * MS
    [turn] = rehearsal.turns
    assert (turn.speech_begin_ns, turn.speech_end_ns) == (
        START + 100 * MS + clip(LINE).voiced[0] * 62_500,
        end_of(LINE),
    )
    assert rehearsal.said("heard") == [(sure + 30 * MS, text_of(LINE))]
    assert rehearsal.said("answer") == [(sure + 120 * MS, text_of(reply_to(LINE)))]
    assert [text for _, text in rehearsal.said("sentence")] == speech(reply_to(LINE)).sentences
    assert rehearsal.of(Play) == [sure + 160 * MS] == [turn.first_audio_ns]
    assert turn.onset_ns == sure + 200 * MS
    assert turn.drawn_ns == {"stt": 30 * MS, "llm": 90 * MS, "tts": 40 * MS}


@settings(max_examples=10, deadline=None)
@given(st.sampled_from(names("patient")), st.integers(180, 1300), st.integers(0, 3))
def test_the_schedule_is_absolute_whatever_the_line_and_the_endpointing(line: str, endpointing: int, seed: int) -> None:
    rehearsal = Rehearsal(f"voice.endpointing={endpointing}ms", "voice.llm=lognormal(90ms, 0.3)", seed=str(seed))
    rehearsal.say(line)
    rehearsal.wait(endpointing + 800)
    [turn] = rehearsal.turns
    assert turn.heard == text_of(line)
    assert turn.first_audio_ns == end_of(line, START) + endpointing * MS + sum(turn.drawn_ns.values())


def test_a_seed_decides_the_delays() -> None:
    def drawn(seed: str) -> list[dict[str, int]]:
        rehearsal = Rehearsal("voice.llm=lognormal(90ms, 0.3)", seed=seed)
        for _ in range(3):
            rehearsal.conversation.typed("hello", rehearsal.now)
        return [turn.drawn_ns for turn in rehearsal.turns]

    assert drawn("1") == drawn("1") != drawn("2")


def test_it_greets_once() -> None:
    rehearsal = Rehearsal()
    rehearsal.greet()
    rehearsal.greet()
    rehearsal.wait(300)
    assert rehearsal.said("greeting") == [(START + 100 * MS, text_of("greeting"))]
    assert rehearsal.of(Play) == [START + 100 * MS]


def interrupted(*pairs: str, manners: Manners | None = None, by: str = "interrupt_1") -> Rehearsal:
    rehearsal = answered(*pairs, manners=manners)
    rehearsal.say(by)
    rehearsal.wait(1000)
    return rehearsal


def test_an_interruption_stops_the_answer_and_is_a_turn() -> None:
    rehearsal = interrupted()
    first, second = rehearsal.turns
    assert rehearsal.of(StopAnswer) == [(first.barge_in or {})["stopped_ns"]]
    assert (first.barge_in or {})["begin_ns"] == second.speech_begin_ns
    assert 120 * MS <= rehearsal.of(StopAnswer)[0] - (second.speech_begin_ns or 0) <= 200 * MS
    assert (first.outcome, second.outcome, second.heard) == ("interrupted", "played", text_of("interrupt_1"))
    assert second.onset_ns == (second.first_audio_ns or 0) + 40 * MS, "nothing sounds any more that it would wait for"


@pytest.mark.parametrize("line", names("patient"))
def test_an_interruption_begins_with_its_first_voiced_sample(line: str) -> None:
    """A breath before it may be audible at first, and is not speech once the speech is known."""
    first, second = interrupted(by=line).turns
    assert (first.barge_in or {})["begin_ns"] == second.speech_begin_ns


def test_more_speech_is_needed_where_more_is_asked_for() -> None:
    [stopped] = interrupted("voice.barge_in=400ms").of(StopAnswer)
    [earlier] = interrupted().of(StopAnswer)
    assert 280 * MS <= stopped - earlier <= 600 * MS


def test_without_a_stop_message_the_next_answer_sounds_after_the_old_one() -> None:
    rehearsal = interrupted(manners=Manners(FRAME_NS, stops=False))
    first, second = rehearsal.turns
    assert rehearsal.of(StopAnswer) == []
    assert first.barge_in is not None
    assert first.outcome == "interrupted"
    old_end = (first.first_audio_ns or 0) + -(-speech(reply_to(LINE)).length_ns // FRAME_NS) * FRAME_NS
    assert second.onset_ns == old_end + 40 * MS


def test_what_is_unsent_is_dropped() -> None:
    rehearsal = interrupted("voice.pace=realtime")
    [stopped] = rehearsal.of(StopAnswer)
    [answer] = [when for when in rehearsal.of(Play) if when == rehearsal.turns[1].first_audio_ns]
    assert [when for when in rehearsal.of(Play) if stopped < when < answer] == []
    assert len([when for when in rehearsal.of(Play) if when < stopped]) > 10


def test_speech_cancels_an_answer_that_is_still_thought_about() -> None:
    rehearsal = Rehearsal("voice.llm=2s")
    rehearsal.say(LINE)
    rehearsal.wait(300)
    rehearsal.say("chest_pain_2")
    rehearsal.wait(3000)
    first, second = rehearsal.turns
    assert (first.outcome, first.first_audio_ns, first.barge_in) == ("cancelled", None, None)
    assert second.outcome == "played"
    assert len(rehearsal.of(Play)) == 1
    assert [text for _, text in rehearsal.said("heard")] == [text_of(LINE), text_of("chest_pain_2")]
    assert rehearsal.of(StopAnswer) == []


def test_what_was_understood_is_told_even_if_it_is_not_answered() -> None:
    rehearsal = Rehearsal("voice.stt=1s")
    rehearsal.say(LINE)
    rehearsal.wait(300)
    rehearsal.say("chest_pain_2")
    rehearsal.wait(2000)
    assert [text for _, text in rehearsal.said("heard")] == [text_of(LINE), text_of("chest_pain_2")]
    assert [turn.outcome for turn in rehearsal.turns] == ["cancelled", "played"]


@pytest.mark.parametrize("yields", [True, False])
def test_the_greeting_yields_or_does_not(yields: bool) -> None:
    rehearsal = Rehearsal(manners=Manners(FRAME_NS, greeting_stops=yields))
    rehearsal.greet()
    rehearsal.wait(400)
    rehearsal.say(LINE)
    rehearsal.wait(700)
    greeting, answer = rehearsal.turns
    assert (len(rehearsal.of(StopAnswer)), greeting.outcome) == ((1, "interrupted") if yields else (0, "played"))
    assert answer.outcome == "played"


def test_a_goodbye_is_answered_and_ends_the_call() -> None:
    rehearsal = answered(line="goodbye", manners=Manners(FRAME_NS, parts=True))
    assert [action for _, action in rehearsal.done if isinstance(action, Close)] == [Close(1000)]
    assert rehearsal.of(Close) == rehearsal.of(Play)
    assert len(rehearsal.said("exit")) == 1
    assert answered(line="goodbye").of(Close) == []


def test_an_idle_call_is_closed() -> None:
    rehearsal = Rehearsal("voice.idle=2s")
    rehearsal.wait(1000)
    rehearsal.leave(1900)
    assert rehearsal.of(Close) == []
    rehearsal.leave(200)
    assert rehearsal.of(Close) == [START + 3000 * MS]
    assert len(rehearsal.said("idle")) == 1


class TestFaults:
    def test_silent(self) -> None:
        rehearsal = answered("voice.silent=1")
        assert len(rehearsal.said("heard")) == 1
        assert rehearsal.of(Play) == []
        assert rehearsal.said("answer") == []
        assert (rehearsal.turns[0].outcome, rehearsal.turns[0].fault) == ("silent", "silent")

    def test_cut(self) -> None:
        [play] = [action for _, action in answered("voice.cut=1").done if isinstance(action, Play)]
        count = -(-speech(reply_to(LINE)).length_ns // FRAME_NS)
        assert (play.piece.first, play.piece.end) == (0, (count + 1) // 2)
        assert play.turn.fault == "cut"

    def test_hang_up(self) -> None:
        rehearsal = answered("voice.hang_up=1", "voice.close_code=1013")
        assert [action for _, action in rehearsal.done if isinstance(action, Close)] == [Close(1013)]
        assert rehearsal.of(Close) == rehearsal.of(Play)
        assert rehearsal.turns[0].fault == "hang_up"

    def test_talk_over(self) -> None:
        rehearsal = answered("voice.talk_over=1")
        [turn] = rehearsal.turns
        assert (turn.fault, turn.heard, turn.reply) == ("talk_over", "", "not_understood")
        assert turn.first_audio_ns is not None
        assert turn.first_audio_ns < (turn.speech_end_ns or 0) == end_of(LINE)
        assert turn.barge_in is None, "it does not take the utterance that it answers for an interruption"

    def test_stall(self) -> None:
        first, second = answered("voice.stall=300ms").of(Play)
        assert second - first == 300 * MS

    def test_deaf_to_barge_in(self) -> None:
        rehearsal = interrupted("voice.deaf_to_barge_in=1")
        assert rehearsal.of(StopAnswer) == []
        assert [turn.barge_in for turn in rehearsal.turns] == [None, None]
        assert rehearsal.turns[0].fault == "deaf_to_barge_in"

    def test_a_share_hits_some_and_another_fault_does_not_change_whom(self) -> None:
        def silenced(*pairs: str) -> list[bool]:
            rehearsal = Rehearsal("voice.silent=0.3", *pairs)
            for _ in range(60):
                rehearsal.conversation.typed("hello", rehearsal.now)
            return [turn.fault == "silent" for turn in rehearsal.turns]

        assert 5 < sum(silenced()) < 35
        assert silenced("voice.cut=0.5") == silenced()


def test_a_typed_line_is_answered_without_the_delays_of_hearing() -> None:
    rehearsal = Rehearsal()
    rehearsal.conversation.typed(text_of(LINE).lower(), START)
    rehearsal.leave(500)
    [turn] = rehearsal.turns
    assert rehearsal.said("heard") == [(START, text_of(LINE).lower())]
    assert (turn.reply, turn.first_audio_ns) == (reply_to(LINE), START + 130 * MS)


def test_silence_on_request() -> None:
    rehearsal = answered()
    assert rehearsal.conversation.interrupt(rehearsal.now, rehearsal.now) == [StopAnswer()]
    assert rehearsal.conversation.interrupt(rehearsal.now, rehearsal.now) == []
