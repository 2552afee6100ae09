"""What becomes of a consultation, judged from what was heard."""

from __future__ import annotations

import pytest

from pytest_rtmedload.scenarios import Consultation, Scenario, shipped
from pytest_rtmedload.voice.turns import Answer
from tests.conftest import LoadRun

CHEST_PAIN = shipped()["chest_pain"]
GOOD = ("Your pain can be an emergency.", "After twenty minutes call 911.", "A numb arm is an emergency.")


def answer(text: str, loop_ms: float = 400, problem: str | None = None) -> Answer:
    return Answer(text, None, b"", 16_000, {"voice.loop": loop_ms}, cut=False, problem=problem)


def held(*answers: Answer, scenario: Scenario = CHEST_PAIN) -> Consultation:
    return Consultation(scenario, list(zip(scenario.turns, answers, strict=False)))


def test_a_perfect_consultation() -> None:
    found = held(*map(answer, GOOD))
    assert (found.turns_ok, found.expected_content, found.escalated, found.satisfaction) == (1, 1, True, 5)


def test_an_answer_that_misses_the_point() -> None:
    found = held(answer(GOOD[0]), answer("I see."), answer(GOOD[2]))
    assert found.turns_ok == found.expected_content == 2 / 3
    assert 4 < found.satisfaction < 5


def test_an_emergency_that_was_not_recognised_achieved_nothing() -> None:
    found = held(answer("Pain, I see."), answer("Twenty minutes, I see."), answer("Your arm, I see."))
    assert (found.turns_ok, found.escalated) == (1, False)
    assert found.satisfaction == 1 + 4 * 0.5


def test_slow_answers_cost_promptness() -> None:
    assert held(*(answer(text, 700) for text in GOOD)).promptness == 1
    assert held(*(answer(text, 1850) for text in GOOD)).promptness == 0.5
    assert held(*(answer(text, 9000) for text in GOOD)).promptness == 0


def test_what_never_came_counts_as_nothing() -> None:
    found = held(answer(GOOD[0]))
    assert found.turns_ok == found.promptness == found.smoothness == 1 / 3


def test_an_invalid_answer_is_no_good_turn() -> None:
    found = held(answer(GOOD[0], problem="the agent spoke before the caller had finished"), *map(answer, GOOD[1:]))
    assert found.turns_ok == found.smoothness == 2 / 3


def test_an_agent_that_tells_no_text_is_judged_by_what_can_be_heard() -> None:
    found = held(answer(""), answer(""), answer(""))
    assert (found.turns_ok, found.expected_content, found.escalated) == (1, None, True)


@pytest.mark.timing
@pytest.mark.slow
def test_a_consultation_on_the_embedded_agent(load_run_of: LoadRun) -> None:
    (load_run_of.pytester.path / "mine.toml").write_text(
        """
        [pain]
        escalates = ["911"]
        turns = [
            { say = "chest_pain_1", expect = ["pain"] },
            { say = "hello", expect = ["hello", "help"], interrupts = "500ms" },
        ]
        """
    )
    load_run_of.file(
        test_it="""
        import pytest
        from pytest_rtmedload.scenarios import play, read_scenarios

        @pytest.mark.load(users=1, iterations=1, metric="voice.loop", p95=5000)
        async def test_consultation(load, browser_call):
            held = await play(read_scenarios("mine.toml")["pain"], load, browser_call)
            assert held.turns_ok == 1 and held.escalated
        """
    )
    load_run_of("-m", "load", sizes=("--load-ramp=0", "--load-warmup=0")).assert_outcomes(passed=1)
    test = load_run_of.result()["tests"][0]
    assert test["tags"].keys() == {"scenario=pain"}
    assert test["values"]["flow.turns_ok"]["mean"] == 1
    assert test["metrics"]["flow.duration"]["count"] == 1
    assert test["metrics"]["voice.barge_in"]["count"] == 1
