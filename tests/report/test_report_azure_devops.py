"""Azure DevOps: logging commands as its agent reads them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from pytest_rtmedload.report.ci import azure_devops
from pytest_rtmedload.report.ci.annotations import Annotation
from pytest_rtmedload.report.ci.azure_devops import issue
from pytest_rtmedload.report.ci.publishers import CiPublisher, ci_publishers
from pytest_rtmedload.report.files import write_reports
from pytest_rtmedload.report.written import ReportFiles
from pytest_rtmedload.text.redaction import redact

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_rtmedload.results.model import RunResult

STAMP = datetime(2026, 3, 1, 9, 30, 5, tzinfo=UTC)


def pipelines(folder: Path) -> CiPublisher:
    (found,) = ci_publishers({"TF_BUILD": "True", "BUILD_SOURCESDIRECTORY": str(folder)}, folder)
    return found


def parsed(line: str) -> tuple[str, dict[str, str], str]:
    """A command as the agent reads it."""
    found = re.fullmatch(r"##vso\[([\w.]+)(?: ([^\]]*))?\](.*)", line)
    assert found, line
    pairs = [pair.split("=", 1) for pair in (found[2] or "").split(";") if pair]
    return found[1], {name: unescaped(value) for name, value in pairs}, unescaped(found[3])


def unescaped(text: str) -> str:
    for code, character in (("%0D", "\r"), ("%0A", "\n"), ("%5D", "]"), ("%3B", ";"), ("%AZP25", "%")):
        text = text.replace(code, character)
    return text


def test_issues_reports_and_a_summary(tmp_path: Path, failing: RunResult) -> None:
    written = write_reports(failing, tmp_path / "results", STAMP)
    commands = [parsed(line) for line in pipelines(tmp_path).announce(failing, written, str, goals_fail=False)]
    assert [name for name, *_ in commands] == ["task.logissue"] * 3 + ["task.uploadfile"] * 2 + ["task.uploadsummary"]
    assert commands[0][1] == {"type": "error", "sourcepath": "tests/load/api/test_calls.py"}
    assert commands[0][2].startswith("load test FAIL: test_calls.py::test_start_call: POST /api/call p95 181.0 ms")
    summary = tmp_path / "results" / "load_test_report_20260301_093005_summary.md"
    assert [text for *_, text in commands[3:]] == [str(written.paths[".html"]), str(written.json), str(summary)]
    assert summary.read_text().startswith("## Load test: FAIL\n")
    assert written.problems == []


def test_a_summary_that_cannot_be_written_costs_one_line(
    tmp_path: Path, failing: RunResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    written = write_reports(failing, tmp_path, STAMP)
    monkeypatch.setattr(azure_devops, "replace_file", full_disk)
    lines = pipelines(tmp_path).announce(failing, written, str, goals_fail=False)
    assert [parsed(line)[0] for line in lines] == ["task.logissue"] * 3 + ["task.uploadfile"] * 2
    (problem,) = written.problems
    assert problem.endswith("_summary.md: No space left on device")


def test_a_folder_that_could_not_be_used_leaves_the_issues(tmp_path: Path, failing: RunResult) -> None:
    lines = pipelines(tmp_path).announce(failing, ReportFiles(), str, goals_fail=False)
    assert [parsed(line)[0] for line in lines] == ["task.logissue"] * 3


@pytest.mark.parametrize("text", ["50 % ]; of", "two\nlines\r\n", "##vso[task.complete result=Succeeded;]x", "%0A"])
def test_a_command_is_one_line_whatever_it_says(text: str) -> None:
    line = issue(Annotation("error", "title", (text,), text, 7))
    assert len(line.splitlines()) == 1
    assert parsed(line) == (
        "task.logissue",
        {"type": "error", "sourcepath": text, "linenumber": "7"},
        f"title: {text}",
    )


def test_secrets_do_not_reach_it(tmp_path: Path, failing: RunResult) -> None:
    written = write_reports(failing, tmp_path, STAMP)
    lines = pipelines(tmp_path).announce(failing, written, lambda text: redact(text, ["/api/call"]), goals_fail=False)
    told = "\n".join(lines) + "".join(path.read_text() for path in tmp_path.glob("*.md"))
    assert "/api/call" not in told.replace(str(tmp_path), "").replace("tests/load/api/test_calls.py", "")
    assert "***" in told
