"""A pytest run with load tests: finds the agent, runs each test, turns verdicts into outcomes, writes the reports."""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
import sys
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, TextIO

import pytest

from pytest_rtmedload.agent_provider import AgentProvider, AgentUnderTest
from pytest_rtmedload.backends.resolve import NotNamed, find
from pytest_rtmedload.dialects import dialect_named
from pytest_rtmedload.live.factory import live_view
from pytest_rtmedload.live.observer import Watch
from pytest_rtmedload.plugin.event_log import RunJournal
from pytest_rtmedload.plugin.live_view_hooks import NAME, StepsAside
from pytest_rtmedload.plugin.run_info import run_info
from pytest_rtmedload.report.ci import junit
from pytest_rtmedload.report.ci.publishers import announcers
from pytest_rtmedload.report.files import prepare_directory, write_reports
from pytest_rtmedload.report.json_report import test_to_dict
from pytest_rtmedload.report.recovery import RecoveryFile, recover_all
from pytest_rtmedload.report.terminal.writer import write_summary
from pytest_rtmedload.results.model import RunResult, Verdict
from pytest_rtmedload.results.plan import Evidence
from pytest_rtmedload.shards.coordinator import Coordinator
from pytest_rtmedload.shards.link import InProcessLink
from pytest_rtmedload.shards.messages import Judged, LoadTest, Refused, own_version
from pytest_rtmedload.shards.multi_coordinator import SideBySide
from pytest_rtmedload.shards.worker import Worker
from pytest_rtmedload.users.user_fixture import Entered
from pytest_rtmedload.verdict.run import Asked, summarise

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from pytest_rtmedload.plugin.interrupts import Interrupts
    from pytest_rtmedload.report.written import ReportFiles
    from pytest_rtmedload.results.model import TestResult
    from pytest_rtmedload.shards.link import Link
    from pytest_rtmedload.shards.multi_coordinator import Coordination
    from pytest_rtmedload.spec.endpoints import Endpoint
    from pytest_rtmedload.spec.load_config import LoadConfig
    from pytest_rtmedload.spec.load_spec import LoadSpec

FICTIONAL_NUMBER: Final = "+15550100000"
"""555-0100 … 555-0199 are kept for fiction: the embedded agent rings nobody anyway."""


class Tests:
    """Runs load tests in this process, as one of the coordinator's workers.

    Args:
        link: leads to the coordinator.
        options: the options.
        interrupts: what this process does about signals.
    """

    def __init__(self, link: Link, options: LoadConfig, interrupts: Interrupts) -> None:
        self._options = options
        self._interrupts = interrupts
        self._worker = Worker(link, options)

    def announce(self, nodeids: list[str]) -> Worker:
        """Tell the coordinator which load tests this process has collected; returns what talks to it."""
        self._worker.tell("hello", version=own_version())
        self._worker.tell("collected", nodeids=nodeids)
        return self._worker

    def agent(self) -> AgentUnderTest:
        """The agent under test, started if none is named; without one the test errs, later ones are skipped."""
        agent = self._found(None)
        allowed = self._options.call_number if self._options.allow_calls else None
        number = FICTIONAL_NUMBER if agent["embedded"] else allowed
        return AgentUnderTest(agent["url"], dialect_named(agent["dialect"]), agent["embedded"], number)

    def service(self, name: str) -> dict[str, Any]:
        """`url` and `key` of a service of the embedded agent (`llm`, `cosmos`, `speech`), started on demand.

        Without one the test errs, later ones are skipped.
        """
        return self._found(name)

    def endpoint(self, name: str) -> Endpoint:
        """A backend service: the one that was named, else the embedded one; a test of neither is skipped."""
        try:
            return find(name, self._options, self.service)
        except NotNamed as reason:
            skipped = str(reason)
        except ValueError as error:
            pytest.fail(str(error), pytrace=False)
        pytest.skip(skipped)

    def _found(self, service: str | None) -> dict[str, Any]:
        refused: Refused | None = None
        try:
            found = self._worker.find(service)
        except Refused as error:
            refused = error
        if refused is not None:  # outside of the handler, so that one reason is shown and not two
            _refuse(refused)
        return found

    async def load_test(
        self,
        item: pytest.Item,
        spec: LoadSpec,
        body: Callable[..., Awaitable[object]],
        arguments: Mapping[str, Any],
    ) -> None:
        """Fan a test out and end it as its verdict says.

        Raises:
            BaseException: pytest's outcome of this test.
        """
        judged = await self.judged(spec, body, arguments)
        item.user_properties.extend(judged.properties)
        conclude(judged)

    async def judged(
        self, spec: LoadSpec, body: Callable[..., Awaitable[object]], arguments: Mapping[str, Any]
    ) -> Judged:
        """Run a load test; once more under provisional evidence when the generator spoiled the first run.

        Raises:
            BaseException: pytest's outcome when it could not run, or was ended from within.
        """
        raised: list[Exception] = []
        if self._options.debug:
            body = _remembering(body, raised)
        refused: Refused | None = None
        try:
            judged = await self._run(LoadTest(spec, body, arguments))
            invalid = judged.result["verdict"] == Verdict.INVALID and judged.result["complete"]
            if invalid and spec.evidence is Evidence.PROVISIONAL:
                reason = next(iter(judged.result["reasons"]), "")
                judged = await self._run(LoadTest(replace(spec, after=reason), body, arguments))
        except Refused as error:
            refused = error
        if refused is not None:
            _refuse(refused)
        return replace(judged, raised=next(iter(raised), None))

    async def _run(self, test: LoadTest) -> Judged:
        with self._interrupts.cancelling():
            return await self._worker.run(test)


