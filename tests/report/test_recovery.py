"""Results of a run that was killed: what its file holds comes back as the run's own reports, and nothing else does."""

from __future__ import annotations

import dataclasses
import json
import resource
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pytest_rtmedload.command.main import main
from pytest_rtmedload.report.files import write_reports
from pytest_rtmedload.report.recovery import KILLED, RecoveryFile, recover_all
from pytest_rtmedload.results.model import RunResult, TestResult, Verdict
from tests.report.report_builders import make_run, make_test

STAMP = datetime(2026, 3, 1, 9, 30, 5, tzinfo=UTC)


class Killed:
    """A run that has judged some tests and is then no more."""

    def __init__(self, directory: Path) -> None:
        self.tests: list[TestResult] = []
        self.file = RecoveryFile(directory, STAMP, self.so_far)

    def so_far(self) -> RunResult:
        run = make_run(list(self.tests))
        summary = dataclasses.replace(run.summary, complete=False)
        return dataclasses.replace(run, summary=summary, run=dataclasses.replace(run.run, started=STAMP.isoformat()))

    def judge(self, test: TestResult) -> None:
        self.tests.append(test)
        self.file.judged(test)

    def partial(self) -> Path:
        assert self.file.path is not None
        return self.file.path


@pytest.fixture
def killed(tmp_path: Path) -> Iterator[Killed]:
    run = Killed(tmp_path)
    yield run
    run.file.close()


def document(directory: Path, name: str = "load_test_report_20260301_093005.json") -> dict[str, object]:
    return json.loads((directory / name).read_text())  # type: ignore[no-any-return]


def test_a_test_comes_back_as_it_was_judged(killed: Killed, tmp_path: Path) -> None:
    one, two = make_test(nodeid="a.py::one"), make_test(nodeid="a.py::two")
    killed.file.began(one.nodeid)
    killed.judge(one)
    killed.judge(two)
    as_ended = killed.so_far()
    killed.file.close()
    (line,) = recover_all(tmp_path)
    assert line.startswith("recovered: load_test_report_20260301_093005.html")
    expected = dataclasses.replace(as_ended, run=dataclasses.replace(as_ended.run, ended_by=KILLED))
    written = write_reports(expected, tmp_path / "as_ended", STAMP)
    assert written.json is not None
    assert document(tmp_path) == json.loads(written.json.read_text())
    assert document(tmp_path, "load_test_report_latest.json") == document(tmp_path)
    assert list(recover_all(tmp_path)) == []


def test_a_first_run_that_was_made_once_more_counts_for_nothing(killed: Killed, tmp_path: Path) -> None:
    invalid = make_test(nodeid="a.py::one", verdict=Verdict.INVALID, failed_test=True)
    killed.judge(invalid)
    killed.tests = [dataclasses.replace(invalid, superseded=True, failed_test=False)]
    killed.judge(make_test(nodeid="a.py::one"))
    killed.file.close()
    list(recover_all(tmp_path))
    tests = document(tmp_path)["tests"]
    assert isinstance(tests, list)
    assert [(test["superseded"], test["failed_test"]) for test in tests] == [(True, False), (False, False)]


def test_a_line_that_was_being_written_is_left_out(killed: Killed, tmp_path: Path) -> None:
    killed.judge(make_test(nodeid="a.py::one"))
    whole = killed.partial().read_bytes()
    killed.judge(make_test(nodeid="a.py::two"))
    killed.file.close()
    killed.partial().write_bytes(killed.partial().read_bytes()[: len(whole) + 1000])
    list(recover_all(tmp_path))
    tests = document(tmp_path)["tests"]
    assert isinstance(tests, list)
    assert [test["nodeid"] for test in tests] == ["a.py::one"]


def test_a_run_under_way_is_left_alone(killed: Killed, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    killed.judge(make_test())
    assert list(recover_all(tmp_path)) == []
    assert main(["report", str(killed.partial())]) == 2
    assert "has not ended" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [killed.partial().name]


def test_latest_stays_the_run_that_ended_last(killed: Killed, tmp_path: Path) -> None:
    import os

    killed.judge(make_test())
    killed.file.close()
    os.utime(killed.partial(), (1_000_000_000, 1_000_000_000))
    later = write_reports(make_run([make_test(nodeid="later.py::test")]), tmp_path, datetime(2026, 3, 2, tzinfo=UTC))
    assert later.json is not None
    latest = later.latest[".json"].read_bytes()
    list(recover_all(tmp_path))
    assert document(tmp_path)["tests"]
    assert later.latest[".json"].read_bytes() == latest


@pytest.mark.parametrize("content", [b"", b'{"event": "judged"}\n', b"\x00\xff\n", b"[]\n"])
def test_what_holds_no_results_is_one_line_and_stays(
    tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "load_test_report_20260301_093005.partial.jsonl"
    path.write_bytes(content)
    (line,) = recover_all(tmp_path)
    assert line.startswith(f"not recovered: {path}: ")
    assert line.endswith("; delete the file if you do not need it")
    assert main(["report", str(path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_the_command_writes_all_reports_and_a_page_where_it_is_told(
    killed: Killed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    killed.judge(make_test())
    killed.file.close()
    page = tmp_path / "page.html"
    assert main(["report", str(killed.partial()), "-o", str(page)]) == 0
    assert f"written: {page}" in capsys.readouterr().out
    assert page.read_bytes() == (tmp_path / "load_test_report_20260301_093005.html").read_bytes()


def test_a_full_disk_costs_one_line_and_keeps_whole_lines(killed: Killed, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))  # files cannot grow beyond that
        for number in range(20):
            killed.judge(make_test(nodeid=f"a.py::{number}"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert killed.file.problem is not None
    assert killed.file.problem.startswith(f"{killed.partial()}: File too large")
    assert "\n" not in killed.file.problem
    killed.file.close()
    assert killed.partial().read_bytes().endswith(b"}\n")
    list(recover_all(tmp_path))
    tests = document(tmp_path)["tests"]
    assert isinstance(tests, list)
    assert 1 <= len(tests) < 20
