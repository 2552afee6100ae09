"""Every sample as a row of a CSV file, written while the run goes on: a run that is killed keeps what it had.

A separate thread formats and writes, a few rows at a time, so that the event loop that makes the load is never kept
waiting. A disk error ends the file at the last complete row and costs one line; it fails no test.
"""

from __future__ import annotations

import csv
import io
import queue
import threading
from typing import TYPE_CHECKING, Final

import numpy as np

from pytest_rtmedload.report.files import PREFIX, SAMPLES_SUFFIX
from pytest_rtmedload.results.samples import END, INTENDED, PHASE, START, USER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime
    from pathlib import Path

    from pytest_rtmedload.results.samples import SampleRows

COLUMNS: Final = (
    *("nodeid", "metric", "tag", "outcome", "phase", "user", "call"),
    *("intended_s", "start_s", "latency_ms", "response_ms"),
)
CHUNK: Final = 256
"""Rows formatted in one go: a fifth of a millisecond in which no other thread runs."""
CLOSING_S: Final = 30.0
"""How long the end of a run waits for a disk."""


class SampleFile:
    """The samples of a run.

    Args:
        directory: where results are written; it exists.
        stamp: names the file, as those of the reports.
    """

    def __init__(self, directory: Path, stamp: datetime) -> None:
        self._directory = directory
        self._stem = f"{PREFIX}{stamp:%Y%m%d_%H%M%S}"
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._file: io.FileIO | None = None
        self._size = 0
        self._marks: dict[str, tuple[int, int]] = {}  # test → size of the file when it began, and what it wrote since
        self.path: Path | None = None
        """The file, once it exists; set again by the code that moves it."""
        self.problem: str | None = None
        """Why samples are missing; one line."""

    def begin(self, nodeid: str) -> None:
        """A load test begins."""
        self._do(lambda: self._marks.update({nodeid: (self._size, 0)}))

    def add(self, nodeid: str, batches: Iterable[SampleRows]) -> None:
        """Write samples of this test."""
        for batch in batches:
            self._do(lambda batch=batch: self._write_batch(nodeid, batch))  # type: ignore[misc]  # binds the batch

    def discard(self, nodeid: str) -> None:
        """Discard the samples of this test so far: it is run again."""
        self._do(lambda: self._forget(nodeid))

    def close(self) -> None:
        """Write what is still to be written."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join(CLOSING_S)
            if self._thread.is_alive():
                self.problem = f"{self.path}: not all samples were written within {CLOSING_S:g} s"
            self._thread = None

    def _do(self, job: Callable[[], None]) -> None:
        with self._lock:  # tests that run side by side ship from several threads
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="samples", daemon=True)
                self._thread.start()
        if self.problem is None:
            self._jobs.put(job)

    def _work(self) -> None:
        try:
            self._open()
            while (job := self._jobs.get()) is not None:
                job()
        except OSError as error:
            self._give_up(error)
        finally:
            if self._file is not None:
                self._file.close()

    def _open(self) -> None:
        number = 1
        while self._file is None:
            name = self._stem if number == 1 else f"{self._stem}_{number}"
            path = self.path = self._directory / f"{name}{SAMPLES_SUFFIX}"
            number += 1
            try:
                self._file = io.FileIO(path, "xb")
            except FileExistsError:
                continue
        self._write(_fields(*COLUMNS) + "\n")

    def _give_up(self, error: OSError) -> None:
        where = self.path or self._directory
        if self._file is not None:
            self._file.truncate(self._size)  # half a row would be read as a complete one
        else:
            self.path = None
        self.problem = f"{where}: {error.strerror or error}: samples are missing"

    def _write_batch(self, nodeid: str, batch: SampleRows) -> None:
        for phase in np.unique(batch.rows[:, PHASE]).tolist():
            rows = batch.rows[batch.rows[:, PHASE] == phase]
            line, table = _line(nodeid, batch, batch.phases[phase]), _table(rows, response=batch.open)
            for at in range(0, len(table), CHUNK):
                chunk = table[at : at + CHUNK]
                written = self._write((line * len(chunk)) % tuple(chunk.ravel().tolist()))
                began, wrote = self._marks.get(nodeid, (self._size, 0))
                self._marks[nodeid] = began, wrote + written

    def _write(self, text: str) -> int:
        """Write whole rows; returns their size in bytes."""
        content = text.encode("utf-8", "backslashreplace")
        left = memoryview(content)
        while left and self._file is not None:
            left = left[self._file.write(left) or 0 :]
        self._size += len(content)
        return len(content)

    def _forget(self, nodeid: str) -> None:
        began, wrote = self._marks.pop(nodeid, (self._size, 0))
        if began + wrote != self._size:  # another test runs at the same time: its rows lie between these
            self.problem = f"{self.path}: {nodeid} was run twice, and the rows of its first run are still in the file"
        elif wrote and self._file is not None:
            self._size = began
            self._file.seek(began)
            self._file.truncate()


def _line(nodeid: str, batch: SampleRows, phase: str) -> str:
    """What rows of a batch look like, to be filled in with user and times."""
    head = _fields(nodeid, batch.metric, batch.tag, batch.outcome, phase).replace("%", "%%")
    call = _fields(batch.call).replace("%", "%%") if batch.call else ""
    return f"{head},%d,{call},%.6f,%.6f,%.3f,{'%.3f' if batch.open else ''}\n"


def _table(rows: np.ndarray, *, response: bool) -> np.ndarray:
    """User, intended start and start in seconds, latency and response time in milliseconds."""
    columns = [rows[:, USER], rows[:, INTENDED] / 1e9, rows[:, START] / 1e9, (rows[:, END] - rows[:, START]) / 1e6]
    if response:
        columns.append((rows[:, END] - rows[:, INTENDED]) / 1e6)
    return np.column_stack(columns)


def _fields(*texts: str) -> str:
    """Texts as cells of one row."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="").writerow(texts)
    return out.getvalue()
