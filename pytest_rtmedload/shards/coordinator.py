"""The coordinator: draws the start line, merges what the shards ship, and has it judged.

It does no I/O and has no thread or timer of its own: messages make it act, in whatever thread they arrive, and workers
that wait send one every two seconds. That is what lets the same coordinator serve one in-process worker and many
processes. One load test runs at a time, on all its workers; where groups run side by side, each has a coordinator.
"""

from __future__ import annotations

import functools
import os
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from pytest_rtmedload.agent_provider import AgentProvider, AgentUnavailable
from pytest_rtmedload.shards.event_sink import Journal
from pytest_rtmedload.shards.judging import Verdicts
from pytest_rtmedload.shards.messages import own_version
from pytest_rtmedload.shards.progress import HOPELESS_S, Progress
from pytest_rtmedload.shards.start_line import Begin, Gathering, GiveUp, Member, TurnAway
from pytest_rtmedload.verdict.health import lag_limit_ns

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_rtmedload.results.model import TestResult
    from pytest_rtmedload.shards.link import Link, Message
    from pytest_rtmedload.shards.observer import Observer
    from pytest_rtmedload.spec.load_config import LoadConfig
    from pytest_rtmedload.spec.load_spec import LoadSpec

SILENCE_S: Final = 60.0
"""A shard ships once a second: one that is silent for so long while others have finished hangs."""
LEAD_NS: Final = 100_000_000
"""The start line lies so far ahead: long enough for a busy machine to deliver the word to every shard."""
WIND_UP_S: Final = 3.0
"""How long an interrupted run waits for the last samples of its shards."""
OVER: Final = "the run was interrupted"


