"""GitHub Actions: the step's summary and the annotations, as GitHub reads them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_rtmedload.report.ci import publishers
from pytest_rtmedload.report.ci.annotations import Annotation, TestLocations
from pytest_rtmedload.report.ci.github import MOST_BYTES, GitHubActions, command
from pytest_rtmedload.report.ci.publishers import CiPublisher, ci_publishers
from pytest_rtmedload.report.files import ReportFiles
from pytest_rtmedload.results.model import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_rtmedload.results.model import CriterionResult, RunResult, TestResult
    from tests.conftest import LoadRun


def actions(folder: Path, **variables: str) -> CiPublisher:
    """GitHub Actions with a summary of its own."""
    environment = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(folder / "summary.md"), **variables}
    (found,) = ci_publishers(environment, folder)
    return found


def announced(folder: Path, run: RunResult, **options: bool) -> list[str]:
    return actions(folder).announce(run, ReportFiles(), str, goals_fail=False, **options)


def unescaped(text: str) -> str:
    """As the runner decodes it: `%25` last."""
    for code, character in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(code, character)
    return text


def parsed(line: str) -> tuple[str, dict[str, str], str]:
    """A command as the runner reads it."""
    found = re.fullmatch(r"::(\w+) ([^:]*)::(.*)", line)
    assert found, line
    properties = dict(pair.split("=", 1) for pair in found[2].split(","))
    return found[1], {name: unescaped(value) for name, value in properties.items()}, unescaped(found[3])


def test_nobody_is_told_elsewhere(tmp_path: Path) -> None:
    assert ci_publishers({}, tmp_path) == []
    assert ci_publishers({"GITHUB_ACTIONS": "false", "TF_BUILD": "False"}, tmp_path) == []


def test_a_summary_is_appended(tmp_path: Path, failing: RunResult) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("# Before\n")
    announced(tmp_path, failing)
    announced(tmp_path, failing)
    assert summary.read_text().startswith("# Before\n\n## Load test: FAIL\n")
    assert summary.read_text().count("\n\n## Load test: FAIL\n") == 2


def test_a_summary_never_grows_beyond_what_github_takes(tmp_path: Path, large: RunResult) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("x" * (MOST_BYTES - 3_000))
    written = ReportFiles()
    actions(tmp_path).announce(large, written, str, goals_fail=False)
    assert summary.stat().st_size <= MOST_BYTES
    assert "10 of 20 tests are shown" in summary.read_text()
    summary.write_text("x" * (MOST_BYTES - 100))
    actions(tmp_path).announce(large, written, str, goals_fail=False)
    assert summary.stat().st_size == MOST_BYTES - 100
    assert written.problems == [
        f"summary for the CI server: {summary} (GITHUB_STEP_SUMMARY): no space left: a step's summary may have 1 MiB"
    ]


def test_a_summary_that_cannot_be_written_costs_one_line(tmp_path: Path, failing: RunResult) -> None:
    written = ReportFiles()
    announcer = actions(tmp_path, GITHUB_STEP_SUMMARY=str(tmp_path / "missing" / "summary.md"))
    assert len(announcer.announce(failing, written, str, goals_fail=False)) == 3
    (problem,) = written.problems
    assert problem.endswith("summary.md (GITHUB_STEP_SUMMARY): No such file or directory")


def test_a_summary_without_a_runner_prints_nothing(tmp_path: Path, failing: RunResult) -> None:
    server = GitHubActions.found({"GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")})
    assert server is not None
    assert CiPublisher(server, tmp_path).announce(failing, ReportFiles(), str, goals_fail=False) == []
    assert (tmp_path / "summary.md").exists()


def test_whatever_goes_wrong_costs_one_line(
    tmp_path: Path, failing: RunResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = ReportFiles()
    monkeypatch.setattr(publishers, "annotate", lambda *_, **__: 1 / 0)
    assert actions(tmp_path).announce(failing, written, str, goals_fail=False) == []
    assert written.problems == ["summary for the CI server: ZeroDivisionError: division by zero"]


def test_failed_and_inconclusive_tests_are_annotated(tmp_path: Path, failing: RunResult) -> None:
    error, goal, warning = map(parsed, announced(tmp_path, failing))
    assert error[:2] == (
        "error",
        {"file": "tests/load/api/test_calls.py", "title": "load test FAIL: test_calls.py::test_start_call"},
    )
    assert error[2].startswith("POST /api/call p95 181.0 ms > 150 ms")
    assert goal == ("warning", {"title": "load test, goal of the run: API P95"}, "API p95 181 ms > 150 ms FAIL")
    assert warning[0] == "warning"
    assert "17 more samples, about 24 s" in warning[2]


def test_a_goal_that_fails_the_run_is_an_error(tmp_path: Path, failing: RunResult) -> None:
    lines = actions(tmp_path).announce(failing, ReportFiles(), str, goals_fail=True)
    assert [parsed(line)[0] for line in lines] == ["error", "error", "warning"]


def test_an_invalid_test_is_an_error_and_one_that_was_made_again_is_none(
    tmp_path: Path, invalid: RunResult, build_run: Callable[..., RunResult], build_test: Callable[..., TestResult]
) -> None:
    assert [parsed(line)[0] for line in announced(tmp_path, invalid)] == ["error"]
    again = build_run([build_test(verdict=Verdict.INVALID, failed_test=True, superseded=True), build_test()])
    assert announced(tmp_path, again) == []


def test_at_most_ten_of_each_and_limits_first(
    tmp_path: Path,
    build_run: Callable[..., RunResult],
    build_test: Callable[..., TestResult],
    build_criterion: Callable[..., CriterionResult],
) -> None:
    bad = [build_test(f"t.py::bad_{i}", verdict=Verdict.FAIL, failed_test=True) for i in range(15)]
    thin = [build_test(f"t.py::thin_{i}", verdict=Verdict.INCONCLUSIVE) for i in range(15)]
    run = build_run([*thin, *bad], criteria=[build_criterion("success", "limit", Verdict.FAIL)])
    told = [parsed(line) for line in announced(tmp_path, run)]
    assert [level for level, *_ in told] == ["error"] * 10 + ["warning"] * 10
    assert told[0][1]["title"] == "load test, limit of the run: success"


@pytest.mark.parametrize("text", ["100 % of it", "a, b: c", "two\nlines\r\n", "::error::boo", "%0A stays", "日本 é"])
def test_a_command_is_one_line_whatever_it_says(text: str) -> None:
    line = command(Annotation("error", text, (text, text), text, 7))
    assert len(line.splitlines()) == 1
    assert parsed(line) == ("error", {"file": text, "line": "7", "title": text}, f"{text}\n{text}")


def test_hostile_texts(tmp_path: Path, hostile: RunResult) -> None:
    (line,) = announced(tmp_path, hostile)
    level, _, message = parsed(line)
    assert level == "error"
    assert "\x1b" not in line
    assert message.startswith("reason <script>alert('x')</script>\n")


def test_places_are_those_of_the_reports(tmp_path: Path) -> None:
    locations = TestLocations(tmp_path / "suite", tmp_path)
    report = pytest.TestReport("t.py::test_a[1]", ("../common/t.py", 41, "test_a"), {}, "passed", None, "call")
    locations.pytest_runtest_logreport(report)
    assert locations.of("t.py::test_a[1]") == locations.of("t.py::test_a[1]#2") == ("common/t.py", 42)
    assert locations.of("sub/t.py::test_b") == ("suite/sub/t.py", None)
    assert TestLocations(tmp_path / "suite", tmp_path / "other").of("t.py::test_b") == ("t.py", None)
    assert TestLocations(tmp_path, None).of("t.py::test_b") == ("t.py", None)


TESTS = """
import asyncio, pytest


