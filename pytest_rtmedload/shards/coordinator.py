"""The coordinator: draws the start line, merges what the shards ship, and has it judged.

It does no I/O and has no clock or thread of its own: messages make it act, in whatever thread they arrive. That is
what lets the same coordinator serve one in-process worker and many processes.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from pytest_rtmedload.agents import AgentProvider, AgentUnavailable
from pytest_rtmedload.results.plan import TestPlan
from pytest_rtmedload.results.recording import Outcome, Phase, Recording
from pytest_rtmedload.targets import override
from pytest_rtmedload.verdict.health import lag_limit_ns
from pytest_rtmedload.verdict.judge import judge
from pytest_rtmedload.workload.conductors import conductor_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_rtmedload.config import LoadConfig
    from pytest_rtmedload.results.model import TestResult
    from pytest_rtmedload.shards.link import Link, Message
    from pytest_rtmedload.workload.spec import LoadSpec

SHARDS: Final = 1
"""Processes a load test runs in: one worker drives them all."""
HOPELESS_S: Final = 5.0
"""A test in which nothing has succeeded for so long, and something failed, is stopped early."""


class Observer(Protocol):
    """Watches load tests while they run."""

    def started(self, spec: LoadSpec, seconds: float | None) -> None:
        """The start line of a test was drawn; it will take `seconds`, None when that is not known."""

    def progressed(self, spec: LoadSpec, phase: str, elapsed: float, users: int, delta: Recording) -> None:
        """A shard shipped what it recorded since its last shipment."""

    def finished(self) -> None:
        """The test is over."""


@dataclass(slots=True)
class Progress:
    """How far a load test has come."""

    spec: LoadSpec
    started_s: float
    shards: set[int] = field(default_factory=set)
    ready: set[int] = field(default_factory=set)
    done: set[int] = field(default_factory=set)
    running: bool = False
    recording: Recording = field(default_factory=Recording)
    elapsed: float = 0.0
    last_success: float = 0.0
    interrupted: str | None = None
    failed_users: list[str] = field(default_factory=list)
    notes: dict[str, None] = field(default_factory=dict)
    """What a reader should know, in order and once each, whatever the number of shards."""


class Coordinator:
    """One per run, in the process that writes the results.

    Args:
        config: the options.
        agents: finds the agent.
        present: what the worker is told of a result, as keyword arguments of `Judged`.
        observer: watches, for a live view.
    """

    def __init__(
        self,
        config: LoadConfig,
        agents: AgentProvider,
        present: Callable[[TestResult], dict[str, Any]],
        observer: Observer,
    ) -> None:
        self._config = config
        self._agents = agents
        self._present = present
        self._observer = observer
        self._links: dict[int, Link] = {}
        self._tests: dict[str, Progress] = {}
        self._began = time.perf_counter()
        self._lock = threading.RLock()
        self.announced: set[str] = set()
        """Node ids of the load tests that workers have collected."""
        self._alone = False
        self._waiting: list[tuple[int, dict[str, Any]]] | None = None  # arrivals while ordinary tests still run
        self._unavailable: str | None = None  # why there is no agent, once a test has met that
        self.results: list[TestResult] = []

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return time.perf_counter() - self._began

    def connect(self, link: Link) -> None:
        """A worker is there, at the other end of this link."""
        shard = len(self._links)
        self._links[shard] = link
        link.setcallback(lambda message: self.receive(shard, message))

    def receive(self, shard: int, message: Message) -> None:
        """Act on a message of a worker."""
        kind, content = message
        with self._lock:
            getattr(self, f"_on_{kind}")(shard, content)

    def finish(self) -> None:
        """The run is over: tests that never came to an end are judged by what they shipped."""
        with self._lock:
            for test in list(self._tests.values()):
                test.interrupted = test.interrupted or "interrupted before its end"
                self._conclude(test)

    def hold(self) -> None:
        """Let no load test begin before `ordinary_tests_ended`: other processes still run ordinary tests."""
        if not self._alone:
            self._waiting = self._waiting or []

    def ordinary_tests_ended(self) -> None:
        """From now on the machine belongs to the load tests."""
        with self._lock:
            self._alone = True
            waiting, self._waiting = self._waiting or [], None
            for shard, content in waiting:
                self._on_arrive(shard, content)

    def _on_collected(self, _shard: int, content: dict[str, Any]) -> None:
        self.announced.update(content["nodeids"])

    def _on_arrive(self, shard: int, content: dict[str, Any]) -> None:
        if self._waiting is not None:
            self._waiting.append((shard, content))
            return
        spec: LoadSpec = content["spec"]
        try:
            agent = self._agents.known()
        except AgentUnavailable as error:
            self._refuse(shard, str(error))
            return
        test = self._tests.setdefault(spec.nodeid, Progress(spec, self.elapsed))
        test.shards.add(shard)
        if len(test.shards) == SHARDS:
            for number, member in enumerate(sorted(test.shards)):
                self._send(
                    member,
                    "assign",
                    shard=number,
                    shards=len(test.shards),
                    seed=self._config.seed,
                    lag_limit_ns=lag_limit_ns(spec.targets),
                    url=agent.url if agent is not None else None,
                )

    def _on_need_agent(self, shard: int, content: dict[str, Any]) -> None:
        try:
            agent = self._agents.obtain()
        except AgentUnavailable as error:
            self._tests.pop(content["nodeid"], None)
            self._refuse(shard, str(error))
        else:
            test = self._tests.get(content["nodeid"])
            if test is not None:  # it starts over: what was measured so far was measured without the agent
                if test.running:
                    self._observer.finished()
                self._tests[content["nodeid"]] = Progress(test.spec, self.elapsed, shards=test.shards)
            self._send(shard, "agent", url=agent.url, dialect=agent.dialect, embedded=agent.embedded)

    def _on_ready(self, shard: int, content: dict[str, Any]) -> None:
        test = self._tests[content["nodeid"]]
        test.ready.add(shard)
        if test.ready == test.shards:
            conductor = conductor_for(test.spec)
            phases, commands = conductor.phases(), conductor.commands()
            test.running, test.started_s = True, self.elapsed
            end = max(end for _, end in phases.values())
            self._observer.started(test.spec, None if end == float("inf") else end)
            for member in sorted(test.shards):
                self._send(member, "go", phases=phases, commands=commands)

    def _on_samples(self, _shard: int, content: dict[str, Any]) -> None:
        test = self._tests[content["nodeid"]]
        delta: Recording = content["recording"]
        test.recording.merge(delta)
        test.elapsed = max(test.elapsed, content["elapsed"])
        if any(key.outcome == Outcome.OK for key in delta.series) or not delta.series:
            test.last_success = test.elapsed
        elif test.interrupted is None:
            self._stop_if_hopeless(test)
        phase = self._phase(test, test.elapsed)
        self._observer.progressed(test.spec, phase, test.elapsed, content["users"], delta)

    def _stop_if_hopeless(self, test: Progress) -> None:
        """Nothing succeeded lately: is the agent gone, or is that all it has to say?"""
        try:
            self._agents.known()
        except AgentUnavailable as error:
            test.interrupted = f"stopped early: {error}"
        if test.elapsed - test.last_success >= HOPELESS_S:
            test.interrupted = test.interrupted or f"stopped early: nothing succeeded for {HOPELESS_S:g} s"
        if test.interrupted is not None:
            for member in sorted(test.shards):
                self._send(member, "stop", reason=test.interrupted)

    def _on_done(self, shard: int, content: dict[str, Any]) -> None:
        test = self._tests[content["nodeid"]]
        test.recording.merge(content["recording"])
        test.elapsed = max(test.elapsed, content["elapsed"])
        test.interrupted = test.interrupted or content["interrupted"]
        test.failed_users += content["failed_users"]
        test.notes |= dict.fromkeys(content["notes"])
        test.done.add(shard)
        if test.done == test.shards:
            result = self._conclude(test)
            for member in sorted(test.shards):
                self._send(member, "verdict", **self._present(result))

    def _on_abandon(self, _shard: int, content: dict[str, Any]) -> None:
        """The test was skipped from within: there is nothing to judge."""
        if self._tests.pop(content["nodeid"]).running:
            self._observer.finished()

    def _conclude(self, test: Progress) -> TestResult:
        del self._tests[test.spec.nodeid]
        if test.running:
            self._observer.finished()
        result = judge(self._plan(test), test.recording)
        if test.spec.after is not None:
            self._supersede(result.nodeid)
        self.results.append(result)
        return result

    def _supersede(self, nodeid: str) -> None:
        """The first run of a test that was made twice is shown, and counts for nothing."""
        self.results = [
            replace(result, superseded=True, failed_test=False) if result.nodeid == nodeid else result
            for result in self.results
        ]

    def _plan(self, test: Progress) -> TestPlan:
        spec = test.spec
        fatal = self._fatal(test)
        second = [f"second run: the first was INVALID: {spec.after}"] if spec.after is not None else []
        return TestPlan(
            nodeid=spec.nodeid,
            group=spec.group,
            model="open" if spec.open else "closed",
            users=spec.in_flight_limit if spec.open else spec.users,
            phases=self._phases(test),
            evidence=spec.evidence,
            targets=override(spec.targets, self._config.targets, test.recording.measured_metrics()),
            metric=spec.metric,
            critical=spec.critical,
            negative=spec.negative,
            shards=len(test.shards),
            started_s=test.started_s,
            saturated=spec.think == 0 and spec.iterations is None and not spec.open,
            steady=spec.iterations is None,
            interrupted=test.interrupted,
            fatal=fatal,
            notes=(*second, *test.notes),
        )

    def _fatal(self, test: Progress) -> str | None:
        """What is wrong with the test itself, whatever it measured."""
        if not any(key.outcome == Outcome.OK for key in test.recording.series):
            self._agents.doubt()
        try:
            self._agents.known()
        except AgentUnavailable as error:
            return str(error)
        if test.failed_users:
            users = len(test.failed_users)
            return f"{users} of {test.spec.users} users failed in their fixtures: {test.failed_users[0]}"
        return None

    def _phases(self, test: Progress) -> dict[str, tuple[float, float]]:
        """Phases as they were, cut where the test ended."""
        if not test.running:
            return {}
        planned = conductor_for(test.spec).phases()
        return {str(p): (b, min(e, test.elapsed)) for p, (b, e) in planned.items() if b < test.elapsed}

    @staticmethod
    def _phase(test: Progress, at: float) -> str:
        phases = conductor_for(test.spec).phases()
        return next((phase for phase, (begin, end) in phases.items() if begin <= at < end), Phase.COOLDOWN)

    def refusal(self, reason: str) -> tuple[str, bool]:
        """Text and kind of a refusal: the first test to miss its agent is an error, those after it are skipped."""
        skip, self._unavailable = self._unavailable is not None, reason
        return (f"skipped, as no load test can run: {reason}" if skip else reason), skip

    def _refuse(self, shard: int, reason: str) -> None:
        text, skip = self.refusal(reason)
        self._send(shard, "refuse", reason=text, skip=skip)

    def _send(self, to: int, kind: str, **content: Any) -> None:
        self._links[to].send((kind, content))
