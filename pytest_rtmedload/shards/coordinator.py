"""The coordinator: draws the start line, merges what the shards ship, and has it judged.

It does no I/O and has neither thread nor timer: messages make it act, in whatever thread they arrive, and workers
that wait send one every two seconds. This lets the same coordinator serve one in-process worker and many
processes. One load test runs at a time, on all its workers; where groups run side by side, each has a coordinator.
"""

from __future__ import annotations

import functools
import os
import threading
import time
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.agent_provider import AgentProvider, AgentUnavailable
from pytest_rtmedload.measure.processes import Family
from pytest_rtmedload.shards import messages
from pytest_rtmedload.shards.event_sink import EventSink
from pytest_rtmedload.shards.handlers import on
from pytest_rtmedload.shards.judging import Verdicts
from pytest_rtmedload.shards.load_test import own_version
from pytest_rtmedload.shards.progress import HOPELESS_S, TestProgress
from pytest_rtmedload.shards.start_line import Begin, GiveUp, StartLine, TurnAway, WorkerHandle
from pytest_rtmedload.verdict.health import lag_limit_ns

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_rtmedload.results.model import TestResult
    from pytest_rtmedload.shards.link import Link
    from pytest_rtmedload.shards.messages import ToCoordinator, ToWorker
    from pytest_rtmedload.shards.observer import Observer
    from pytest_rtmedload.spec.load_config import LoadConfig
    from pytest_rtmedload.spec.load_spec import LoadSpec

LEAD_NS: Final = 100_000_000
"""How far ahead the start line is set: long enough for a busy machine to notify every shard."""
WIND_UP_S: Final = 3.0
"""How long an interrupted run waits for the last samples of its shards."""
OVER: Final = "the run was interrupted"


