from __future__ import annotations

import pytest

from pytest_rtmedload.audio import Clip
from pytest_rtmedload.dialects.heard import AgentText, Understood
from pytest_rtmedload.results.recording import Outcome
from pytest_rtmedload.voice.turn_tracker import BARGE_IN, FIRST_BYTE, GREETING, LOOP, RESPONSE
from pytest_rtmedload.voice.turns import TurnKind
from tests.voice.scene import LIMIT, LINE, MS, Scene, about, silent, voice


@pytest.fixture
def scene() -> Scene:
    return Scene().connect()


@pytest.fixture
def greeted() -> Scene:
    """The agent has said hello, and is silent."""
    scene = Scene().connect().to(1_200).hear(voice(500)).to(4_000)
    assert scene.samples(GREETING) == [about(200)]
    return scene


# --- which audio is the answer


def test_the_greeting_is_no_answer(greeted: Scene) -> None:
    assert greeted.samples(LOOP) == []
    assert greeted.call.asked.kind is TurnKind.GREETING
    assert greeted.call.asked.over


def test_an_answer_counts_from_the_last_voiced_sample_sent(greeted: Scene) -> None:
    greeted.say(1_000, lead=150).to(5_500).hear(voice(300)).to(9_000)
    assert greeted.samples(LOOP) == [about(350)]
    assert greeted.samples(FIRST_BYTE) == [(350, Outcome.OK)]
    assert greeted.samples(RESPONSE) == greeted.samples(BARGE_IN) == []


def test_silence_that_comes_first_is_not_the_answer_but_its_first_byte(greeted: Scene) -> None:
    greeted.say(1_000).to(5_300).hear(silent(400)).hear(voice(300)).to(9_000)
    assert greeted.samples(LOOP) == [about(700)]
    assert greeted.samples(FIRST_BYTE) == [(300, Outcome.OK)]


def test_silence_long_before_the_answer_does_not_end_it(greeted: Scene) -> None:
    """A packet of silence, then a second of thought: the answer is what is heard in the end."""
    greeted.say(1_000).to(5_100).hear(silent(40)).to(6_500).hear(voice(300)).to(9_000)
    assert greeted.samples(LOOP) == [about(1_500)]
    assert greeted.call.asked.kind is TurnKind.ANSWER


def test_noise_while_the_caller_speaks_is_no_first_byte(greeted: Scene) -> None:
    greeted.begin().hear(silent(1_400)).to(5_000).call.speech_ended(5_000 * MS)
    greeted.hear(voice(400)).to(9_000)
    assert greeted.samples(LOOP) == [about(400)]
    assert greeted.samples(FIRST_BYTE) == []


def test_what_the_agent_says_unasked_is_nobodys_answer(greeted: Scene) -> None:
    greeted.say(1_000).to(5_300).hear(voice(300)).to(9_000).hear(voice(400)).to(12_000)
    assert len(greeted.samples(LOOP)) == 1
    assert greeted.call.turn.kind is TurnKind.UNASKED
    assert greeted.call.asked.kind is TurnKind.ANSWER
    assert len(greeted.call.asked.pieces) == 1
    greeted.say(1_000).to(13_200).hear(voice(300)).to(16_000)
    assert greeted.samples(LOOP)[1:] == [about(200)]


def test_to_speak_before_the_caller_has_finished_is_a_failure(greeted: Scene) -> None:
    greeted.begin(lead=100).to(4_600).hear(voice(200)).to(8_000).call.speech_ended(8_000 * MS)
    greeted.to(8_100).hear(voice(200)).to(12_000)
    assert greeted.samples(LOOP) == [(0, Outcome.FAILED)]
    assert greeted.reasons() == ["the agent spoke before the caller had finished"]
    assert greeted.call.asked.problem == greeted.reasons()[0]
    assert greeted.call.asked.speech_end_ns == 8_000 * MS


def test_an_answer_that_never_comes_is_censored_once(greeted: Scene) -> None:
    greeted.say(1_000).to(9_000).call.give_up(9_000 * MS, Outcome.CENSORED, "no answer")
    greeted.call.give_up(9_500 * MS, Outcome.CENSORED, "no answer")
    greeted.to(10_000).hear(voice(300)).to(14_000)
    assert greeted.samples(LOOP) == [(4_000, Outcome.CENSORED)]
    assert greeted.call.asked.answered


