from __future__ import annotations

import dataclasses
import errno
import json
import os
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from pytest_rtmedload.report import files, json_report
from pytest_rtmedload.report.files import SUFFIXES, prepare_directory, write_reports
from pytest_rtmedload.report.terminal import summary

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_rtmedload.results.model import RunResult

STAMP = datetime(2026, 3, 1, 9, 30, 5, tzinfo=UTC)
NAME = "load_test_report_20260301_093005"
LATEST = "load_test_report_latest"


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def full_disk(*_: object) -> str:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_fixed_names_and_latest_copies(tmp_path: Path, failing: RunResult) -> None:
    written = write_reports(failing, tmp_path / "results", STAMP)
    assert names(tmp_path / "results") == {
        f"{stem}{suffix}"
        for stem in (NAME, LATEST)
        for suffix in (".json", ".html", ".csv", "_timeline.csv", "_summary.log")
    }
    assert written.problems == []
    for suffix in SUFFIXES:
        assert written.latest[suffix].read_bytes() == written.paths[suffix].read_bytes()
    assert written.json is not None
    assert json.loads(written.json.read_bytes()) == json_report.to_dict(failing)
    assert f"written: {written.json.name}\n" in written.paths["_summary.log"].read_text("utf-8")


def test_every_run_can_be_written(tmp_path: Path, any_run: RunResult) -> None:
    written = write_reports(any_run, tmp_path, STAMP)
    assert written.problems == []
    assert all(path.stat().st_size for path in written.paths.values())


def test_two_runs_in_one_second_keep_both(tmp_path: Path, green: RunResult, failing: RunResult) -> None:
    first, second = write_reports(green, tmp_path, STAMP), write_reports(failing, tmp_path, STAMP)
    assert first.json is not None
    assert json.loads(first.json.read_bytes())["summary"]["verdict"] == "PASS"
    assert {path.name for path in second.paths.values()} == {f"{NAME}_2{suffix}" for suffix in SUFFIXES}
    assert json.loads((tmp_path / f"{LATEST}.json").read_bytes())["summary"]["verdict"] == "FAIL"


