"""The settings of a pytest run here: read by pytest itself, in a separate process that collects nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_rtmedload.agent_provider import without_secrets
from pytest_rtmedload.command.findings import Finding, stop, well
from pytest_rtmedload.command.probe import ANSWER
from pytest_rtmedload.text.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LONGEST_S: Final = 60.0
"""pytest may load many plugins and conftests; a longer start is considered hung."""


def ask_pytest(arguments: Sequence[str]) -> dict[str, Any]:
    """The answer of `probe`; an `error` in one line if pytest does not get that far."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder, "answer.json")
        command = [sys.executable, "-m", "pytest", "-p", "pytest_rtmedload.command.probe", *arguments]
        environment = {**os.environ, ANSWER: str(answer)}
        try:
            ended = subprocess.run(  # noqa: S603 - pytest
                command, env=environment, capture_output=True, timeout=LONGEST_S, check=False, stdin=subprocess.DEVNULL
            )
        except subprocess.TimeoutExpired:
            return {"error": f"pytest did not start within {LONGEST_S:g} s"}
        try:
            answered: dict[str, Any] = json.loads(answer.read_text("utf-8"))
        except (OSError, ValueError):
            return {"error": _last_words(ended)}
    return answered


def _last_words(ended: subprocess.CompletedProcess[bytes]) -> str:
    """Why pytest did not start: its error lines, otherwise its last line."""
    lines = [line.strip() for line in (ended.stdout + ended.stderr).decode("utf-8", "replace").splitlines()]
    said = [line for line in lines if line]
    errors = [line for line in said if line.startswith("ERROR:")]
    return redact((errors or said or [f"it ended with status {ended.returncode}"])[-1])


def look_at_project(project: dict[str, Any]) -> Iterator[Finding]:
    """The findings about pytest's answer."""
    if "error" in project:
        yield stop("pytest", f"does not start here: {project['error']}", "run pytest --version and fix what it reports")
        return
    if not project["loaded"]:
        yield stop(
            "plugin",
            "pytest does not load pytest-rtmedload",
            "remove -p no:rtmedload and PYTEST_DISABLE_PLUGIN_AUTOLOAD, or add -p rtmedload",
        )
        return
    yield well("plugin", f"pytest {project['pytest']} loads it; root {project['root']}")
    if "wrong" in project:
        yield stop("options", redact(project["wrong"]), "correct it")
        return
    agent = "the embedded agent" if project["host"] is None else without_secrets(project["host"])
    yield well(
        "options", f"suite {project['suite']}, up to {project['users']:,} users, {agent}, dialect {project['dialect']}"
    )
    yield _results(Path(project["directory"]))


def _results(directory: Path) -> Finding:
    there = next(folder for folder in (directory, *directory.parents) if folder.exists())
    if not there.is_dir():
        return stop("results", f"{there} is a file", "name another folder with --load-report-dir")
    if not os.access(there, os.W_OK | os.X_OK):
        return stop("results", f"{there} cannot be written to", "name another folder with --load-report-dir")
    missing = "" if there == directory else ", which the first run makes"
    return well("results", f"{directory}{missing}")