def test_a_greeting_after_it_was_given_up_is_no_second_sample(scene: Scene) -> None:
    scene.to(3_000).call.give_up(3_000 * MS, Outcome.CENSORED, "no greeting")
    scene.to(3_500).hear(voice(300)).to(6_000)
    assert scene.samples(GREETING) == [(2_000, Outcome.CENSORED)]
    scene.say(1_000).to(7_300).hear(voice(300)).to(9_000)
    assert scene.samples(LOOP) == [about(300)]


def test_a_burst_is_heard_in_real_time(greeted: Scene) -> None:
    greeted.say(1_000).to(5_300).hear(voice(800)).to(5_310)
    assert greeted.call.speaking(5_310 * MS)
    assert not greeted.to(6_350).call.speaking(6_350 * MS)
    assert not greeted.to(6_599).call.asked.over
    assert greeted.to(6_600).call.asked.over


def test_an_answer_goes_on_after_a_pause_that_the_agent_announced(greeted: Scene) -> None:
    greeted.say(1_000).to(5_300).hear(voice(300, more=True)).to(8_000).hear(voice(300)).to(12_000)
    assert len(greeted.call.asked.pieces) == 2
    assert greeted.value("voice.stall") == [2_400]


# --- what the agent tells


@pytest.mark.parametrize(
    ("endpointing_ms", "response"),
    [(200, [about(300)]), (0, [about(500)]), (5_000, []), (-1, []), (1e300, []), (float("inf"), []), (None, [])],
)
def test_the_response_is_the_loop_less_a_possible_endpointing_time(
    greeted: Scene, endpointing_ms: float | None, response: list[object]
) -> None:
    greeted.say(1_000).call.understood(Understood("my chess hurts", endpointing_ms))
    greeted.call.said(AgentText("How", whole=False))
    greeted.call.said(AgentText("long?", whole=False))
    greeted.to(5_500).hear(voice(300)).to(9_000)
    assert greeted.samples(RESPONSE) == response
    assert greeted.value("stt.wer") == [pytest.approx(1 / 3)]
    assert greeted.call.asked.text == "How long?"
    greeted.call.said(AgentText("For how long?", whole=True))
    assert greeted.call.asked.text == "For how long?"


@pytest.mark.parametrize("text", ["...", "", None])
def test_a_line_without_words_has_no_word_error_rate(greeted: Scene, text: str | None) -> None:
    greeted.call.utter(Clip("own", text, LINE.pcm, LINE.voiced), 4_000 * MS)
    greeted.call.speech_began(4_100 * MS)
    greeted.call.speech_ended(5_000 * MS)
    greeted.call.understood(Understood("hm", None))
    greeted.to(5_500).hear(voice(300)).to(9_000)
    assert greeted.value("stt.wer") == []
    assert greeted.samples(LOOP) == [about(500)]


# --- barge-in


def answering(greeted: Scene, milliseconds: int) -> Scene:
    """The agent answers from 5,300 ms on, all at once."""
    return greeted.say(1_000).to(5_300).hear(voice(milliseconds))


def test_a_stop_message_ends_the_old_answer_at_once(greeted: Scene) -> None:
    scene = answering(greeted, 5_000).to(6_000)
    scene.begin(lead=150).to(6_500).stop().to(7_000).call.speech_ended(7_000 * MS)
    scene.to(7_400).hear(voice(300)).to(10_000)
    assert scene.samples(BARGE_IN) == [(350, Outcome.OK)]
    assert scene.samples(LOOP)[1:] == [about(400)]


def test_a_stop_message_after_the_end_does_not_lengthen_it(greeted: Scene) -> None:
    scene = answering(greeted, 1_000).to(6_000)
    scene.begin(lead=100).to(6_400).stop().to(9_000)
    assert scene.samples(BARGE_IN) == [(200, Outcome.OK)]


def test_without_a_stop_message_the_queued_audio_counts_to_its_end(greeted: Scene) -> None:
    scene = answering(greeted, 3_000).to(6_000).say(1_000).to(7_500).hear(voice(300)).to(12_000)
    assert scene.samples(BARGE_IN) == [(2_300, Outcome.OK)]
    assert scene.samples(LOOP)[1:] == [about(1_300)]


def test_a_stop_message_after_the_new_answer_was_queued_still_ends_the_old_one(greeted: Scene) -> None:
    scene = answering(greeted, 3_000).to(6_000).say(1_000).to(7_500).hear(voice(300))
    scene.to(7_600).stop().to(8_000).hear(voice(300)).to(12_000)
    assert scene.samples(BARGE_IN) == [(1_600, Outcome.OK)]
    assert scene.samples(LOOP)[1:] == [about(1_000)]


