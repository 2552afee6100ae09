from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_rtmedload.dialects.heard import Understood
from pytest_rtmedload.results.recording import Outcome
from pytest_rtmedload.voice.turn_tracker import BARGE_IN, FIRST_BYTE, GREETING, LOOP, MOST_TURNS, RESPONSE, Call, Sample
from pytest_rtmedload.voice.turns import TurnKind
from tests.voice.scene import LIMIT, LINE, MS, Scene, about, silent, voice


@pytest.fixture
def scene() -> Scene:
    return Scene().connect()


# --- the end of the connection

STATES: dict[str, Callable[[Scene], object]] = {
    "waiting for the greeting": lambda scene: scene.to(1_100),
    "greeting": lambda scene: scene.to(1_200).hear(voice(500)).to(1_400),
    "greeted": lambda scene: scene.to(1_200).hear(voice(500)).to(4_000),
    "uttering": lambda scene: scene.to(4_000).utter(),
    "speaking": lambda scene: scene.to(4_000).begin(lead=100).to(4_500),
    "waiting for the answer": lambda scene: scene.to(4_000).say(1_000).to(5_200),
    "answer queued": lambda scene: scene.say(1_000).hear(silent(500)).hear(voice(400)).to(scene.at + 100),
    "answering": lambda scene: scene.say(1_000).hear(voice(500)).to(scene.at + 100),
    "answered": lambda scene: scene.say(1_000).hear(voice(500)).to(scene.at + 3_000),
    "given up": lambda scene: scene.say(1_000).call.give_up(scene.at * MS, Outcome.CENSORED, "no answer"),
    "interrupting": lambda scene: scene.say(500).hear(voice(4_000)).to(4_000).begin(lead=10).to(4_100),
}


@pytest.mark.parametrize("unexpected", [True, False])
@pytest.mark.parametrize("state", list(STATES))
def test_a_lost_connection_is_counted_once_in_every_state(scene: Scene, state: str, unexpected: bool) -> None:
    STATES[state](scene)
    scene.samples("")
    before = len(scene.found)
    scene.call.lost(scene.at * MS, "gone", unexpected=unexpected)
    scene.call.lost(scene.at * MS, "gone", unexpected=False)
    scene.samples("")
    failed = [found for found in scene.found[before:] if isinstance(found, Sample) and found.outcome is Outcome.FAILED]
    waited_for = {"waiting for the greeting", "waiting for the answer", "interrupting"}
    assert len(failed) == (unexpected or state in waited_for)
    assert all(sample.reason == "gone" for sample in failed)


def test_an_answer_before_a_regular_goodbye_is_heard_out(scene: Scene) -> None:
    STATES["answer queued"](scene)
    assert scene.call.delivered
    scene.call.lost(scene.at * MS, "closed", unexpected=False)
    assert scene.samples(LOOP) == [about(500)]
    assert (scene.call.asked.over, scene.call.asked.cut) == (True, False)


@pytest.mark.parametrize("state", list(STATES))
def test_to_give_up_in_every_state_is_at_most_one_sample_a_metric(scene: Scene, state: str) -> None:
    STATES[state](scene)
    scene.samples("")
    before = [found for found in scene.found if isinstance(found, Sample)]
    for _ in range(2):
        scene.call.give_up(scene.at * MS, Outcome.CENSORED, "no")
    scene.to(scene.at + 10_000).samples("")
    after = [found for found in scene.found if isinstance(found, Sample)][len(before) :]
    assert len({sample.metric for sample in after}) == len(after)


# --- whatever happens

WHAT = (
    "utter",
    "began",
    "ended",
    "voice",
    "burst",
    "silence",
    "stop",
    "understood",
    "give_up",
    "lost",
    "hang_up",
    "wait",
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from((*WHAT, "voice", "voice", "wait", "wait")),
        st.integers(0, 700),
    ),
    max_size=40,
)


