"""Official clients saturate before their services do, and the parts of an answer are not answers of their own."""

from __future__ import annotations

import pytest

from pytest_rtmedload.results.model import Verdict
from pytest_rtmedload.results.plan import Evidence, ShardPart
from pytest_rtmedload.results.recording import Health, Outcome
from pytest_rtmedload.verdict.judge import judge
from pytest_rtmedload.verdict.operations import total
from tests.verdict.verdict_builders import Builder, errors, p, plan


def part(name: str, users: int) -> ShardPart:
    return ShardPart(name, users, 100, 0.0, Health(measured_ns=10**10))


def notes(metric: str, n: int, **changes: object) -> list[str]:
    return [
        note for note in judge(plan(**changes), Builder().add(metric, [10] * n).recording).notes if "use -n" in note
    ]


@pytest.mark.parametrize(
    ("metric", "users", "n", "told"),
    [
        ("llm.stream", 60, 100, None),
        (
            "llm.stream",
            61,
            100,
            (
                "openai: 61 users in one process, and one process can do about 60: "
                "the client's own work is in the latency; use -n 2"
            ),
        ),
        ("stt.final", 51, 100, "the Speech SDK: 51 users in one process"),
        ("cosmos.read", 8, 3000, None),
        (
            "cosmos.read",
            8,
            9000,
            (
                "azure-cosmos: 900 operations/s in one process, and one process can do about 300: "
                "the client's own work is in the latency; use -n 3"
            ),
        ),
        ("GET /health", 500, 9000, None),
    ],
)
def test_a_client_beyond_its_own_limit_is_named(metric: str, users: int, n: int, told: str | None) -> None:
    found = notes(metric, n, users=users)
    assert len(found) == (told is not None)
    assert told is None or found[0].startswith(told)


def test_shards_share_the_work() -> None:
    assert notes("llm.stream", 100, users=100, shards=2, parts=(part("gw0", 50), part("gw1", 50))) == []
    (note,) = notes("llm.stream", 100, users=150, shards=2, parts=(part("gw0", 75), part("gw1", 75)))
    assert "150 users in 2 processes" in note


@pytest.mark.parametrize(("busy", "verdict"), [(0.5, Verdict.FAIL), (0.95, Verdict.INVALID)])
def test_a_target_missed_by_a_client_that_had_no_time_left_is_invalid(busy: float, verdict: Verdict) -> None:
    built = Builder().add("llm.ttft", [900] * 100)
    built.recording.health = Health(measured_ns=10**10, thread_cpu_ns=round(busy * 10**10))
    found = judge(plan(p("p95", 600, "llm.ttft")), built.recording)
    assert found.verdict is verdict
    assert ("openai" in found.reasons[0]) == (verdict is Verdict.INVALID)


def test_broken_streams_do_not_hide_among_their_tokens() -> None:
    built = Builder().add("llm.ttft", [10] * 100).add("llm.inter_token", [10] * 4000)
    built.add("llm.stream", [900] * 80).add("llm.stream", [100] * 20, Outcome.FAILED)
    found = judge(plan(errors(0.05), evidence=Evidence.STRICT), built.recording)
    assert found.verdict is Verdict.FAIL
    assert found.targets[0].n == 100
    assert total([found]) == (100, 20)


def test_parts_count_where_nothing_else_was_measured() -> None:
    built = Builder().add("llm.ttft", [10] * 80).add("llm.ttft", [10] * 20, Outcome.FAILED)
    found = judge(plan(errors(0.05)), built.recording)
    assert (found.verdict, found.targets[0].n) == (Verdict.FAIL, 100)
