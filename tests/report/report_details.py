"""Tests whose results tell more than percentiles: levels of load, a spike, calls turn by turn."""

from __future__ import annotations

import dataclasses
from typing import Any

from pytest_rtmedload.results.details import (
    CallTape,
    CapacityResult,
    ConversationResult,
    ConversationTurn,
    DriftResult,
    SlowOperation,
)
from pytest_rtmedload.results.model import StageResult, TargetResult, TestResult, TimelinePoint, Verdict
from tests.report.report_builders import make_test, metric, target, timeline

FLOW = "tests/load/flows/test_chest_pain.py::test_chest_pain"
LEVELS = {
    10: (62.0, Verdict.PASS),
    20: (84.0, Verdict.PASS),
    40: (210.0, Verdict.FAIL),
    30: (131.0, Verdict.PASS),
    35: (149.0, Verdict.INCONCLUSIVE),
}
LINES = ["I have a strong pain in my chest.", "It began an hour ago, while I was sitting.", "Yes, in my left arm too."]
ANSWERS = [
    "Where exactly is the pain?",
    "Does it spread to your arm or jaw?",
    "I am sending an ambulance now. Stay calm.",
]


def judged(verdict: Verdict, value: float, limit: float = 150.0) -> TargetResult:
    return target(verdict, limit, value, bounds=(value * 0.9, value * 1.15))


def stage(name: str, users: int, begin: float, p95: float, verdict: Verdict) -> StageResult:
    found = metric(p95 / 1.8, 400, seed=users)
    return StageResult(
        name=name,
        users=users,
        begin_s=begin,
        end_s=begin + 8,
        verdict=verdict,
        reasons=[] if verdict is Verdict.PASS else [f"POST /api/call p95 {p95:.0f} ms {verdict}"],
        iterations=400,
        failed=3 if verdict is Verdict.FAIL else 0,
        rate=50.0 * users / 10,
        metrics={"POST /api/call": found, "iteration": found},
        targets=[judged(verdict, p95)],
    )


def at_levels(levels: list[tuple[int, float]]) -> list[TimelinePoint]:
    """Ten seconds a level, each with its users and its p95."""
    points: list[TimelinePoint] = []
    for i, (users, p95) in enumerate(levels):
        seconds = timeline(10, {"iteration": p95 / 1.8, "POST /api/call": p95 / 1.85})
        points += [dataclasses.replace(p, second=10 * i + p.second, phase="measure", users=users) for p in seconds]
    return points


def capacity_test(**changes: Any) -> TestResult:
    stages = [
        stage(f"{users} users", users, 10 * i + 2, p95, verdict)
        for i, (users, (p95, verdict)) in enumerate(LEVELS.items())
    ]
    test = make_test(
        "tests/load/api/test_capacity.py::test_capacity",
        shape="capacity(10..40)",
        metric="POST /api/call",
        users=40,
        duration_s=50.0,
        stages=stages,
        capacity=CapacityResult(30, 30, 35, "capacity: proved up to 30 users, missed at 35"),
        targets=[judged(Verdict.PASS, 131.0)],
        timeline=at_levels([(users, p95) for users, (p95, _) in LEVELS.items()]),
        phases={"measure": (0.0, 50.0)},
    )
    return dataclasses.replace(test, **changes)


def spike_test(**changes: Any) -> TestResult:
    p95s = {"before the spike": (10, 71.0), "spike": (50, 189.0), "after the spike": (10, 75.0)}
    verdicts = [Verdict.PASS, Verdict.FAIL, Verdict.PASS]
    stages = [
        stage(name, users, 10 * i + 1, p95, verdict)
        for i, ((name, (users, p95)), verdict) in enumerate(zip(p95s.items(), verdicts, strict=True))
    ]
    drift = DriftResult(
        "POST /api/call",
        "p95",
        70.0,
        91.0,
        (66.0, 74.0),
        (85.0, 97.0),
        drifted=True,
        text="POST /api/call p95 rose from 70 ms to 91 ms: the 95 % bounds do not overlap",
    )
    test = make_test(
        "tests/load/api/test_spike.py::test_spike",
        shape="spike(50, 10s)",
        metric="POST /api/call",
        users=50,
        verdict=Verdict.FAIL,
        failed_test=True,
        reasons=[stages[1].reasons[0]],
        duration_s=30.0,
        stages=stages,
        drift=[drift],
        targets=[judged(Verdict.FAIL, 189.0)],
        timeline=at_levels(list(p95s.values())),
        phases={"measure": (0.0, 30.0)},
    )
    return dataclasses.replace(test, **changes)


def turn(number: int, begin: float, wait: float, **changes: Any) -> ConversationTurn:
    """A line of 2.4 s, an answer of 3 s."""
    shown = ConversationTurn(
        utterance=f"chest_pain_{number + 1}",
        said=LINES[number % 3],
        answer=ANSWERS[number % 3],
        speech_begin_ms=begin,
        speech_end_ms=begin + 2400,
        endpointing_ms=200.0,
        onset_ms=begin + 2400 + wait,
        end_ms=begin + 5400 + wait,
        loop_ms=wait,
        problem="",
        interrupted=False,
    )
    return dataclasses.replace(shown, **changes)


def conversation(kind: str, call: str, waits: tuple[float, float, float]) -> ConversationResult:
    greeting = ConversationTurn(
        "", "", "Emergency line, what happened?", None, None, None, 310.0, 2300.0, None, "", False
    )
    turns = [turn(i, 2800 + 6200.0 * i, wait) for i, wait in enumerate(waits)]
    return ConversationResult(kind, call, "chest pain", 21_900.0, [greeting, *turns])


def flow_test(**changes: Any) -> TestResult:
    slow = conversation("slow", "call-8842", (640.0, 905.0, 733.0))
    broken = dataclasses.replace(
        slow.turns[3], onset_ms=None, end_ms=None, loop_ms=None, answer="", problem="no answer came"
    )
    slow = dataclasses.replace(slow, turns=[*slow.turns[:3], broken])
    loop = target(Verdict.FAIL, 700.0, 861.0, metric="voice.loop", bounds=(802.0, 930.0))
    test = make_test(
        FLOW,
        group="flows",
        metric="voice.loop",
        verdict=Verdict.FAIL,
        failed_test=True,
        reasons=[loop.text],
        users=8,
        rate=0.7,
        duration_s=60.0,
        metrics={"voice.loop": metric(470, 120, censored=2, seed=7), "iteration": metric(21_000, 40)},
        targets=[loop],
        timeline=timeline(60, {"voice.loop": 470}, users=8),
        phases={"ramp": (0.0, 6.0), "warmup": (6.0, 12.0), "measure": (12.0, 60.0)},
        recordings=[CallTape("call-8842", "calls/8842.wav", "calls/8842.svg", "calls/8842.json")],
        slowest=[
            SlowOperation("voice.loop", "chest pain", 1210.0, 31, 4, "call-8842", "ok"),
            SlowOperation("voice.loop", "chest pain", 1150.0, 12, 2, "call-8817", "censored"),
            SlowOperation("voice.loop", "", 990.0, 44, 7, "", "ok"),
            SlowOperation("iteration", "chest pain", 23_400.0, 31, 4, "call-8842", "ok"),
        ],
        conversations=[conversation("typical", "call-8801", (371.0, 420.0, 390.0)), slow],
    )
    return dataclasses.replace(test, **changes)