@pytest.mark.load(iterations=80, metric="answer", p95=5, think=0)
async def test_slow(load):
    load.record("answer", 9.0)


@pytest.mark.parametrize("key", ["secret-token-1234"])
@pytest.mark.load(iterations=1, users=1, metric="answer", p99=5, think=0)
async def test_thin(load, key):
    await asyncio.sleep(0.02)
    load.record("answer", 1.0)


@pytest.mark.load(iterations=80, think=0)
async def test_good(load):
    pass
"""
ARGUMENTS = ("-m", "load", "--load-evidence=provisional", "--load-header=X-Key: secret-token-1234")


XDIST = pytest.param(("-p", "xdist", "-n", "2"), marks=pytest.mark.slow, id="xdist")


@pytest.mark.parametrize("workers", [pytest.param((), id="alone"), XDIST])
def test_a_run_on_both_servers(load_run_of: LoadRun, workers: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = load_run_of.pytester.path
    (folder / "suite").mkdir()
    (folder / "suite" / "test_it.py").write_text(TESTS)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(folder.parent))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(folder / "summary.md"))
    monkeypatch.setenv("TF_BUILD", "True")
    result = load_run_of(*ARGUMENTS, *workers, subprocess=bool(workers))
    lines = [line for line in result.outlines if line.startswith(("::", "##vso["))]
    place = f"file={folder.name}/suite/test_it.py,line="
    assert lines[0].startswith(f"::error {place}5,title=load test FAIL%3A test_it.py%3A%3Atest_slow::answer p95 9 ms")
    assert any(line.startswith(f"::warning {place}10,") for line in lines)
    issue = "##vso[task.logissue type=error;sourcepath=suite/test_it.py;linenumber=5;]load test FAIL: "
    assert any(line.startswith(issue) for line in lines)
    uploads = [Path(line.partition("]")[2]) for line in lines if line.startswith("##vso[task.upload")]
    assert [path.suffix for path in uploads] == [".html", ".json", ".md"]
    assert uploads[-1].read_text() == (folder / "summary.md").read_text()
    assert "test\\_slow" in uploads[-1].read_text()
    told = "\n".join(lines) + uploads[-1].read_text()
    assert "test_thin[***]" in told
    assert "secret-token" not in told
