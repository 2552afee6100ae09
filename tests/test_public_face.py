"""The package's public interface: what it exports is there, cheap to import, and nothing else shows."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import pytest_rtmedload
from pytest_rtmedload.clients import errors as http_errors
from pytest_rtmedload.results import details, model
from pytest_rtmedload.users.load import Load

SOURCE = Path(inspect.getfile(pytest_rtmedload)).read_text()


@pytest.mark.parametrize("name", pytest_rtmedload.__all__)
def test_every_name_is_there(name: str) -> None:
    found = getattr(pytest_rtmedload, name)
    assert getattr(found, "__name__", name) == name


def test_editors_and_the_interpreter_know_the_same_names() -> None:
    imported = {
        f"{node.module}.{alias.name}"
        for node in ast.walk(ast.parse(SOURCE))
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("pytest_rtmedload")
        for alias in node.names
    }
    assert imported == {f"pytest_rtmedload.{module}.{name}" for name, module in pytest_rtmedload._HOMES.items()}
    assert sorted(pytest_rtmedload._HOMES) == sorted(pytest_rtmedload.__all__)
    assert {name for name in dir(pytest_rtmedload) if not name.startswith("_")} == set(pytest_rtmedload.__all__)


def test_importing_the_package_imports_nothing_of_it() -> None:
    program = "import sys, pytest_rtmedload; print([name for name in sys.modules if 'rtmedload' in name])"
    assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "['pytest_rtmedload']"


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'pytest_rtmedload' has no attribute 'VirtualUser'"):
        _ = pytest_rtmedload.VirtualUser  # type: ignore[attr-defined]


@pytest.mark.parametrize("module", [http_errors, model, details])
def test_all_classes_of_what_users_meet_are_exported(module: object) -> None:
    own = {
        name
        for name, found in vars(module).items()
        if inspect.isclass(found) and found.__module__ == module.__name__ and not name.startswith("_")  # type: ignore[attr-defined]
    }
    assert own - set(pytest_rtmedload.__all__) <= {"Kind"}


def test_the_handle_shows_documented_names_only() -> None:
    names = {name for name in dir(Load) if not name.startswith("_")}
    assert names == {
        *("user", "iteration", "random", "data", "settings", "nodeid", "dialect"),
        *("http", "ws", "call", "observe", "measure", "record", "value", "count", "check", "tag", "think"),
    }
