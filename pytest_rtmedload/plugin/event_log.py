"""Writes events while load tests run: single samples, and in debug mode one line per operation.

An error of the terminal or the disk ends the writing, never a test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from pytest_rtmedload.shards.event_sink import EventSink

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from pytest_rtmedload.report.recovery import RecoveryFile
    from pytest_rtmedload.results.model import TestResult
    from pytest_rtmedload.results.samples import SampleRows
    from pytest_rtmedload.spec.load_config import LoadConfig


class EventLog(EventSink):
    """The journal of a run, in the process that writes the results.

    Args:
        options: select what is written.
        stamp: when the run started, which names its files.
        terminal: the real terminal, not what pytest captures.
        recovery: keeps results in case the process is killed.
    """

    def __init__(self, options: LoadConfig, stamp: datetime, terminal: TextIO, recovery: RecoveryFile) -> None:
        self._recovery = recovery
        self._terminal: TextIO | None = terminal
        self._samples = None
        if options.samples:
            from pytest_rtmedload.report.sample_file import SampleFile  # noqa: PLC0415 - only where it is asked for

            self._samples = SampleFile(options.directory, stamp)

    def began(self, nodeid: str) -> None:
        """The start line of a test was drawn."""
        self._recovery.began(nodeid)
        if self._samples is not None:
            self._samples.begin(nodeid)

    def sampled(self, nodeid: str, rows: Sequence[SampleRows]) -> None:
        """A shard shipped samples."""
        if self._samples is not None:
            self._samples.add(nodeid, rows)

    def discarded(self, nodeid: str) -> None:
        """A test starts over or is run again: discard what it has shipped so far."""
        if self._samples is not None:
            self._samples.discard(nodeid)

    def judged(self, result: TestResult) -> None:
        """A test has its verdict."""
        self._recovery.judged(result)

    def told(self, line: str) -> None:
        """An operation ended, in debug mode."""
        if self._terminal is None:
            return
        try:
            self._terminal.write(f"{line}\n")
            self._terminal.flush()
        except (OSError, ValueError):  # closed, gone, or an encoding without our characters
            self._terminal = None

    def close(self) -> tuple[Path | None, list[str]]:
        """End the writing; returns the file of samples, if there is one, and what could not be written."""
        problems = [self._recovery.problem]
        if self._samples is not None:
            self._samples.close()
            problems.append(self._samples.problem)
        path = None if self._samples is None else self._samples.path
        return path, [problem for problem in problems if problem is not None]
