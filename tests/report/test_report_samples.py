"""The file of samples: complete rows, whatever happens to the disk or the run."""

from __future__ import annotations

import csv
import errno
import io
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pytest_rtmedload.report.sample_file import CHUNK, COLUMNS, SampleFile
from pytest_rtmedload.results.samples import SampleRows

if TYPE_CHECKING:
    from collections.abc import Sequence

STAMP = datetime(2026, 3, 1, 9, 30, 5, tzinfo=UTC)
NAME = "load_test_report_20260301_093005"
NODEID = 'test_x.py::test_it[100 %, "quoted"\n]'
MS = 1_000_000


def batch(rows: Sequence[Sequence[int]], call: str = "", *, opened: bool = False) -> SampleRows:
    """Rows of phase, user, intended start, start and end in milliseconds."""
    table = np.array(rows, np.int64)
    table[:, 2:] *= MS
    return SampleRows("GET /x%d", "a=b,c", "ok", call, ("setup", "measure"), table, opened)


def rows_of(path: Path | None) -> list[dict[str, str]]:
    assert path is not None
    return list(csv.DictReader(io.StringIO(path.read_text("utf-8"), newline="")))


@pytest.fixture
def file(tmp_path: Path) -> SampleFile:
    return SampleFile(tmp_path, STAMP)


def test_a_row_is_a_sample(file: SampleFile, tmp_path: Path) -> None:
    file.begin(NODEID)
    file.add(NODEID, [batch([(0, 3, -5, -5, 7), (1, 4, 1_000, 1_250, 1_260)], "c1", opened=True)])
    file.close()
    assert (file.path, file.problem) == (tmp_path / f"{NAME}_samples.csv", None)
    first, second = rows_of(file.path)
    assert tuple(first) == COLUMNS
    assert list(first.values()) == [
        *(NODEID, "GET /x%d", "a=b,c", "ok", "setup", "3", "c1"),
        *("-0.005000", "-0.005000", "12.000", "12.000"),
    ]
    assert (second["phase"], second["intended_s"], second["start_s"]) == ("measure", "1.000000", "1.250000")
    assert (second["latency_ms"], second["response_ms"]) == ("10.000", "260.000")


def test_in_the_closed_model_there_is_no_response_time(file: SampleFile) -> None:
    file.add(NODEID, [batch([(1, 0, 1, 1, 2)])])
    file.close()
    (row,) = rows_of(file.path)
    assert (row["call"], row["response_ms"]) == ("", "")


def test_no_row_of_a_large_batch_is_lost(file: SampleFile) -> None:
    file.add(NODEID, [batch([(1, n, n, n, n + 1) for n in range(2 * CHUNK + 7)])])
    file.close()
    assert [int(row["user"]) for row in rows_of(file.path)] == list(range(2 * CHUNK + 7))


def test_without_a_load_test_there_is_no_file(file: SampleFile, tmp_path: Path) -> None:
    file.close()
    assert (file.path, file.problem) == (None, None)
    assert not list(tmp_path.iterdir())


def test_another_run_of_the_same_second_keeps_its_file(tmp_path: Path) -> None:
    files = [SampleFile(tmp_path, STAMP) for _ in range(2)]
    for user, file in enumerate(files):
        file.add(NODEID, [batch([(1, user, 1, 1, 2)])])
        file.close()
    assert [rows_of(file.path)[0]["user"] for file in files] == ["0", "1"]


def test_a_test_that_is_made_anew_leaves_nothing_of_its_first_run(file: SampleFile) -> None:
    file.begin("before")
    file.add("before", [batch([(1, 1, 1, 1, 2)])])
    file.begin(NODEID)
    file.add(NODEID, [batch([(1, 2, 1, 1, 2)] * CHUNK * 2), batch([(1, 2, 1, 1, 2)])])
    file.discard(NODEID)
    file.begin(NODEID)
    file.add(NODEID, [batch([(1, 3, 1, 1, 2)])])
    file.close()
    assert [row["user"] for row in rows_of(file.path)] == ["1", "3"]
    assert file.problem is None


def test_rows_of_a_test_at_the_same_time_are_kept_and_what_is_left_of_the_other_is_told(file: SampleFile) -> None:
    file.begin(NODEID)
    file.begin("beside")
    for user, nodeid in enumerate((NODEID, "beside", NODEID)):
        file.add(nodeid, [batch([(1, user, 1, 1, 2)])])
    file.discard(NODEID)
    file.close()
    assert [row["user"] for row in rows_of(file.path)] == ["0", "1", "2"]
    assert file.problem == f"{file.path}: {NODEID} was run twice, and the rows of its first run are still in the file"


class FullDisk(io.FileIO):
    """Takes so many bytes and no more."""

    left = 1_000

    def write(self, content: bytes | memoryview, /) -> int:  # type: ignore[override]
        taken = min(len(content), self.left)
        self.left -= taken
        if not taken:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(content[:taken])


def test_a_full_disk_costs_one_line_and_leaves_whole_rows(file: SampleFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(io, "FileIO", FullDisk)
    for user in range(100):
        file.add("test_x.py::test_it", [batch([(1, user, 1, 1, 2)])])
    file.close()
    rows = rows_of(file.path)
    assert [row["user"] for row in rows] == [str(user) for user in range(len(rows))]
    assert 0 < len(rows) < 100
    assert all(row["latency_ms"] == "1.000" for row in rows)
    assert file.problem == f"{file.path}: No space left on device: samples are missing"


def test_a_folder_that_is_gone_costs_one_line(tmp_path: Path) -> None:
    file = SampleFile(tmp_path / "gone", STAMP)
    file.add(NODEID, [batch([(1, 0, 1, 1, 2)])])
    file.close()
    assert file.path is None
    assert file.problem == f"{tmp_path / 'gone' / NAME}_samples.csv: No such file or directory: samples are missing"
