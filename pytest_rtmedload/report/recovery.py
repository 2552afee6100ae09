"""Results that survive SIGKILL: each load test that was judged is appended to a file while the run goes on.

The file, `load_test_report_<stamp>.partial.jsonl`, has one JSON object per line: `event` (`began` or `judged`),
`nodeid`, `result` (the run's JSON so far, without its tests) and, where judged, `test` (its entry of the JSON) and
`again` (true for the second run of a test whose first was INVALID). The run removes the file once its reports are
written. What is left of a run that was killed becomes reports marked PARTIAL: the next run in that directory makes
them, or `pytest-rtmedload report FILE`. The process that writes the file holds a lock on it as long as it lives, so
that a run under way is not taken for one that was killed.
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import threading
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from pytest_rtmedload.report.files import PREFIX, write_reports
from pytest_rtmedload.report.json_reader import NotAResult, from_dict
from pytest_rtmedload.report.json_report import test_to_dict, to_dict
from pytest_rtmedload.text import formats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytest_rtmedload.report.written import ReportFiles
    from pytest_rtmedload.results.model import RunResult, TestResult

SUFFIX: Final = ".partial.jsonl"
KILLED: Final = "it ended without finishing: was it killed?"


class RunUnderWay(Exception):  # noqa: N818 - names a state
    """The run that writes this file has not ended."""


class RecoveryFile:
    """The file of one run, in the process that writes the results.

    Args:
        directory: where results are written; it exists when the first load test begins.
        stamp: names the file, as those of the reports.
        so_far: the run as it stands, PARTIAL.
    """

    def __init__(self, directory: Path, stamp: datetime, so_far: Callable[[], RunResult]) -> None:
        self._directory = directory
        self._stem = f"{PREFIX}{stamp:%Y%m%d_%H%M%S}"
        self._so_far = so_far
        self._lock = threading.Lock()
        self._file: io.FileIO | None = None
        self._size = 0
        self._closed = False
        self.path: Path | None = None
        """The file, once it exists."""
        self.problem: str | None = None
        """Why the file is incomplete; one line."""

    def began(self, nodeid: str) -> None:
        """The start line of a load test was drawn."""
        self._append({"event": "began", "nodeid": nodeid}, self._so_far())

    def judged(self, test: TestResult) -> None:
        """A load test has its verdict."""
        run = self._so_far()
        again = any(earlier.superseded and earlier.nodeid == test.nodeid for earlier in run.tests)
        told = [same for same in run.tests if same.nodeid == test.nodeid and not same.superseded] or [test]
        self._append({"event": "judged", "nodeid": test.nodeid, "again": again, "test": test_to_dict(told[-1])}, run)

    def close(self, *, remove: bool = False) -> None:
        """End the writing.

        Args:
            remove: the reports are written, nothing needs to be recovered.
        """
        with self._lock:
            self._closed = True
            if self._file is not None:
                if remove and self.path is not None:
                    self.path.unlink(missing_ok=True)  # before the lock goes with the file
                self._file.close()
                self._file = None

    def _append(self, event: dict[str, Any], run: RunResult) -> None:
        head = to_dict(replace(run, tests=[]))
        line = json.dumps({**event, "result": head}, ensure_ascii=False, allow_nan=False).encode() + b"\n"
        with self._lock:  # tests that run side by side are judged in several threads
            if self._closed or self.problem is not None:
                return
            try:
                self._write(line)
            except OSError as error:
                self._give_up(error)

    def _write(self, line: bytes) -> None:
        if self._file is None:
            self._file = self._create()
        rest = memoryview(line)
        while rest:
            rest = rest[self._file.write(rest) or 0 :]
        self._size += len(line)

    def _create(self) -> io.FileIO:
        number = 1
        while True:
            name = self._stem if number == 1 else f"{self._stem}_{number}"
            self.path = self._directory / f"{name}{SUFFIX}"
            number += 1
            with contextlib.suppress(FileExistsError):
                file = io.FileIO(self.path, "xb")
                _lock(file)
                return file

    def _give_up(self, error: OSError) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.truncate(self._size)
        reason = error.strerror or str(error)
        self.problem = f"{self.path}: {reason}: if this run is killed, its later results cannot be recovered"


@dataclass(slots=True)
class _Events:
    """What has been read from a file."""

    result: dict[str, Any] | None = None
    tests: list[dict[str, Any]] = field(default_factory=list)
    under_way: Counter[str] = field(default_factory=Counter)


def recover(path: Path) -> ReportFiles:
    """Write the reports of a run that was killed, and remove its file once they are there.

    Args:
        path: the file it has left.

    Raises:
        NotAResult: it holds no results.
        OSError: it cannot be read.
        RunUnderWay: the process that writes it lives.
    """
    with path.open("rb") as file:
        if not _lock(file):
            raise RunUnderWay
        run = read_partial(file)
        stamp = datetime.fromisoformat(run.run.started)
        written = write_reports(run, path.parent, stamp, latest=_newer_than_latest(path))
        if written.json is not None:
            path.unlink(missing_ok=True)
        return written


def recover_all(directory: Path) -> Iterator[str]:
    """Recover the results of killed runs in a directory; yields one line for each."""
    for path in sorted(directory.glob(f"{PREFIX}*{SUFFIX}")):
        try:
            written = recover(path)
        except (RunUnderWay, FileNotFoundError):  # the second: another run has just recovered it
            continue
        except (NotAResult, OSError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else error
            yield formats.one_line(f"not recovered: {path}: {reason}; delete the file if you do not need it", 300)
            continue
        page = next(iter(written.main_paths()), None)
        if page is None:
            yield formats.one_line(f"not recovered: {path}: {'; '.join(written.problems)}", 300)
        else:
            yield f"recovered: {page.name}, marked PARTIAL: an earlier run ended without finishing (was it killed?)"


def read_partial(lines: BinaryIO) -> RunResult:
    """The run recorded in a file; an incomplete last line was being written when the run was killed.

    Raises:
        NotAResult: the file does not hold a run.
    """
    events = _Events()
    for line in lines:
        if line.endswith(b"\n"):
            _take(events, line)
    if events.result is None:
        raise NotAResult("no load test of this run had begun")
    lost = ", ".join(events.under_way.elements())
    reason = f"{KILLED} The samples of {lost}, then under way, are lost" if lost else KILLED
    events.result["run"]["ended_by"] = reason
    return from_dict({**events.result, "tests": events.tests})


def _take(events: _Events, line: bytes) -> None:
    try:
        event = json.loads(line)
        kind, nodeid, events.result = event["event"], event["nodeid"], dict(event["result"])
        if kind == "began":
            events.under_way[nodeid] += 1
        elif kind == "judged":
            events.under_way[nodeid] = 0
            if event["again"]:
                _supersede(events.tests, nodeid)
            events.tests.append(event["test"])
    except (ValueError, KeyError, TypeError) as error:
        raise NotAResult(f"not a file of partial results ({type(error).__name__}: {error})") from None


def _supersede(tests: list[dict[str, Any]], nodeid: str) -> None:
    """This test was run again, because its first run was INVALID."""
    for test in tests:
        if test["nodeid"] == nodeid:
            test["superseded"], test["failed_test"] = True, False


def _newer_than_latest(path: Path) -> bool:
    """True when no other run has written its reports since this one was killed."""
    try:
        return path.stat().st_mtime >= path.with_name(f"{PREFIX}latest.json").stat().st_mtime
    except FileNotFoundError:
        return True


def _lock(file: io.FileIO | BinaryIO) -> bool:
    """Lock an open file until it is closed; False when another process has done so."""
    try:
        import fcntl  # noqa: PLC0415 - not on Windows

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:
        return True
    except OSError as error:  # also of a file system without locks
        return error.errno not in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)
    return True