class Coordinator:
    """One per run, in the process that writes the results.

    Args:
        config: the options.
        agents: finds the agent.
        present: converts a result to what workers receive.
        observer: watches, for a live view.
        clock: seconds, monotonic.
        began: when the run began, on that clock; now, if left out.
        events: writes down what happens.
        holding: true while load tests wait for something other than their workers; `reconsider` reports a change.
    """

    def __init__(
        self,
        config: LoadConfig,
        agents: AgentProvider,
        present: Callable[[TestResult], messages.Judged],
        observer: Observer,
        clock: Callable[[], float] = time.perf_counter,
        began: float | None = None,
        events: EventSink | None = None,
        holding: Callable[[], bool] = lambda: False,
    ) -> None:
        self._config = config
        self._agents = agents
        self._verdicts = Verdicts(config, agents, present)
        self._observer = observer
        self._events = events or EventSink()
        self._clock = clock
        self._began = clock() if began is None else began
        self._lock = threading.RLock()
        self._concluded = threading.Condition(self._lock)
        self._finished = False
        self._start_line = StartLine(self._why_stop, holding)
        self._workers: list[WorkerHandle] = []
        self._test: TestProgress | None = None
        self._attempts = 0
        self._handlers = dict(
            (
                on(messages.Hello, self._on_hello),
                on(messages.Collected, lambda _worker, collected: self.announced.update(collected.nodeids)),
                on(messages.Begins, lambda worker, begins: self._start_line.begins(worker, begins.nodeid)),
                on(messages.Ended, self._start_line.ends),
                on(messages.Arrive, lambda worker, arrive: self._start_line.arrives(worker, arrive.spec, self.elapsed)),
                on(messages.Waiting, self._on_waiting),
                on(messages.FindAgent, self._on_find_agent),
                on(messages.ClockAsked, self._on_clock_asked),
                on(messages.Ready, self._on_ready),
                on(messages.NeedAgent, self._on_need_agent),
                on(messages.OperationEnded, self._on_operation_ended),
                on(messages.ShippedSamples, self._on_samples),
                on(messages.Done, self._on_done),
                on(messages.Abandon, self._on_abandon),
                on(messages.Gone, self._on_gone),
            )
        )
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

    def connect(self, link: Link[ToWorker, ToCoordinator], name: str = "main", *, remote: bool = False) -> None:
        """A worker has started, at the other end of this link; `remote` when it is a process of its own."""
        with self._lock:
            worker = WorkerHandle(len(self._workers), name, link, remote, self.elapsed)
            self._workers.append(worker)
            self._start_line.join(worker)
        link.setcallback(functools.partial(self.receive, worker))

    def receive(self, worker: WorkerHandle, message: ToCoordinator) -> None:
        """Act on a message of a worker."""
        with self._lock:
            if isinstance(message, messages.Arrive | messages.Ended):
                self._leaves(worker, f"{worker.name} left it with an error")
            if not isinstance(message, messages.OfAttempt) or self._is_now(message.attempt):
                self._handlers[type(message)](worker, message)
            worker.heard_s = self.elapsed
            self._consider()

    def _is_now(self, attempt: int) -> bool:
        return self._test is not None and self._test.attempt == attempt

    def finish(self) -> None:
        """The run is over: a test that never came to an end is judged by what it shipped."""
        with self._lock:
            self._finished = True
            if self._test is not None and any(worker.remote for worker in self._test.workers):
                self._stop("interrupted before its end")
                self._concluded.wait_for(lambda: self._test is None, WIND_UP_S)
            if self._test is not None:
                self._test.interrupted = self._test.interrupted or "interrupted before its end"
                self._conclude(self._test)
            self._consider()

    def decided(self, nodeid: str) -> bool:
        """True once it is settled which workers take part in this load test."""
        with self._lock:
            return self._start_line.decided(nodeid)

    def outcome(self, nodeid: str) -> tuple[list[messages.Ended], list[str], messages.Judged | None]:
        """What workers reported of a load test, why some could not, and the last result."""
        with self._lock:
            reports, lost = self._start_line.outcome(nodeid)
            return reports, lost, self._verdicts.last_of(nodeid)

    def reported(self, nodeid: str) -> None:
        """A load test was reported to pytest: the next may begin."""
        with self._lock:
            self._start_line.reported(nodeid)
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

    def _on_hello(self, worker: WorkerHandle, hello: messages.Hello) -> None:
        theirs, ours = hello.version, own_version()
        if theirs != ours:
            which = f"worker {worker.name} has pytest-rtmedload {theirs}, this process has {ours}"
            self.misfit = f"{which}: install the same version for both"

    def _on_waiting(self, worker: WorkerHandle, _waiting: messages.Waiting) -> None:
        worker.link.send(messages.Patience())
        self._give_up_on_the_silent()

    def _on_clock_asked(self, worker: WorkerHandle, question: messages.ClockAsked) -> None:
        worker.link.send(messages.ClockTold(question.asked, time.perf_counter_ns()))

    def _on_gone(self, worker: WorkerHandle, _gone: messages.Gone) -> None:
        self._lose(worker, f"{worker.name} ended unexpectedly")

    def _on_find_agent(self, worker: WorkerHandle, wanted: messages.FindAgent) -> None:
        """The agent, or one of its services, for a fixture."""
        try:
            if wanted.service is not None:
                worker.link.send(messages.ServiceFound(**self._agents.service(wanted.service)))
                return
            agent = self._agents.obtain()
        except AgentUnavailable as error:
            self._refuse([worker], str(error))
        else:
            worker.link.send(messages.AgentFound(agent.url, agent.dialect, agent.embedded))

    def _on_need_agent(self, _worker: WorkerHandle, _need: messages.NeedAgent) -> None:
        """A body met a relative URL: the test starts over, as what was measured until now was without an agent."""
        test = self._drop()
        self._events.discarded(test.spec.nodeid)
        try:
            self._agents.obtain()
        except AgentUnavailable as error:
            self._refuse(test.workers, str(error), test.attempt)
        else:
            self._assign(test.spec, test.workers)

    def _consider(self) -> None:
        """Let the waiting workers begin, or turn them away."""
        while self._test is None and (decision := self._start_line.next(self.elapsed)) is not None:
            if isinstance(decision, GiveUp):
                decision.worker.link.hang_up()
                self._lose(decision.worker, decision.reason)
            elif isinstance(decision, TurnAway):
                self._turn_away(decision)
            else:
                self._begin(decision)

    def _turn_away(self, decision: TurnAway) -> None:
        for worker in decision.workers:
            worker.arrived = None
            worker.link.send(messages.Refuse(decision.reason, decision.skip, decision.stop, decision.attempt))

    def _begin(self, decision: Begin) -> None:
        for worker in decision.workers:
            worker.arrived = None
        try:
            self._agents.known()
        except AgentUnavailable as error:
            self._refuse(decision.workers, str(error))
        else:
            self._assign(decision.spec, decision.workers)

    def _assign(self, spec: LoadSpec, workers: list[WorkerHandle]) -> None:
        self._attempts += 1
        agent = self._agents.known()
        self._test = test = TestProgress.of(spec, self._attempts, self.elapsed, workers)
        for number, worker in enumerate(workers):
            worker.heard_s = self.elapsed
            worker.link.send(
                messages.Assign(
                    attempt=test.attempt,
                    shard=number,
                    shards=test.share_count,
                    alone=len(workers) == 1,
                    seed=self._config.seed,
                    lag_limit_ns=lag_limit_ns(spec.targets),
                    url=agent.url if agent is not None else None,
                    family=Family(os.getpid(), agent.pid if agent is not None else None),
                )
            )

    def _on_ready(self, worker: WorkerHandle, _ready: messages.Ready) -> None:
        test = self._now
        test.shards[worker.number].ready = True
        if test.ready:
            phases, commands = test.conductor.phases(), test.conductor.commands()
            test.running, test.started_s, test.line_ns = True, self.elapsed, time.perf_counter_ns()
            end = max(end for _, end in phases.values())
            self._observer.started(test.spec, None if end == float("inf") else end)
            if test.spec.after is not None:
                self._events.discarded(test.spec.nodeid)
            self._events.began(test.spec.nodeid)
            at_ns = time.perf_counter_ns() + LEAD_NS if len(test.shards) > 1 else None
            for other in test.workers:
                other.link.send(messages.Go(at_ns, phases, commands))

    def _on_operation_ended(self, _worker: WorkerHandle, operation: messages.OperationEnded) -> None:
        self._events.told(operation.line)

    def _on_samples(self, worker: WorkerHandle, samples: messages.ShippedSamples) -> None:
        test = self._now
        test.take(worker.number, samples)
        self._events.sampled(test.spec.nodeid, samples.rows)
        if test.last_success < test.elapsed and test.interrupted is None:
            self._stop_if_hopeless(test)
        new = test.show(worker.number)
        if new is not None:
            self._observer.progressed(test.spec, test.phase(test.elapsed), test.elapsed, test.users, new)
            self._steer(test)

    def _steer(self, test: TestProgress) -> None:
        """All shards have reported their interim results: the conductor may react."""
        if test.interrupted is not None:
            return
        try:
            commands = test.conductor.steer(self._verdicts.moment(test))
        except Exception as error:  # noqa: BLE001 - a conductor may be the user's own
            self._stop(f"its conductor failed: {type(error).__name__}: {error}")
            return
        for shard in test.shards.values():
            if commands and not shard.over:
                shard.worker.link.send(messages.Steer(commands))

    def _stop_if_hopeless(self, test: TestProgress) -> None:
        """Stop a test early if the agent is gone, or if nothing has succeeded for too long."""
        try:
            self._agents.known()
        except AgentUnavailable as error:
            self._stop(f"stopped early: {error}")
        if test.hopeless:
            self._stop(f"stopped early: nothing succeeded for {HOPELESS_S:g} s")

    def _on_done(self, worker: WorkerHandle, done: messages.Done) -> None:
        test = self._now
        test.end(worker.number, done)
        self._events.sampled(test.spec.nodeid, done.rows)
        if test.ended_by is not None:
            self._stop(str(test.interrupted))
        self._conclude_if_over(test)

    def _on_abandon(self, worker: WorkerHandle, abandon: messages.Abandon) -> None:
        """The test was skipped from within: there is nothing to judge."""
        test = self._drop()
        others, reason = [w for w in test.workers if w is not worker], f"skipped by {worker.name}: {abandon.reason}"
        self._turn_away(TurnAway(others, reason, skip=True, attempt=test.attempt))

    def _lose(self, worker: WorkerHandle, reason: str) -> None:
        """A worker is gone: its users are not given to others, since that would be another load."""
        self._start_line.loses(worker, reason, self.elapsed)
        self._leaves(worker, reason)

    def _leaves(self, worker: WorkerHandle, reason: str) -> None:
        """A worker takes no further part in the test under way; one that had finished took none."""
        test = self._test
        if test is None or worker.number not in test.shards or test.shards[worker.number].over:
            return
        test.shards[worker.number].lost = reason
        if test.running:
            self._stop(f"{reason} while it ran")
            self._conclude_if_over(test)
        else:
            self._turn_away(TurnAway(self._drop().workers, f"{reason} before the start line", attempt=test.attempt))

    def _give_up_on_the_silent(self) -> None:
        """Some workers wait for others of a test that has begun: check that those still run."""
        test = self._test
        if test is None:
            return
        for worker, reason in test.silent(self.elapsed):
            worker.link.hang_up()
            self._lose(worker, reason)

    def _stop(self, reason: str) -> None:
        """End the running test on all shards that still run it."""
        test = self._now
        test.interrupted = test.interrupted or reason
        for shard in test.shards.values():
            if not shard.over:
                shard.worker.link.send(messages.Stop(test.interrupted))

    def _conclude_if_over(self, test: TestProgress) -> None:
        if not test.over:
            return
        result, owner = self._conclude(test), test.ended_by.worker if test.ended_by is not None else None
        others = [worker for worker in test.workers if worker is not owner]
        if owner is not None:  # its own outcome is that of the test
            self._turn_away(TurnAway(others, str(test.interrupted), skip=True, attempt=test.attempt))
            return
        verdict = self._verdicts.present(result)
        for worker in others:
            worker.link.send(verdict)

    def _conclude(self, test: TestProgress) -> TestResult:
        self._drop()
        result = self._verdicts.judge(test)
        self._events.judged(result)
        self._concluded.notify_all()
        return result

    def _drop(self) -> TestProgress:
        """All tests have ended."""
        test, self._test = self._now, None
        if test.running:
            self._observer.finished(test.spec)
        return test

    @property
    def _now(self) -> TestProgress:
        """The test under way."""
        if self._test is None:
            raise RuntimeError("no load test is under way")
        return self._test

    def _refuse(self, workers: list[WorkerHandle], reason: str, attempt: int | None = None) -> None:
        text, skip = self.refusal(reason)
        self._turn_away(TurnAway(workers, text, skip=skip, attempt=attempt))
