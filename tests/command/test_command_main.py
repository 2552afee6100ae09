"""The command line itself: help, wrong use, what it costs to start."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import jsonschema
import pytest

from pytest_rtmedload.command.main import main

ROOT = Path(__file__).parents[2]
HEAVY = ("asyncio", "jinja2", "json", "numpy", "orjson", "pytest", "pyreqwest", "subprocess")


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False, timeout=60, cwd=ROOT
    )


def test_help_names_every_command_and_imports_nothing_heavy() -> None:
    code = """
import contextlib, io, sys
from pytest_rtmedload.command.main import main
with contextlib.redirect_stdout(io.StringIO()) as shown, contextlib.suppress(SystemExit):
    main(["--help"])
print(shown.getvalue(), *sys.modules, sep="\\n")
"""
    ended = python("-c", code)
    assert ended.stderr == ""
    lines = ended.stdout.splitlines()
    assert {"report", "schema", "doctor"} <= {line.split()[0] for line in lines if line.startswith("    ")}
    assert not set(HEAVY) & set(lines)


def test_the_script_is_the_module() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    module, _, function = scripts["pytest-rtmedload"].partition(":")
    assert getattr(importlib.import_module(module), function) is main
    assert python("-m", "pytest_rtmedload", "--help").stdout.startswith("usage: pytest-rtmedload ")


@pytest.mark.parametrize("arguments", [[], ["draw"], ["report"], ["schema", "x"], ["doctor", "--users", "3"]])
def test_wrong_use_is_an_error_that_shows_the_right_one(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: pytest-rtmedload")


def test_schema_prints_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    jsonschema.Draft202012Validator.check_schema(json.loads(capsys.readouterr().out))


def test_a_reader_that_goes_away_is_no_error() -> None:
    program = [sys.executable, "-m", "pytest_rtmedload", "schema"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(60) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""
