"""Type checkers understand a project's suite by the public interface alone."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAMPLE = Path(__file__).with_name("sample_suite.py")


def run(*command: str) -> str:
    """What a checker complains about; empty when it does not."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_mypy(tmp_path: Path) -> None:
    mypy = (sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--config-file=")
    assert run(*mypy, f"--cache-dir={tmp_path}", str(SAMPLE)) == ""
    wrong = tmp_path / "wrong.py"
    wrong.write_text(
        SAMPLE.read_text().replace("load.check(", "load.chekc(").replace("(answer, Answer)", "(answer, str)")
    )
    found = run(*mypy, f"--cache-dir={tmp_path}", str(wrong))
    assert '"Load" has no attribute "chekc"' in found
    assert 'Expression is of type "Answer", not "str"' in found


def test_pyright() -> None:
    checker = shutil.which("basedpyright") or shutil.which("pyright")
    if checker is None:
        pytest.skip("neither basedpyright nor pyright is installed")
    assert run(checker, f"--pythonpath={sys.executable}", "--level=error", str(SAMPLE)) == ""