class Coordinator:
    """One per run, in the process that writes the results.

    Args:
        config: the options.
        agents: finds the agent.
        present: what the worker is told of a result, as keyword arguments of `Judged`.
        observer: watches, for a live view.
        clock: seconds, monotonic.
        began: when the run began, on that clock; now, if left out.
        journal: writes down what happens.
        holding: true while load tests wait for something else than their workers; `reconsider` says that it changed.
    """

    def __init__(
        self,
        config: LoadConfig,
        agents: AgentProvider,
        present: Callable[[TestResult], dict[str, Any]],
        observer: Observer,
        clock: Callable[[], float] = time.perf_counter,
        began: float | None = None,
        journal: Journal | None = None,
        holding: Callable[[], bool] = lambda: False,
    ) -> None:
        self._config = config
        self._agents = agents
        self._verdicts = Verdicts(config, agents, present)
        self._observer = observer
        self._journal = journal or Journal()
        self._clock = clock
        self._began = clock() if began is None else began
        self._lock = threading.RLock()
        self._concluded = threading.Condition(self._lock)
        self._finished = False
        self._gathering = Gathering(self._why_stop, holding)
        self._members: list[Member] = []
        self._test: Progress | None = None
        self._attempts = 0
        self.announced: set[str] = set()
        """Node ids of the load tests that workers have collected."""
        self.misfit: str | None = None
        """Why a worker cannot take part: another version of this plugin."""
        self.stopping: Callable[[], str | None] = lambda: None
        """Says why no further test may begin, such as `-x`; None while it may."""

    @property
    def results(self) -> list[TestResult]:
        """Results so far."""
        return self._verdicts.results

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return self._clock() - self._began

    def connect(self, link: Link, name: str = "main", *, remote: bool = False) -> None:
        """A worker is there, at the other end of this link; `remote` when it is a process of its own."""
        with self._lock:
            member = Member(len(self._members), name, link, remote, self.elapsed)
            self._members.append(member)
            self._gathering.join(member)
        link.setcallback(functools.partial(self.receive, member))

    def receive(self, member: Member, message: Message) -> None:
        """Act on a message of a worker."""
        kind, content = message
        with self._lock:
            attempt = content.get("attempt")
            if kind in ("arrive", "ended"):
                self._leaves(member, f"{member.name} left it by an error")
            if attempt is None or (self._test is not None and self._test.attempt == attempt):
                getattr(self, f"_on_{kind}")(member, content)  # else it is about an attempt that has ended
            member.heard_s = self.elapsed
            self._consider()

    def finish(self) -> None:
        """The run is over: a test that never came to an end is judged by what it shipped."""
        with self._lock:
            self._finished = True
            if self._test is not None and any(member.remote for member in self._test.members):
                self._stop("interrupted before its end")
                self._concluded.wait_for(lambda: self._test is None, WIND_UP_S)
            if self._test is not None:
                self._test.interrupted = self._test.interrupted or "interrupted before its end"
                self._conclude(self._test)
            self._consider()

    def decided(self, nodeid: str) -> bool:
        """True once it is settled which workers have a part in this load test."""
        with self._lock:
            return self._gathering.decided(nodeid)

    def outcome(self, nodeid: str) -> tuple[list[dict[str, Any]], list[str], dict[str, Any] | None]:
        """What workers reported of a load test, why some could not, and the last result."""
        with self._lock:
            reports, lost = self._gathering.outcome(nodeid)
            return reports, lost, self._verdicts.last_of(nodeid)

    def reported(self, nodeid: str) -> None:
        """A load test was reported to pytest: the next may begin."""
        with self._lock:
            self._gathering.reported(nodeid)
            self._consider()

    def reconsider(self) -> None:
        """Something outside has changed, such as a failure that ends the run."""
        with self._lock:
            self._consider()

    def refusal(self, reason: str) -> tuple[str, bool]:
        """Text and kind of a refusal: the first test to miss its agent is an error, those after it are skipped."""
        skip = self._agents.missed()
        return (f"skipped, as no load test can run: {reason}" if skip else reason), skip

    def _why_stop(self) -> str | None:
        return OVER if self._finished else self.stopping()

    def _on_hello(self, member: Member, content: dict[str, Any]) -> None:
        theirs, ours = content["version"], own_version()
        if theirs != ours:
            which = f"worker {member.name} has pytest-rtmedload {theirs}, this process has {ours}"
            self.misfit = f"{which}: install the same version for both"

    def _on_collected(self, _member: Member, content: dict[str, Any]) -> None:
        self.announced.update(content["nodeids"])

    def _on_begins(self, member: Member, content: dict[str, Any]) -> None:
        self._gathering.begins(member, content["nodeid"])

    def _on_ended(self, member: Member, content: dict[str, Any]) -> None:
        self._gathering.ends(member, content)

    def _on_arrive(self, member: Member, content: dict[str, Any]) -> None:
        self._gathering.arrives(member, content["spec"], self.elapsed)

    def _on_waiting(self, member: Member, _content: dict[str, Any]) -> None:
        self._send(member, "patience")
        self._give_up_on_the_silent()

    def _on_clock(self, member: Member, content: dict[str, Any]) -> None:
        self._send(member, "clock", asked=content["asked"], answered=time.perf_counter_ns())

    def _on_gone(self, member: Member, _content: dict[str, Any]) -> None:
        self._lose(member, f"{member.name} ended unexpectedly")

    def _on_find_agent(self, member: Member, content: dict[str, Any]) -> None:
        """The agent, or one of its services, for a fixture."""
        try:
            if content.get("service") is not None:
                self._send(member, "found", **self._agents.service(content["service"]))
                return
            agent = self._agents.obtain()
        except AgentUnavailable as error:
            self._refuse([member], str(error))
        else:
            self._send(member, "found", url=agent.url, dialect=agent.dialect, embedded=agent.embedded)

    def _on_need_agent(self, _member: Member, _content: dict[str, Any]) -> None:
        """A body met a relative URL: the test starts over, as what was measured until now was without an agent."""
        test = self._drop()
        self._journal.discarded(test.spec.nodeid)
        try:
            self._agents.obtain()
        except AgentUnavailable as error:
            self._refuse(test.members, str(error))
        else:
            self._assign(test.spec, test.members)

    def _consider(self) -> None:
        """Let those who wait begin, or not."""
        while self._test is None and (decision := self._gathering.next(self.elapsed)) is not None:
            if isinstance(decision, GiveUp):
                decision.member.link.hang_up()
                self._lose(decision.member, decision.reason)
            elif isinstance(decision, TurnAway):
                self._turn_away(decision)
            else:
                self._begin(decision)

    def _turn_away(self, decision: TurnAway) -> None:
        for member in decision.members:
            member.arrived = None
            self._send(member, "refuse", reason=decision.reason, skip=decision.skip, stop=decision.stop)

    def _begin(self, decision: Begin) -> None:
        for member in decision.members:
            member.arrived = None
        try:
            self._agents.known()
        except AgentUnavailable as error:
            self._refuse(decision.members, str(error))
        else:
            self._assign(decision.spec, decision.members)

    def _assign(self, spec: LoadSpec, members: list[Member]) -> None:
        self._attempts += 1
        agent = self._agents.known()
        self._test = test = Progress.of(spec, self._attempts, self.elapsed, members)
        for number, member in enumerate(members):
            member.heard_s = self.elapsed
            self._send(
                member,
                "assign",
                attempt=test.attempt,
                shard=number,
                shards=test.shards,
                alone=len(members) == 1,
                seed=self._config.seed,
                lag_limit_ns=lag_limit_ns(spec.targets),
                url=agent.url if agent is not None else None,
                family=(os.getpid(), agent.pid if agent is not None else None),
            )

    def _on_ready(self, member: Member, _content: dict[str, Any]) -> None:
        test = self._now
        test.parts[member.number].ready = True
        if test.ready:
            phases, commands = test.conductor.phases(), test.conductor.commands()
            test.running, test.started_s = True, self.elapsed
            end = max(end for _, end in phases.values())
            self._observer.started(test.spec, None if end == float("inf") else end)
            if test.spec.after is not None:
                self._journal.discarded(test.spec.nodeid)
            self._journal.began(test.spec.nodeid)
            at_ns = time.perf_counter_ns() + LEAD_NS if len(test.parts) > 1 else None
            for other in test.members:
                self._send(other, "go", at_ns=at_ns, phases=phases, commands=commands)

    def _on_told(self, _member: Member, content: dict[str, Any]) -> None:
        self._journal.told(content["line"])

    def _on_samples(self, member: Member, content: dict[str, Any]) -> None:
        test = self._now
        test.take(member.number, content)
        self._journal.sampled(test.spec.nodeid, content.get("rows", ()))
        if test.last_success < test.elapsed and test.interrupted is None:
            self._stop_if_hopeless(test)
        new = test.show(member.number)
        if new is not None:
            self._observer.progressed(test.spec, test.phase(test.elapsed), test.elapsed, test.users, new)
            self._steer(test)

    def _steer(self, test: Progress) -> None:
        """All shards have told how the agent does: the conductor may have something to say to that."""
        if test.interrupted is not None:
            return
        try:
            commands = test.conductor.steer(self._verdicts.moment(test))
        except Exception as error:  # noqa: BLE001 - a conductor may be the user's own
            self._stop(f"its conductor failed: {type(error).__name__}: {error}")
            return
        for part in test.parts.values():
            if commands and not part.over:
                self._send(part.member, "steer", commands=commands)

    def _stop_if_hopeless(self, test: Progress) -> None:
        """Nothing succeeded lately: is the agent gone, or is that all it has to say?"""
        try:
            self._agents.known()
        except AgentUnavailable as error:
            self._stop(f"stopped early: {error}")
        if test.elapsed - test.last_success >= HOPELESS_S:
            self._stop(f"stopped early: nothing succeeded for {HOPELESS_S:g} s")

    def _on_done(self, member: Member, content: dict[str, Any]) -> None:
        test = self._now
        test.end(member.number, content)
        self._journal.sampled(test.spec.nodeid, content.get("rows", ()))
        if test.ended_by is not None:
            self._stop(str(test.interrupted))
        self._conclude_if_over(test)

    def _on_abandon(self, member: Member, content: dict[str, Any]) -> None:
        """The test was skipped from within: there is nothing to judge."""
        others = [other for other in self._drop().members if other is not member]
        self._turn_away(TurnAway(others, f"skipped by {member.name}: {content['reason']}", skip=True))

    def _lose(self, member: Member, reason: str) -> None:
        """A worker is gone: its users are not given to others, that would be another load."""
        self._gathering.loses(member, reason, self.elapsed)
        self._leaves(member, reason)

    def _leaves(self, member: Member, reason: str) -> None:
        """A worker has no part any more in the test under way; one that had come to its end had none."""
        test = self._test
        if test is None or member.number not in test.parts or test.parts[member.number].over:
            return
        test.parts[member.number].lost = reason
        if test.running:
            self._stop(f"{reason} while it ran")
            self._conclude_if_over(test)
        else:
            self._turn_away(TurnAway(self._drop().members, f"{reason} before the start line"))

    def _give_up_on_the_silent(self) -> None:
        """Some wait for the others of a test that has begun: are those still there?"""
        test = self._test
        if test is None:
            return
        limit = SILENCE_S if test.running else SILENCE_S + test.spec.timeout  # fixtures may take that long, silently
        for member in [part.member for part in test.parts.values() if not part.over]:
            if member.remote and self.elapsed - member.heard_s > limit:
                member.link.hang_up()
                self._lose(member, f"{member.name} did not answer for {limit:g} s")

    def _stop(self, reason: str) -> None:
        """End the running test on all shards that are still at it."""
        test = self._now
        test.interrupted = test.interrupted or reason
        for part in test.parts.values():
            if not part.over:
                self._send(part.member, "stop", reason=test.interrupted)

    def _conclude_if_over(self, test: Progress) -> None:
        if not test.over:
            return
        result = self._conclude(test)
        owner = test.ended_by.member if test.ended_by is not None else None
        others = [member for member in test.members if member is not owner]
        if owner is not None:  # whose own outcome is the test's
            self._turn_away(TurnAway(others, str(test.interrupted), skip=True))
            return
        verdict = self._verdicts.present(result)
        for member in others:
            self._send(member, "verdict", **verdict)

    def _conclude(self, test: Progress) -> TestResult:
        self._drop()
        result = self._verdicts.judge(test)
        self._journal.judged(result)
        self._concluded.notify_all()
        return result

    def _drop(self) -> Progress:
        """There is no test any more."""
        test, self._test = self._now, None
        if test.running:
            self._observer.finished(test.spec)
        return test

    @property
    def _now(self) -> Progress:
        """The test under way."""
        if self._test is None:
            raise RuntimeError("no load test is under way")
        return self._test

    def _refuse(self, members: list[Member], reason: str) -> None:
        text, skip = self.refusal(reason)
        self._turn_away(TurnAway(members, text, skip=skip))

    @staticmethod
    def _send(to: Member, kind: str, **content: Any) -> None:
        to.link.send((kind, content))
