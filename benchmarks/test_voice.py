"""Calls on one core: how many are sent in time, beside a task per call, and what they cost in memory.

Callers of each kind have a process and a core of their own, the agent has the other core. A light agent answers each
frame with 20 ms of speech, so that every call is in the middle of an answer all the time; the speech detector, which
only listens for an answer's beginning, has done its work before. Send lateness is what the pacer tells: a frame counts
as sent when all frames that were due with it have been handed to the network. What others took of both cores is
told, and what was measured meanwhile is measured again, a few times; processor time per frame still says something.

Must reach: see the constants. `SOAK=600` makes the conversations with the embedded agent last ten minutes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import psutil
import pytest

from pytest_rtmedload.embedded.calls.ground_truth import calls_truth
from pytest_rtmedload.embedded.calls.settings import DEFAULT_ENDPOINTING_NS
from pytest_rtmedload.embedded.launcher import EmbeddedAgent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_rtmedload.embedded.calls.ground_truth import TurnTruth

SERVERS = Path(__file__).parent / "servers"
TALKS, GREETS = "/talks", "/greets"
IN_TIME_MS = 5.0
"""P99 of send lateness must stay below."""
FULL_CALLS, TRANSPORT_CALLS = 300, 500
TIMES_A_TASK_EACH = 3
IDLE_KB = 150
AGENT_CALLS, AGENT_ADDS_MS = 50, 20.0
SOAK_S = float(os.environ.get("SOAK", "60"))
GROWTH_MB = 4.0
"""What the memory of a soak may seem to grow: answers of all lengths are held at any time."""
ROUNDS, ROUND_S = 3, 6
STEP, STEP_S, TRIES = 1.15, 3, 2
"""The search for the most calls goes on by this factor until so many tries have failed."""
DISTURBED = 0.03
"""Share of a core that others may take of callers and agent."""
PATIENCE = 3
"""Measurements are repeated up to this number of times for disturbed ones."""


class Carried(NamedTuple):
    """What the callers tell: see there."""

    p50: float
    p99: float
    max: float
    cpu: float
    frame_us: float
    waited: float
    sent: int
    heard: int
    rss: int
    errors: int

    @property
    def disturbed(self) -> bool:
        return self.waited > DISTURBED

    def __str__(self) -> str:
        late = f"lateness p50 {self.p50:7.2f} p99 {self.p99:7.2f} max {self.max:7.1f} ms"
        return f"{late}, {self.cpu:4.0%} of a core, {self.frame_us:5.1f} µs a frame, {self.waited:.0%} taken by others"


class Agent(NamedTuple):
    """Who is called."""

    url: str
    pid: int


class Child:
    """A process that answers one line with one line, until its standard input closes."""

    def __init__(self, script: str, *arguments: object) -> None:
        command = [sys.executable, str(SERVERS / script), *map(str, arguments)]
        environment = os.environ | {"PYTHONPATH": str(SERVERS.parent.parent)}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def read(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def carry(self, calls: int, seconds: float) -> Carried:
        """Callers: hold so many calls for so long."""
        print(calls, seconds, file=self.process.stdin, flush=True)
        carried = Carried(**json.loads(self.read()))
        assert carried.errors == 0
        return carried


@contextmanager
def child(script: str, *arguments: object) -> Iterator[Child]:
    started = Child(script, *arguments)
    try:
        yield started
    finally:
        started.process.communicate()


def callers(kind: str, agent: Agent, path: str = "", loop: str = "uvloop") -> AbstractContextManager[Child]:
    return child("voice_clients.py", kind, loop, cores()[0], agent.url + path, agent.pid)


def cores() -> tuple[int, int]:
    """One for the callers, one for the agent, where the platform tells them."""
    known = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0, 1]
    return known[0], known[-1]


@pytest.fixture(scope="module")
def agent() -> Iterator[Agent]:
    """The light one."""
    with child("echo_voice.py", cores()[1]) as server:
        yield Agent(f"http://127.0.0.1:{server.read().strip()}", server.process.pid)


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
@pytest.mark.parametrize(("kind", "calls"), [("full", FULL_CALLS), ("transport", TRANSPORT_CALLS)])
def test_calls_in_time(agent: Agent, kind: str, calls: int, loop: str) -> None:
    rounds: list[Carried] = []
    print(f"\n{calls} calls, {kind}, on {loop} (must reach on uvloop: p99 < {IN_TIME_MS:g} ms)")
    while sum(not carried.disturbed for carried in rounds) < ROUNDS and len(rounds) < PATIENCE * ROUNDS:
        with callers(kind, agent, TALKS, loop) as process:
            rounds.append(process.carry(calls, ROUND_S))
        print(f"  {rounds[-1]}, {rounds[-1].sent} frames sent, {rounds[-1].heard} heard")
    undisturbed = [carried.p99 for carried in rounds if not carried.disturbed]
    if not undisturbed:
        pytest.skip("others used these cores in every round: nothing can be said about lateness")
    assert loop != "uvloop" or median(undisturbed) < IN_TIME_MS


def most_calls(kind: str, agent: Agent, first: int) -> int:
    """The most calls whose frames are in time; says what happens beyond."""
    calls = first
    while calls > 10 and not carries(kind, agent, calls):
        calls = round(calls / STEP)
    while carries(kind, agent, more := round(calls * STEP)):
        calls = more
    return calls


def carries(kind: str, agent: Agent, calls: int) -> bool:
    """Whether one of some tries is in time, and the agent kept up."""
    failed = 0
    for _ in range(PATIENCE * TRIES):
        with callers(kind, agent, TALKS) as process:
            carried = process.carry(calls, STEP_S)
        print(f"  {kind:6} {calls:4} calls: {carried}")
        due = 50 * STEP_S * calls
        if carried.p99 < IN_TIME_MS and min(carried.sent, carried.heard) > 0.95 * due:
            return True
        failed += not carried.disturbed
        if failed == TRIES:
            break
    return False


def test_calls_beside_a_task_for_each(agent: Agent) -> None:
    print("\nphone_call, and a task per call on the websockets client, both on uvloop, doing the same work")
    theirs = most_calls("tasks", agent, 70)
    ours = most_calls("full", agent, FULL_CALLS)
    print(f"  {ours} calls in time against {theirs}: {ours / theirs:.1f} times (must reach: {TIMES_A_TASK_EACH})")
    assert ours >= TIMES_A_TASK_EACH * theirs


def test_memory_of_an_idle_call(agent: Agent) -> None:
    few, more = 10, 200
    with callers("full", agent, GREETS) as process:
        before = greeted(process, few)
        after = greeted(process, few + more)
    cost = (after.rss - before.rss) / more / 1024
    print(f"\nan idle call that was greeted takes {cost:.0f} KB (must reach: {IDLE_KB} KB)")
    assert cost <= IDLE_KB


def greeted(process: Child, calls: int) -> Carried:
    """Hold calls, and wait until all have heard their greeting."""
    while (carried := process.carry(calls, 1)).heard:
        pass
    return carried


def test_conversations_with_the_embedded_agent() -> None:
    with EmbeddedAgent.start() as agent:
        process = psutil.Process(agent.services["agent"]["pid"])
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(process.pid, {cores()[1]})
        with callers("talk", Agent(agent.url, process.pid)) as talking:
            talking.carry(AGENT_CALLS, 5)
            agent.reset_truth()
            worked = sum(process.cpu_times()[:2])
            parts = [talking.carry(AGENT_CALLS, SOAK_S / 10 - 1) for _ in range(10)]
            worked = sum(process.cpu_times()[:2]) - worked
            turns, _ = calls_truth(agent.url)
    added = [added_ms(turn) for turn in turns if turn.first_audio_ns and turn.speech_end_ns]
    p50, p95, worst = np.quantile(added, (0.5, 0.95, 1))
    print(f"\n{AGENT_CALLS} conversations with the embedded agent for {SOAK_S:g} s, {len(added)} answers")
    print(
        f"  the agent adds p50 {p50:.2f} p95 {p95:.2f} max {worst:.1f} ms to what its model"
        f" says (must reach: p95 <= {AGENT_ADDS_MS:g} ms), {worked / SOAK_S:.0%} of a core"
    )
    grown = growth_mb([part.rss for part in parts])
    memory = " ".join(f"{part.rss / 2**20:.1f}" for part in parts)
    print(f"  callers: {parts[-1]}; {memory} MB, grown by {grown:+.1f} MB (must: not grow)")
    assert len(added) > SOAK_S * AGENT_CALLS / 12
    assert p95 <= AGENT_ADDS_MS
    assert grown < GROWTH_MB


def added_ms(turn: TurnTruth) -> float:
    """How much later an answer began than the model of the agent says."""
    late = (turn.first_audio_ns or 0) - (turn.speech_end_ns or 0) - DEFAULT_ENDPOINTING_NS - sum(turn.drawn_ns.values())
    return late / 1e6


def growth_mb(rss: Sequence[int]) -> float:
    """From the middle of the first half to the middle of the second."""
    half = len(rss) // 2
    return (median(rss[half:]) - median(rss[:half])) / 2**20
