"""`pytest-rtmedload report`: the same page again, and nothing lost by what is not a result."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pytest_rtmedload.command import report
from pytest_rtmedload.command.main import main
from pytest_rtmedload.report.files import write_reports
from tests.report.report_builders import make_run, make_test

STAMP = datetime(2026, 3, 1, 9, 30, 5, tzinfo=UTC)


@pytest.fixture
def result(tmp_path: Path) -> Path:
    """A JSON result, with the page the run has written beside it."""
    found = write_reports(make_run([make_test()]), tmp_path, STAMP).json
    assert found is not None
    return found


def test_the_page_is_drawn_again(result: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "again.html"
    assert main(["report", str(result), "-o", str(out)]) == 0
    assert out.read_bytes() == result.with_suffix(".html").read_bytes()
    assert capsys.readouterr().out == f"written: {out}\n"


def test_paths_may_begin_with_the_home_folder(result: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert main(["report", f"~/{result.name}", "-o", "~/again.html"]) == 0
    assert (tmp_path / "again.html").exists()


def test_without_a_name_it_stands_beside_the_result(result: Path) -> None:
    page = result.with_suffix(".html")
    drawn = page.read_bytes()
    page.unlink()
    assert main(["report", str(result)]) == 0
    assert page.read_bytes() == drawn


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda text: text[: len(text) // 2], "not JSON"),
        (lambda _: "", "not JSON"),
        (lambda _: '{"results": []}', "not a result of a load test: it names no schema"),
        (
            lambda text: text.replace('"schema": 1', '"schema": 2'),
            "a result of schema 2, and this version reads schema 1",
        ),
        (lambda text: text.replace('"verdict"', '"opinion"'), "not a result of a load test: summary has no 'verdict'"),
    ],
)
def test_what_is_no_result_is_one_line_and_overwrites_nothing(
    result: Path, damage: Any, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    page = result.with_suffix(".html")
    before = page.read_bytes()
    result.write_text(damage(result.read_text()))
    assert main(["report", str(result)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"pytest-rtmedload report: {result}: ")
    assert said in captured.err
    assert captured.err.count("\n") == 1
    assert page.read_bytes() == before


def test_files_that_cannot_be_read_or_written(result: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path / "missing.json")]) == 2
    assert main(["report", str(tmp_path)]) == 2
    assert main(["report", str(result), "-o", str(tmp_path / "no" / "x.html")]) == 2
    (tmp_path / "folder").mkdir()
    assert main(["report", str(result), "-o", str(tmp_path / "folder")]) == 2
    assert main(["report", str(result), "-o", str(result)]) == 2
    reasons = [line.rpartition(": ")[2] for line in capsys.readouterr().err.splitlines()]
    assert reasons == [
        "No such file or directory",
        "Is a directory",
        "No such file or directory",
        "Is a directory",
        "choose another file with -o",
    ]
    assert json.loads(result.read_bytes())["schema"] == 1
    assert not list(tmp_path.glob(".*"))


def test_a_page_that_cannot_be_drawn_leaves_the_old_one(result: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = result.with_suffix(".html")
    before = page.read_bytes()
    monkeypatch.setattr(report, "_page", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["report", str(result)])
    assert page.read_bytes() == before
