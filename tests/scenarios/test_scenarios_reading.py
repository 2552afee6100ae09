"""Reading scenarios: what is wrong with one is said in one line, and what is right can be played."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from pytest_rtmedload.audio import names, reply_to, text_of
from pytest_rtmedload.scenarios import Deck, Priority, ScenarioError, read_scenarios, shipped

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_rtmedload.scenarios import Scenario

every_scenario = pytest.mark.parametrize("scenario", shipped().values(), ids=list(shipped()))


def test_the_ten_consultations_of_the_brief_in_their_classes() -> None:
    classes = {
        priority: sorted(scenario.id for scenario in shipped().values() if scenario.priority is priority)
        for priority in Priority
    }
    assert classes == {
        Priority.HIGH: ["allergic_reaction", "breathing_difficulty", "chest_pain"],
        Priority.MEDIUM: ["medication_side_effects", "mental_health_crisis", "moderate_injury"],
        Priority.NORMAL: ["annual_checkup", "follow_up_appointment", "lab_results", "prescription_refill"],
    }


@every_scenario
def test_the_recorded_replies_are_what_is_expected(scenario: Scenario) -> None:
    replies = [text_of(reply_to(turn.clip.name)) for turn in scenario.turns]
    for turn, reply in zip(scenario.turns, replies, strict=True):
        assert turn.answered_by(reply), (turn.clip.name, reply)
        assert not turn.answered_by(text_of("not_understood"))
    if scenario.escalates:
        assert any(word.lower() in reply.lower() for word in scenario.escalates for reply in replies)


@every_scenario
def test_emergencies_are_critical_and_must_be_recognised(scenario: Scenario) -> None:
    assert scenario.critical == (scenario.priority is Priority.HIGH)
    assert scenario.escalates or not scenario.critical


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no scenario in it: begin one with [its_id]"),
        ("chest = 1", "chest: not a scenario: write [chest] with title, priority, weight, turns, escalates"),
        ("[chest]", "chest: no turns: a caller has to say something"),
        ("[chest]\nturns = []", "chest: no turns: a caller has to say something"),
        ("[chest]\nturns = [{}]", 'chest: turn 1: says nothing: write { say = "name of an utterance" }'),
        ('[chest]\nturns = [{ say = "chest_pain_9" }]', "chest: turn 1: "),
        ('[c]\nweight = -1\nturns = [{ say = "hello" }]', "c: weight -1 is not a number above 0"),
        ('[c]\nweight = true\nturns = [{ say = "hello" }]', "c: weight True is not a number above 0"),
        (
            '[c]\npriority = "urgent"\nturns = [{ say = "hello" }]',
            "priority 'urgent' is not one of high, medium, normal",
        ),
        ('[c]\nturn = [{ say = "hello" }]', "scenario: no field 'turn'; there are title, priority"),
        ('[c]\nturns = [{ say = "hello", expects = ["x"] }]', "turn 1: no field 'expects'; there are say, expect"),
        ('[c]\nturns = [{ say = "hello", expect = "x" }]', "turn 1: expect is not a list of words"),
        ('[c]\nturns = [{ say = "chest_pain_1", deadline = "1s" }]', "a deadline of 1 s is over before 'chest_pain_1'"),
        ('[c]\nturns = [{ say = "hello", deadline = "soon" }]', "deadline 'soon' is not a time: write 3 or \"3s\""),
        ('[c]\nturns = [{ say = "hello", interrupts = 1 }]', "turn 1: there is no answer to interrupt yet"),
        ("[c", "not TOML"),
    ],
)
def test_what_is_wrong_is_one_line_that_names_the_place(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(ScenarioError) as raised:
        read_scenarios(file)
    assert message in str(raised.value)
    assert "mine.toml" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_an_unknown_utterance_is_told_with_those_like_it(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[c]\nturns = [{ say = "chest_pian_1" }]')
    with pytest.raises(ScenarioError, match="chest_pain_1"):
        read_scenarios(file)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"none\.toml: cannot be read: No such file"):
        read_scenarios(tmp_path / "none.toml")


def test_a_recording_beside_the_file_is_an_utterance(tmp_path: Path) -> None:
    import shutil
    from importlib import resources

    with resources.as_file(resources.files("pytest_rtmedload.audio") / "wav" / "hello.wav") as recording:
        shutil.copy(recording, tmp_path / "mine.wav")
    (tmp_path / "mine.toml").write_text('[c]\nturns = [{ say = "mine.wav", think = "500ms" }]')
    (turn,) = read_scenarios(tmp_path / "mine.toml")["c"].turns
    assert (turn.clip.name, turn.think) == ("mine", 0.5)


def test_every_scenario_is_dealt_before_chance_decides() -> None:
    deck, chance = Deck(list(shipped().values())), random.Random(1)
    dealt = [deck.deal(chance).id for _ in range(10)]
    assert dealt == list(shipped())
    later = [deck.deal(chance) for _ in range(4_000)]
    total = sum(scenario.weight for scenario in shipped().values())
    for scenario in shipped().values():
        assert later.count(scenario) / len(later) == pytest.approx(scenario.weight / total, abs=0.03)


def test_the_names_in_the_package_and_the_recordings_agree() -> None:
    used = {turn.clip.name for scenario in shipped().values() for turn in scenario.turns}
    assert used <= set(names("patient"))
