"""The summary in pytest's terminal: coloured where the terminal is, plain in a log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_rtmedload.report.terminal.summary import summary_lines

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from pytest_rtmedload.report.written import ReportFiles
    from pytest_rtmedload.results.model import RunResult
    from pytest_rtmedload.text.spans import Tone

_MARKUP: dict[Tone, dict[str, bool]] = {
    "good": {"green": True, "bold": True},
    "bad": {"red": True, "bold": True},
    "warn": {"yellow": True, "bold": True},
    "faint": {"light": True},
    "title": {"bold": True},
    "": {},
}


def write_summary(
    terminalreporter: pytest.TerminalReporter, run: RunResult, written: ReportFiles | None = None, verbosity: int = 0
) -> None:
    """Write the section "load test" of pytest's summary.

    Args:
        terminalreporter: what `pytest_terminal_summary` hands out.
        run: the finished run.
        written: the report files; None when none were asked for.
        verbosity: pytest's `-v` and `-q`.
    """
    config = terminalreporter.config
    here = config.invocation_params.dir
    paths = [] if written is None else [shown_path(path, here) for path in written.main_paths()]
    problems = [] if written is None else written.problems
    told = config.getoption("tbstyle", "auto") != "no"  # then FAILURES is printed above
    terminalreporter.section("load test")
    for line in summary_lines(run, paths, problems, verbosity, told=told):
        for span in line:
            terminalreporter.write(span.text, **_MARKUP[span.tone])
        terminalreporter.write("\n")


def shown_path(path: Path, here: Path) -> str:
    """A path as it would be typed where pytest was started; one that is elsewhere stays whole."""
    try:
        return str(path.resolve().relative_to(here.resolve()))
    except ValueError:
        return str(path)