class Run:
    """The coordinator's side: one per pytest run, in the process that writes the results.

    Args:
        config: pytest's.
        options: the options.
        terminal: where the live view is shown.
        interrupts: what this process does about signals.
        side_by_side: groups run at the same time, each under a coordinator of its own.
    """

    def __init__(
        self,
        config: pytest.Config,
        options: LoadConfig,
        terminal: TextIO,
        interrupts: Interrupts,
        *,
        side_by_side: bool = False,
    ) -> None:
        self._interrupts = interrupts
        self._config = config
        self._options = options
        self._started = datetime.now().astimezone()
        self._directory = Path(config.rootpath, options.report_dir)
        self._agents = AgentProvider(options)
        captured = config.getoption("capture", "fd") != "no"  # else what tests print shares the row
        colour = config.getoption("color", "auto") != "no"
        live = False if options.debug else options.live  # operations are told in lines of their own
        self._view = live_view(terminal, wanted=live, captured=captured, colour=colour)
        config.pluginmanager.register(StepsAside(self._view), NAME)
        watch, began = Watch(self._view, options.targets), time.perf_counter()
        self._recovery = RecoveryFile(self._directory, self._started, lambda: self._judge(complete=False))
        self._journal = RunJournal(options, self._started, terminal, self._recovery)
        coordinator = functools.partial(
            Coordinator, options, self._agents, _present, watch, began=began, journal=self._journal
        )
        self.coordinator: Coordination = SideBySide(coordinator) if side_by_side else coordinator()
        self._result: RunResult | None = None
        self._written: ReportFiles | None = None
        self._announcers = announcers(os.environ, config.rootpath)
        for announcer in self._announcers:
            config.pluginmanager.register(announcer.places)
        self._announced: list[str] = []
        self._criteria_logged = False

    def tests(self) -> Tests:
        """A worker in this process."""
        near, far = InProcessLink.pair()
        self.coordinator.connect(near)
        return Tests(far, self._options, self._interrupts)

    def finish(self, session: pytest.Session, exitstatus: int) -> None:
        """Judge the run, write the reports, log the criteria as test cases and set the exit status."""
        self._interrupts.ignore()
        try:
            self._finish(session, exitstatus)
        finally:
            self._interrupts.heed()

    def _judge(self, *, complete: bool) -> RunResult:
        """The run as it stands."""
        tests, strict = self.coordinator.results, self._options.suite.evidence is Evidence.STRICT
        info = run_info(self._options, self._agents.info(), self._started, self._config.invocation_params.args)
        asked = Asked(self._options.criteria, self._options.targets, self._options.demanded_targets)
        elapsed = self.coordinator.elapsed
        summary, criteria = summarise(tests, strict=strict, complete=complete, duration_s=elapsed, asked=asked)
        return RunResult(summary, replace(info, ended_by=self._interrupts.received), criteria, tests)

    def _finish(self, session: pytest.Session, exitstatus: int) -> None:
        self.coordinator.finish()
        strict = self._options.suite.evidence is Evidence.STRICT
        ended = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        result = self._judge(complete=ended and not session.shouldstop and not session.shouldfail)
        self._agents.stop()
        if not result.tests:
            self._recovery.close(remove=True)
            return
        self._result = result
        self._written = write_reports(self._result, self._directory, self._started, *self._journal.close())
        self._recovery.close(remove=self._written.json is not None)
        self._announced = [
            line
            for announcer in self._announcers
            for line in announcer.announce(self._result, self._written, self._options.redact, goals_fail=strict)
        ]
        for report in junit.criterion_reports(self._result.criteria, goals_fail=strict):
            self._config.hook.pytest_runtest_logreport(report=report)
            if report.failed and session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
        self._criteria_logged = True

    def criterion_status(self, report: pytest.CollectReport | pytest.TestReport) -> tuple[str, str, str] | None:
        """How pytest shows a criterion of the run, which is no test of the user; None for any other report."""
        return junit.criterion_status(report, logged=self._criteria_logged)

    def write_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what the run came to."""
        if self._result is not None:
            write_summary(terminalreporter, self._result, self._written, self._config.get_verbosity())
            for line in self._announced:
                terminalreporter.write_line(line)

    def close(self) -> None:
        """End what is still running, whatever happened before."""
        self._view.finish()
        self._journal.close()
        self._recovery.close()
        self._agents.stop()


def prepare_reports(config: pytest.Config, options: LoadConfig) -> list[str]:
    """Make sure, before anything runs, that results can be written, and recover those of runs that were killed.

    Returns:
        One line for each run that was recovered, or could not be.

    Raises:
        pytest.UsageError: they cannot; one line with what to do.
    """
    directory = Path(config.rootpath, options.report_dir)
    try:
        prepare_directory(directory)
        return list(recover_all(directory))
    except OSError as error:
        raise pytest.UsageError(str(error)) from None


def conclude(judged: Judged) -> None:
    """End a test as its verdict says.

    Raises:
        BaseException: pytest's failure, if it failed; while it is debugged what its body raised, so that a debugger
            opens there.
    """
    if judged.failed and judged.raised is not None:
        judged.raised.add_note(judged.text.partition("\n")[0])
        raise judged.raised
    if judged.failed:
        pytest.fail(judged.text, pytrace=False)


def _remembering(body: Callable[..., Awaitable[object]], raised: list[Exception]) -> Callable[..., Awaitable[object]]:
    """The body, of which we remember what it raises."""

    @functools.wraps(body)
    async def remembered(**arguments: Any) -> None:
        try:
            await body(**arguments)
        except Exception as error:
            raised.append(error)
            raise

    return remembered


async def once(body: Callable[..., object], arguments: Mapping[str, Any]) -> None:
    """Run an ordinary test that uses user fixtures: it is its own only user."""
    async with contextlib.AsyncExitStack() as stack:
        entered = Entered(stack, {})
        result = body(**{name: await entered.resolve(value) for name, value in arguments.items()})
        if inspect.isawaitable(result):
            await result


def _present(result: TestResult) -> dict[str, Any]:
    """What a worker is told of a result."""
    return {
        "failed": result.failed_test,
        "text": junit.failure_text(result),
        "properties": junit.properties(result),
        "result": test_to_dict(result),
    }


def _refuse(refused: Refused) -> NoReturn:
    if refused.skip:
        pytest.skip(str(refused))
    pytest.fail(str(refused), pytrace=False)


def open_terminal() -> TextIO:
    """The real standard output; to be called while pytest does not capture it."""
    try:
        return os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding=sys.stdout.encoding, errors="replace")
    except (OSError, ValueError, AttributeError):
        return Path(os.devnull).open("w", encoding="utf-8")
