"""A pytest run with load tests, in the process that writes the results: judges the run and writes its reports."""

from __future__ import annotations

import functools
import os
import sys
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import pytest

from pytest_rtmedload.agent_provider import AgentProvider
from pytest_rtmedload.live.factory import live_view
from pytest_rtmedload.live.observer import RunWatch
from pytest_rtmedload.plugin.event_log import EventLog
from pytest_rtmedload.plugin.live_view_hooks import NAME, LiveViewHooks
from pytest_rtmedload.plugin.load_tests import Tests
from pytest_rtmedload.plugin.result_hooks import JudgedHook, ResultHooks
from pytest_rtmedload.plugin.run_info import run_info
from pytest_rtmedload.report.ci import junit
from pytest_rtmedload.report.ci.publishers import ci_publishers
from pytest_rtmedload.report.files import prepare_directory, write_reports
from pytest_rtmedload.report.json_report import test_to_dict
from pytest_rtmedload.report.recovery import RecoveryFile, recover_all
from pytest_rtmedload.report.terminal.writer import write_summary
from pytest_rtmedload.results.model import RunResult
from pytest_rtmedload.results.names import item_of
from pytest_rtmedload.results.outcomes import PytestOutcome, RunEnd
from pytest_rtmedload.results.plan import Evidence
from pytest_rtmedload.shards.coordinator import Coordinator
from pytest_rtmedload.shards.link import connected
from pytest_rtmedload.shards.messages import Judged
from pytest_rtmedload.shards.multi_coordinator import MultiCoordinator
from pytest_rtmedload.text.formats import one_line
from pytest_rtmedload.verdict.run import Requirements, fails_run, judge_run

if TYPE_CHECKING:
    from pytest_rtmedload.plugin.interrupts import Interrupts
    from pytest_rtmedload.plugin.outcomes import OutcomeRecorder
    from pytest_rtmedload.report.written import ReportFiles
    from pytest_rtmedload.results.model import TestResult
    from pytest_rtmedload.shards.multi_coordinator import Coordination
    from pytest_rtmedload.spec.load_config import LoadConfig


