"""What is said and when, without a process: both are decided by the seed."""

from __future__ import annotations

import random
from itertools import islice

import pytest

from pytest_rtmedload.embedded.llm.pace import PaceModel, Step
from pytest_rtmedload.embedded.llm.replies import GENERAL, TOPICS, compose, pieces_of, prompt_tokens
from pytest_rtmedload.embedded.llm.settings import DEFAULT_TTFT, LlmSettings
from pytest_rtmedload.embedded.settings import EmbeddedSettings

TTFT_P95_TARGET_NS = 600_000_000
MS = 1_000_000


def model(*pairs: str, seed: int = 1) -> PaceModel:
    return PaceModel(EmbeddedSettings.parse(pairs).part(LlmSettings), seed)


def says(text: str, seed: int = 1) -> str:
    return "".join(compose(seed, [("user", text)]))


def test_the_p99_of_the_default_is_at_most_70_percent_of_the_target() -> None:
    generator = random.Random(1)
    drawn = sorted(DEFAULT_TTFT.draw(generator) for _ in range(5000))
    assert drawn[4950] <= 0.7 * TTFT_P95_TARGET_NS


def test_seed_and_prompt_decide_the_reply() -> None:
    assert says("My chest hurts") == says("My chest hurts")
    assert len({says("My chest hurts", seed) for seed in range(20)}) > 3
    assert len({says(f"My chest hurts {n}") for n in range(20)}) > 3


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.openings[0])
def test_the_reply_is_about_what_the_patient_said_last(topic: object) -> None:
    assert topic in TOPICS
    for word in topic.words:  # type: ignore[attr-defined]
        reply = "".join(compose(1, [("user", "My ankle"), ("assistant", "Oh"), ("user", word), ("user", "Hello?")]))
        shared = [other for other in TOPICS if word in other.words]
        assert reply.startswith(shared[0].openings)


def test_without_a_topic_the_reply_is_general() -> None:
    assert says("Good morning").startswith(GENERAL.openings)


@pytest.mark.parametrize("tokens", [1, 7, 400])
def test_a_reply_can_have_a_given_length(tokens: int) -> None:
    assert len(compose(1, [("user", "hi")], tokens)) == tokens


def test_tokens_are_the_text_and_about_as_many_as_english_has() -> None:
    for topic in TOPICS:
        for text in (*topic.openings, *topic.advice, *topic.questions):
            assert "".join(pieces_of(text)) == text
            assert 3 <= len(text) / len(pieces_of(text)) <= 6
    assert prompt_tokens([("user", "I have pain"), ("user", "")]) == 3 + 4 + 3 + 4


def test_the_nth_request_has_the_same_fate_whatever_runs_beside_it() -> None:
    first, second = model("llm.cut_rate=0.3"), model("llm.cut_rate=0.3")
    alone = [(fate.fault, list(islice(fate.steps(0), 5))) for fate in (first.fate() for _ in range(50))]
    beside = [second.fate() for _ in range(50)]
    mixed = {index: list(islice(beside[index].steps(0), 5)) for index in reversed(range(50))}
    assert [fate.fault for fate in beside] == [fault for fault, _ in alone]
    assert [mixed[index] for index in range(50)] == [steps for _, steps in alone]
    assert {fault for fault, _ in alone} == {None, "cut"}


def test_raising_one_rate_leaves_the_others_victims_alone() -> None:
    few, many = model("llm.hang_rate=0.2"), model("llm.hang_rate=0.2", "llm.malformed_rate=0.9")
    for _ in range(100):
        assert (few.fate().fault == "hang") == (many.fate().fault == "hang")


def test_tokens_leave_on_an_absolute_schedule_and_stand_still_in_a_stall() -> None:
    paced = model("llm.ttft=100ms", "llm.inter_token=20ms", "llm.stall=50ms@110ms")
    steps = list(islice(paced.fate().steps(1000), 4))
    assert steps == [
        Step(100 * MS, 1000 + 100 * MS),
        Step(20 * MS, 1000 + 170 * MS),
        Step(20 * MS, 1000 + 190 * MS),
        Step(20 * MS, 1000 + 210 * MS),
    ]
    paced.clock.restart()
    assert next(paced.fate().steps(10**12)).due == 10**12 + 100 * MS
