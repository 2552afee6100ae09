"""What pytest would be given here: asked of pytest itself, in a process of its own that collects nothing."""

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
"""pytest may load many plugins and conftests; what takes longer hangs."""


def ask_pytest(arguments: Sequence[str]) -> dict[str, Any]:
    """What `probe` tells; `error` instead, in one line, when pytest does not come that far."""
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
            told: dict[str, Any] = json.loads(answer.read_text("utf-8"))
        except (OSError, ValueError):
            return {"error": _last_words(ended)}
    return told


def _last_words(ended: subprocess.CompletedProcess[bytes]) -> str:
    """Why pytest did not start: what it calls an error, else the last it said."""
    lines = [line.strip() for line in (ended.stdout + ended.stderr).decode("utf-8", "replace").splitlines()]
    said = [line for line in lines if line]
    errors = [line for line in said if line.startswith("ERROR:")]
    return redact((errors or said or [f"it ended with status {ended.returncode}"])[-1])


def look_at_project(told: dict[str, Any]) -> Iterator[Finding]:
    """The findings about what pytest said."""
    if "error" in told:
        yield stop("pytest", f"does not start here: {told['error']}", "run pytest --version and repair what it says")
        return
    if not told["loaded"]:
        yield stop(
            "plugin",
            "pytest does not load pytest-rtmedload",
            "take away -p no:rtmedload and PYTEST_DISABLE_PLUGIN_AUTOLOAD, or add -p rtmedload",
        )
        return
    yield well("plugin", f"pytest {told['pytest']} loads it; root {told['root']}")
    if "wrong" in told:
        yield stop("options", redact(told["wrong"]), "correct it")
        return
    agent = "the embedded agent" if told["host"] is None else without_secrets(told["host"])
    yield well("options", f"suite {told['suite']}, up to {told['users']:,} users, {agent}, dialect {told['dialect']}")
    yield _results(Path(told["directory"]))


def _results(directory: Path) -> Finding:
    there = next(folder for folder in (directory, *directory.parents) if folder.exists())
    if not there.is_dir():
        return stop("results", f"{there} is a file", "name another folder with --load-report-dir")
    if not os.access(there, os.W_OK | os.X_OK):
        return stop("results", f"{there} cannot be written to", "name another folder with --load-report-dir")
    missing = "" if there == directory else ", which the first run makes"
    return well("results", f"{directory}{missing}")