def test_runs_at_the_same_time_never_share_a_name(tmp_path: Path, empty: RunResult) -> None:
    taken: list[Path | None] = []
    threads = [
        threading.Thread(target=lambda: taken.append(write_reports(empty, tmp_path, STAMP).json)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(taken)) == 4


def write_at_once(directory: Path, runs: list[RunResult], times: int) -> None:
    """Each run writes its reports so many times, all at the same time."""
    start = threading.Barrier(len(runs))

    def write(run: RunResult) -> None:
        start.wait()
        for _ in range(times):
            assert write_reports(run, directory, STAMP).problems == []

    with ThreadPoolExecutor(len(runs)) as pool:
        for future in [pool.submit(write, run) for run in runs]:
            future.result()


RUNS = ("first-run", "second-run", "third-run")


def told_of(directory: Path, stem: str) -> set[str]:
    """The runs that the files of one stem tell of; each must tell of one."""
    texts = [(directory / f"{stem}{suffix}").read_text("utf-8") for suffix in (".json", ".html", "_summary.log")]
    found = [{name for name in RUNS if name in summary} for summary in texts]
    assert all(len(names) == 1 for names in found)
    return set().union(*found)


def named(run: RunResult, name: str) -> RunResult:
    return dataclasses.replace(run, run=dataclasses.replace(run.run, suite=name))


def test_runs_that_end_in_the_same_second_are_never_mixed(tmp_path: Path, empty: RunResult) -> None:
    write_at_once(tmp_path, [named(empty, name) for name in RUNS], times=3)
    stems = {path.stem for path in tmp_path.glob("*.json")} - {LATEST}
    assert sorted([name] for name in RUNS * 3) == sorted(sorted(told_of(tmp_path, stem)) for stem in stems)
    assert len(told_of(tmp_path, LATEST)) == 1
    assert not [name for name in names(tmp_path) if name.startswith(".")]


def test_latest_copies_wait_for_those_of_another_run(tmp_path: Path, empty: RunResult) -> None:
    with files._turn(tmp_path):
        other = threading.Thread(target=write_reports, args=(empty, tmp_path, STAMP))
        other.start()
        while not (tmp_path / f"{NAME}_summary.log").exists():
            other.join(0.01)
        assert not (tmp_path / f"{LATEST}.json").exists()
    other.join()
    assert (tmp_path / f"{LATEST}.json").exists()


def test_a_run_that_never_ends_its_turn_is_not_waited_for_longer(
    tmp_path: Path, empty: RunResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_TURN_S", 0.05)
    with files._turn(tmp_path):
        written = write_reports(empty, tmp_path, STAMP)
    assert written.problems == []
    assert (tmp_path / f"{LATEST}.json").exists()


def test_a_run_whose_json_is_lost_keeps_its_name(
    tmp_path: Path, green: RunResult, failing: RunResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    second: list[files.ReportFiles] = []

    def another_run_ends(_: RunResult) -> str:
        monkeypatch.undo()
        second.append(write_reports(failing, tmp_path, STAMP))
        return "page"

    monkeypatch.setattr(os, "fsync", full_disk)
    monkeypatch.setattr(files, "_page", another_run_ends)
    first = write_reports(green, tmp_path, STAMP)
    assert first.json is None
    assert not set(first.paths.values()) & set(second[0].paths.values())


@pytest.mark.parametrize("suffix", [".csv", "_timeline.csv", ".html", "_summary.log"])
def test_one_failing_report_costs_one_line(
    tmp_path: Path, green: RunResult, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_reports(green, tmp_path, datetime(2026, 2, 1, tzinfo=UTC))  # an older run's `latest`
    replace = files.replace_file
    monkeypatch.setattr(
        files,
        "replace_file",
        lambda path, content, **_: (full_disk if path.name == f"{NAME}{suffix}" else replace)(path, content),
    )
    written = write_reports(green, tmp_path, STAMP)
    assert set(written.paths) == set(SUFFIXES) - {suffix}
    assert written.problems == [f"{tmp_path / NAME}{suffix}: No space left on device"]
    assert not (tmp_path / f"{LATEST}{suffix}").exists()  # never an older run's
    assert written.json is not None
    assert written.json.exists()


def test_a_broken_template_does_not_lose_the_rest(
    tmp_path: Path, green: RunResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_page", lambda _: 1 / 0)
    written = write_reports(green, tmp_path, STAMP)
    assert written.problems == [f"{tmp_path / NAME}.html: ZeroDivisionError: division by zero"]
    assert "not written:" in written.paths["_summary.log"].read_text("utf-8")


def test_a_disk_that_fills_up_while_the_json_is_written(
    tmp_path: Path, green: RunResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", full_disk)
    written = write_reports(green, tmp_path, STAMP)
    assert written.json is None
    assert written.problems[0] == f"{tmp_path / NAME}.json: No space left on device"
    assert not [name for name in names(tmp_path) if name.endswith((".json", ".tmp"))]
    assert (tmp_path / f"{NAME}_summary.log").exists()


def test_ctrl_c_while_writing_leaves_no_temporary_file(
    tmp_path: Path, green: RunResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_reports(green, tmp_path, STAMP)
    assert names(tmp_path) == set()


def test_a_directory_that_cannot_be_made_is_one_problem(tmp_path: Path, green: RunResult) -> None:
    (tmp_path / "results").write_text("a file")
    written = write_reports(green, tmp_path / "results", STAMP)
    assert written.paths == {}
    assert written.problems == [f"report directory {tmp_path / 'results'}: File exists"]


def test_a_directory_that_cannot_be_used_is_one_problem(
    tmp_path: Path, green: RunResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_reserved", lambda *_: full_disk())
    written = write_reports(green, tmp_path, STAMP)
    assert written.paths == {}
    assert written.problems == [f"report directory {tmp_path}: No space left on device"]


def test_prepare_creates_the_directory_and_leaves_nothing_in_it(tmp_path: Path) -> None:
    prepare_directory(tmp_path / "a" / "b")
    assert names(tmp_path / "a" / "b") == set()
    prepare_directory(tmp_path / "a" / "b")


def test_prepare_names_what_is_in_the_way(tmp_path: Path) -> None:
    taken = tmp_path / "results"
    taken.write_text("a file")
    with pytest.raises(FileExistsError, match="a file is in the way; name another directory with --load-report-dir"):
        prepare_directory(taken)
    with pytest.raises(NotADirectoryError) as caught:
        prepare_directory(taken / "deeper")
    assert str(caught.value) == (
        f"report directory {taken / 'deeper'}: cannot be created (Not a directory); "
        "name another directory with --load-report-dir"
    )


def test_prepare_finds_a_directory_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(**_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryFile", denied)
    with pytest.raises(PermissionError, match=r"cannot be written to \(Permission denied\); name another"):
        prepare_directory(tmp_path)


def test_log_is_the_verbose_summary(tmp_path: Path, failing: RunResult) -> None:
    written = write_reports(failing, tmp_path, STAMP)
    log = written.paths["_summary.log"].read_text("utf-8")
    assert log.startswith("load test: FAIL · suite quick")
    assert log.startswith(summary.summary_text(failing).rstrip())


def samples(directory: Path, name: str = NAME) -> Path:
    path = directory / f"{name}_samples.csv"
    path.write_text("nodeid\n")
    return path


def test_samples_stand_beside_the_reports_and_in_the_log(tmp_path: Path, green: RunResult) -> None:
    mine = samples(tmp_path)
    written = write_reports(green, tmp_path, STAMP, mine)
    assert (tmp_path / f"{LATEST}_samples.csv").read_text() == mine.read_text() == "nodeid\n"
    assert mine.name in written.paths["_summary.log"].read_text("utf-8")
    write_reports(green, tmp_path, STAMP)
    assert not (tmp_path / f"{LATEST}_samples.csv").exists()  # that of another run
    assert mine.exists()


def test_samples_follow_their_run_to_another_name(tmp_path: Path, green: RunResult) -> None:
    write_reports(green, tmp_path, STAMP)
    written = write_reports(green, tmp_path, STAMP, samples(tmp_path))
    assert written.paths["_samples.csv"].name == f"{NAME}_2_samples.csv"
    assert written.paths["_samples.csv"].exists()
    assert not (tmp_path / f"{NAME}_samples.csv").exists()


def test_what_went_wrong_before_is_told(tmp_path: Path, green: RunResult) -> None:
    written = write_reports(green, tmp_path, STAMP, problems=["samples are missing"])
    assert written.problems == ["samples are missing"]
    assert "samples are missing" in written.paths["_summary.log"].read_text("utf-8")