class Run:
    """The coordinator's side: one per pytest run, in the process that writes the results.

    Args:
        config: pytest's.
        options: the options.
        terminal: where the live view is shown.
        interrupts: what this process does about signals.
        recorder: has listened to pytest's reports.
        side_by_side: groups run at the same time, each under a coordinator of its own.
    """

    def __init__(
        self,
        config: pytest.Config,
        options: LoadConfig,
        terminal: TextIO,
        interrupts: Interrupts,
        recorder: OutcomeRecorder,
        *,
        side_by_side: bool = False,
    ) -> None:
        self._interrupts = interrupts
        self._config = config
        self._recorder = recorder
        self._options = options
        self._started = datetime.now().astimezone()
        self._directory = Path(config.rootpath, options.report_dir)
        self._agents = AgentProvider(options)
        captured = config.getoption("capture", "fd") != "no"  # otherwise the output of tests would share the row
        colour = config.getoption("color", "auto") != "no"
        live = False if options.debug else options.live  # operations are printed one per line
        self._view = live_view(terminal, wanted=live, captured=captured, colour=colour)
        config.pluginmanager.register(LiveViewHooks(self._view), NAME)
        watch, began = RunWatch(self._view, options.targets), time.perf_counter()
        self._recovery = RecoveryFile(self._directory, self._started, lambda: self._judge(complete=False))
        self._events = EventLog(options, self._started, terminal, self._recovery)
        coordinator = functools.partial(
            Coordinator, options, self._agents, _present, watch, began=began, events=self._events
        )
        self.coordinator: Coordination = MultiCoordinator(coordinator) if side_by_side else coordinator()
        self._result: RunResult | None = None
        self._written: ReportFiles | None = None
        self._hooks = ResultHooks(config, options.redact)
        self._machine = self._hooks.machine()
        if config.hook.pytest_rtmedload_test_judged.get_hookimpls():
            config.pluginmanager.register(JudgedHook(self._tell_judged))
        self._publishers = ci_publishers(os.environ, config.rootpath, self._hooks.ci_servers(os.environ))
        for publisher in self._publishers:
            config.pluginmanager.register(publisher.locations)
        self._announced: list[str] = []

    def tests(self) -> Tests:
        """A worker in this process."""
        near, far = connected()
        self.coordinator.connect(near)
        return Tests(far, self._options, self._interrupts)

    def finish(self, session: pytest.Session, exitstatus: int) -> None:
        """Judge the run, write the reports, add the criteria to JUnit and set the exit status."""
        self._interrupts.ignore()
        try:
            self._finish(session, exitstatus)
        finally:
            self._interrupts.heed()

    def _finish(self, session: pytest.Session, exitstatus: int) -> None:
        self.coordinator.finish()
        ended = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        complete = ended and not session.shouldstop and not session.shouldfail
        self._result = result = self._judge(session, complete=complete)
        self._agents.stop()
        self._tell_judged()
        further = self._hooks.reports(result)
        samples, problems = self._events.close()
        problems = [*problems, *self._hooks.problems]
        self._written = write_reports(result, self._directory, self._started, samples, problems, further)
        self._recovery.close(remove=self._written.json is not None)
        self._announced = [
            line
            for publisher in self._publishers
            for line in publisher.announce(result, self._written, self._options.redact, goals_fail=self._strict)
        ]
        problem = junit.add_criteria(self._config, result.criteria, goals_fail=self._strict)
        if problem is not None:
            self._written.problems.append(problem)
        session.exitstatus = result.summary.exit_status or session.exitstatus

    def _judge(self, session: pytest.Session | None = None, *, complete: bool) -> RunResult:
        """The run as it stands: what was measured, joined with what pytest reported.

        Args:
            session: pytest's; None while it has not ended.
            complete: False when the run was cut short.
        """
        results = self.coordinator.results
        measured = {item_of(result.nodeid) for result in results}
        load_tests = list(dict.fromkeys([*self._recorder.selected, *sorted(self.coordinator.announced), *measured]))
        outcomes = self._recorder.outcomes(load_tests, measured, self._options.redact)
        if session is None:  # results not yet reported are taken as judged
            outcomes = [outcome for outcome in outcomes if outcome.outcome is not PytestOutcome.INTERRUPTED]
        end = RunEnd() if session is None else self._recorder.end(session, load_tests)
        required = Requirements(self._options.criteria, self._options.stated_targets, self._options.demanded_targets)
        elapsed = self.coordinator.elapsed
        run = judge_run(
            results, outcomes, end, strict=self._strict, complete=complete, duration_s=elapsed, required=required
        )
        arguments = self._config.invocation_params.args
        info = run_info(self._options, self._agents.info(), self._started, arguments, self._machine)
        info = replace(info, ended_by=self._interrupts.received)
        return RunResult(run.summary, info, run.criteria, run.tests, run.outcomes)

    @property
    def _strict(self) -> bool:
        return self._options.suite.evidence is Evidence.STRICT

    def _tell_judged(self) -> None:
        """Hand new results to the hook, in pytest's thread."""
        self._hooks.judged(self.coordinator.results)

    def write_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the outcome of the run."""
        if self._result is not None:
            write_summary(terminalreporter, self._result, self._written, self._config.get_verbosity())
            for criterion in self._result.criteria:
                if fails_run(criterion, strict=self._strict):
                    said = one_line(self._options.redact(f"{criterion.kind}: {criterion.text}"))
                    terminalreporter.write_line(f"FAILED criterion of the run - {said}", red=True)
            for line in self._announced:
                terminalreporter.write_line(line)

    def close(self) -> None:
        """End what is still running, whatever happened before."""
        self._view.finish()
        self._events.close()
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


def _present(result: TestResult) -> Judged:
    """What workers receive of a result."""
    return Judged(
        failed=result.failed_test,
        text=junit.failure_text(result),
        properties=junit.properties(result),
        result=test_to_dict(result),
    )


def open_terminal() -> TextIO:
    """The real standard output; to be called while pytest does not capture it."""
    try:
        return os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding=sys.stdout.encoding, errors="replace")
    except (OSError, ValueError, AttributeError):
        return Path(os.devnull).open("w", encoding="utf-8")