def test_frames_that_just_stop(greeted: Scene) -> None:
    """An agent that sends in real time, and does so for another 400 ms."""
    scene = greeted.say(1_000).to(5_300).hear_live(700)
    scene.begin().hear_live(400).to(7_000).call.speech_ended(7_000 * MS)
    scene.to(7_600).hear(voice(300)).to(10_000)
    assert scene.samples(BARGE_IN) == [(400, Outcome.OK)]
    assert scene.samples(LOOP)[1:] == [about(600)]


@pytest.mark.parametrize("late", [1, 15, 60])
def test_a_frame_that_is_late_just_when_the_caller_begins_is_still_the_old_answer(greeted: Scene, late: int) -> None:
    scene = greeted.say(1_000).to(5_300).hear_live(700).to(6_000 + late // 2)
    scene.utter().to(6_000 + late).hear_live(200).to(6_200 + late + late // 2)
    scene.call.speech_began(scene.at * MS)
    scene.to(6_200 + 2 * late).hear_live(200).to(8_000).call.speech_ended(8_000 * MS)
    scene.to(8_300).hear(voice(300)).to(10_000)
    assert scene.samples(LOOP)[1:] == [about(300)]
    assert [outcome for _, outcome in scene.samples(BARGE_IN)] == [Outcome.OK]


def test_a_sentence_that_comes_while_the_caller_speaks_is_more_of_the_old_answer(greeted: Scene) -> None:
    """Agents that synthesize sentence by sentence pause between bursts for longer than 250 ms."""
    scene = answering(greeted, 2_000).to(5_800)
    scene.begin(lead=100).to(6_100).hear(voice(2_000)).to(7_500).call.speech_ended(7_500 * MS)
    scene.to(9_800).hear(voice(300)).to(12_000)
    assert scene.samples(BARGE_IN) == [(9_300 - 5_900, Outcome.OK)]
    assert scene.samples(LOOP)[1:] == [about(2_300)]


def test_an_agent_that_never_stops_is_censored(greeted: Scene) -> None:
    scene = answering(greeted, 600).to(5_800)
    scene.begin().hear_live(8_000)
    assert scene.samples(BARGE_IN) == [(LIMIT, Outcome.CENSORED)]
    assert scene.to(20_000).samples(BARGE_IN) == [(LIMIT, Outcome.CENSORED)]


def test_what_was_over_before_the_first_voiced_sample_was_not_interrupted(greeted: Scene) -> None:
    scene = answering(greeted, 500).to(5_700)
    scene.say(1_000, lead=150).to(7_300).hear(voice(300)).to(9_000)
    assert scene.samples(BARGE_IN) == []
    assert scene.samples(LOOP)[1:] == [about(450)]


def test_silence_is_not_interrupted(greeted: Scene) -> None:
    scene = greeted.hear(silent(500)).to(4_200).say(1_000).to(5_500).hear(voice(300)).to(9_000)
    assert scene.samples(BARGE_IN) == []
    assert scene.samples(LOOP) == [about(300)]


def test_to_interrupt_once_more_leaves_no_sample_out(greeted: Scene) -> None:
    scene = answering(greeted, 6_000).to(6_000).say(1_000).to(7_200).say(1_000).to(8_500).stop().to(12_000)
    assert scene.samples(BARGE_IN) == [(1_200, Outcome.CENSORED), (1_300, Outcome.OK)]


@pytest.mark.parametrize(("hang_up", "sample"), [(7_000, (1_000, Outcome.CENSORED)), (8_400, (2_300, Outcome.OK))])
def test_to_hang_up_leaves_no_sample_out(greeted: Scene, hang_up: int, sample: object) -> None:
    scene = answering(greeted, 3_000).to(6_000).say(900).to(hang_up)
    scene.call.hang_up(scene.at * MS)
    assert scene.samples(BARGE_IN) == [sample]


def test_a_stop_message_without_an_interruption_takes_back_what_has_not_sounded(greeted: Scene) -> None:
    """Half a second of silence was queued before the speech: the answer is what comes in its place."""
    greeted.say(1_000).to(5_300).hear(silent(500)).hear(voice(300)).to(5_400).stop().to(5_900).hear(voice(300)).to(
        9_000
    )
    assert greeted.samples(LOOP) == [about(900)]