def step(scene: Scene, what: str, number: int, spoken: list[int]) -> None:  # noqa: C901 - a line for each kind
    """One thing that can happen; the caller speaks in order."""
    call, now = scene.call, scene.at * MS
    asked = call.asked
    if what == "utter":
        call.utter(LINE, now)
    elif what == "began" and asked.kind is TurnKind.ANSWER and not asked.speech_begin_ns:
        call.speech_began(now)
    elif what == "ended" and asked.kind is TurnKind.ANSWER and asked.speech_begin_ns and not asked.speech_end_ns:
        call.speech_ended(now)
        spoken.append(now)
    elif what in ("voice", "burst"):
        call.audio(voice(20 + number % 80 if what == "voice" else 600, more=number % 7 == 0), now)
    elif what == "silence":
        call.audio(silent(20 + number), now)
    elif what == "stop":
        call.stop(now)
    elif what == "understood":
        call.understood(Understood("my chest", float(number)))
    elif what == "give_up":
        call.give_up(now, Outcome.CENSORED, "no answer")
    elif what == "lost":
        call.lost(now, "gone", unexpected=number % 2 == 0)
    elif what == "hang_up":
        call.hang_up(now)
    scene.call.tick(now)
    scene.to(scene.at + number if what == "wait" else scene.at + number % 30)


@settings(deadline=None, max_examples=150)
@given(STEPS, st.booleans())
def test_whatever_happens_each_utterance_has_one_answer_at_most(steps: list[tuple[str, int]], keep: bool) -> None:
    scene, losses = Scene(Call(16_000, LIMIT * MS, keep=keep)).connect(), 0
    spoken: list[int] = []
    for what, number in steps:
        step(scene, what, number, spoken)
        losses += what == "lost"
        due = scene.call.deadline_ns
        assert due is None or due > scene.at * MS
    scene.to(scene.at + 20_000)
    scene.samples("")
    assert scene.call.deadline_ns is None
    samples = [found for found in scene.found if isinstance(found, Sample)]
    assert all(sample.end_ns >= sample.start_ns > 0 for sample in samples)
    assert all(sample.reason for sample in samples if sample.outcome is not Outcome.OK)
    ok = {
        metric: [s for s in samples if s.metric == metric and s.outcome is Outcome.OK]
        for metric in (LOOP, BARGE_IN, GREETING)
    }
    assert {sample.start_ns for sample in ok[LOOP]} <= set(spoken)
    assert all(sample.end_ns > sample.start_ns for sample in ok[BARGE_IN])
    for metric in (LOOP, FIRST_BYTE, RESPONSE):
        starts = [s.start_ns for s in samples if s.metric == metric and s.reason != "gone"]
        assert len(starts) == len(set(starts))
    assert len([s for s in samples if s.metric == GREETING]) <= 1
    assert len([s for s in samples if s.metric == BARGE_IN]) <= sum(what == "began" for what, _ in steps)
    assert len([s for s in samples if s.reason == "gone" and s.metric == LOOP]) <= losses
    assert scene.call.turns


@pytest.mark.parametrize("keep", [False, True])
def test_audio_is_forgotten_once_nobody_can_ask_for_it(keep: bool) -> None:
    scene = Scene(Call(16_000, LIMIT * MS, keep=keep)).connect()
    for _ in range(3):
        scene.say(500).to(scene.at + 300).hear(voice(600)).to(scene.at + 2_000)
    scene.utter()
    greeting, first, second, third = (
        turn for turn in scene.call.turns if turn.kind is not TurnKind.UNASKED and turn.over
    )
    assert not greeting.pieces
    assert [bool(turn.pieces) for turn in (first, second, third)] == [keep, keep, True]
    assert first.end_ns > first.onset_ns > 0  # what is known of it stays


def test_a_call_without_end_is_remembered_from_its_beginning() -> None:
    scene = Scene().connect()
    for _ in range(MOST_TURNS - 2):  # one before the connection, one for the greeting
        scene.say(100)
    assert scene.call.complete
    scene.say(100).say(100)
    assert (len(scene.call.turns), scene.call.complete) == (MOST_TURNS, False)
