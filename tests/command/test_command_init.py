"""`pytest-rtmedload init`: the whole suite, runnable, and nothing of the project lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest

from pytest_rtmedload.command.main import main
from pytest_rtmedload.command.settings_file import SECTIONS, SETTINGS, addition_to
from pytest_rtmedload.embedded.launcher import EmbeddedAgent
from pytest_rtmedload.embedded.settings import EmbeddedSettings
from pytest_rtmedload.plugin.options import OPTIONS
from tests.docs.pages import ROOT

SUITE = ROOT / "tests" / "load"
CONFTEST = Path("tests", "load", "conftest.py")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.py")}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project, which is the current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_an_empty_project_gets_the_suite_and_settings(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init"]) == 0
    assert contents(project / "tests" / "load") == contents(SUITE)
    ours = tomllib.loads((project / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    assert ours == {"asyncio_default_fixture_loop_scope": "function"}
    assert "    pytest -m load --suite smoke tests/load\n" in capsys.readouterr().out


def test_another_folder_is_made_and_named_in_the_next_command(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", "new one"]) == 0
    assert (project / "new one" / CONFTEST).is_file()
    assert "    cd 'new one' && pytest -m load" in capsys.readouterr().out


def test_a_second_time_changes_nothing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["init"])
    before = {path: path.stat().st_mtime_ns for path in project.rglob("*.*")}
    capsys.readouterr()
    assert main(["init"]) == 0
    assert {path: path.stat().st_mtime_ns for path in project.rglob("*.*")} == before
    unchanged = [line for line in capsys.readouterr().out.splitlines() if line.startswith("unchanged: ")]
    assert len(unchanged) == 2


def test_a_changed_file_stops_everything_unless_forced(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / CONFTEST).parent.mkdir(parents=True)
    (project / CONFTEST).write_text("mine = 1\n")
    assert main(["init"]) == 2
    assert [path for path in project.rglob("*") if path.is_file()] == [project / CONFTEST]
    assert (project / CONFTEST).read_text() == "mine = 1\n"
    assert capsys.readouterr().err.splitlines() == [
        f"pytest-rtmedload init: {CONFTEST} would be overwritten: nothing was written; --force overwrites"
    ]
    assert main(["init", "--force"]) == 0
    assert contents(project / "tests" / "load") == contents(SUITE)
    assert "24 new files and 1 overwritten file" in capsys.readouterr().out.splitlines()[0]


@pytest.mark.parametrize("name", list(SECTIONS))
def test_settings_that_pytest_finds_stay_as_they_are(
    name: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    header = f"[{SECTIONS[name]}]"
    value = '"-q"' if name.endswith("toml") else "-q"
    (project / name).write_text(f"{header}\naddopts = {value}\n")
    assert main(["init"]) == 0
    assert (project / name).read_text() == f"{header}\naddopts = {value}\n"
    assert {path.name for path in project.iterdir()} == {name, "tests"}
    shown = capsys.readouterr().out
    assert f"    {header}\n" in shown
    quick = '"quick"' if name.endswith("toml") else "quick"
    assert f"# load_suite = {quick}\n" in shown


def test_settings_of_a_folder_above_stay_in_force(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "pytest.ini").write_text("[pytest]\n")
    assert main(["init", "part"]) == 0
    assert not list((project / "part").glob("py*"))
    assert str(project / "pytest.ini") in capsys.readouterr().out


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_pyproject_about_other_things_is_added_to(newline: str, project: Path) -> None:
    before = '[project]\nname = "mine"\n\n[tool.black]\nline-length = 88'.replace("\n", newline).encode()
    (project / "pyproject.toml").write_bytes(before)
    assert main(["init"]) == 0
    after = (project / "pyproject.toml").read_bytes()
    assert after.startswith(before)
    assert after.count(b"\r\n") == (after.count(b"\n") if newline == "\r\n" else 0)
    told = tomllib.loads(after.decode())
    assert told["tool"].pop("pytest") == {"ini_options": {}}  # nothing that would change other tests
    assert told == tomllib.loads(before.decode())


@pytest.mark.parametrize("before", [b"[tool\n", b"\xff\n", b"tool = {}\n", b"tool.x = 1\n[tool.pytest.y]\n"])
def test_a_pyproject_that_cannot_be_added_to(before: bytes, project: Path) -> None:
    (project / "pyproject.toml").write_bytes(before)
    assert main(["init"]) == 0
    assert (project / "pyproject.toml").read_bytes() == before


def test_a_section_is_never_added_twice() -> None:
    assert addition_to(b"[tool.pytest.ini_options]\nx = 1\n", "[tool.pytest.ini_options]\n") is None


def test_a_project_with_setup_py_gets_no_pyproject(project: Path) -> None:
    (project / "setup.py").write_text("")
    assert main(["init"]) == 0
    assert (project / "pytest.ini").read_text().startswith("[pytest]\n")
    assert not (project / "pyproject.toml").exists()


def test_what_cannot_be_written_is_one_line(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "file").write_text("")
    assert main(["init", "file"]) == 2
    assert capsys.readouterr().err == (
        "pytest-rtmedload init: file/tests/load: Not a directory: correct it and try again\n"
    )


def test_every_setting_is_an_option() -> None:
    known = {option.dest for option in OPTIONS} | {"load_targets", "asyncio_default_fixture_loop_scope"}
    assert {setting.name for setting in SETTINGS} <= known


class Installed:
    """The wheel in a new environment, with what it needs from this one but without this checkout."""

    def __init__(self, folder: Path) -> None:
        build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
        subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
        (wheel,) = folder.glob("*.whl")
        venv.create(folder / "venv", symlinks=True)
        self.python = folder / "venv" / "bin" / "python"
        packages = Path(self("-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip())
        zipfile.ZipFile(wheel).extractall(packages)
        (packages / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n")

    def __call__(self, *arguments: str, cwd: Path) -> str:
        unset = ("PYTHONPATH", "PYTEST_ADDOPTS", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "TF_BUILD")
        environment = {name: value for name, value in os.environ.items() if name not in unset}
        ended = subprocess.run(
            [self.python, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout


@pytest.mark.slow
def test_the_suite_of_the_wheel_runs_in_an_empty_project(
    tmp_path_factory: pytest.TempPathFactory, project: Path
) -> None:
    python = Installed(tmp_path_factory.mktemp("environment"))
    assert str(ROOT) not in python("-c", "import pytest_rtmedload; print(pytest_rtmedload.__file__)", cwd=project)
    python("-m", "pytest_rtmedload", "init", cwd=project)
    assert contents(project / "tests" / "load") == contents(SUITE)
    # all of it is imported in pytest's default mode, and the quick part runs
    load = ("-m", "pytest", "-m", "load", "--suite", "smoke", "-k", "api", "-W", "error", "tests/load")
    python(*load, cwd=project)
    assert agent_of(project)["embedded"] is True
    with EmbeddedAgent.start(EmbeddedSettings.parse([], 1)) as agent:
        allowed = ("--host", agent.url, "--load-allow-calls", "--load-call-number", "+15550100000")
        python(*load, *allowed, cwd=project)
    assert agent_of(project)["url"] == agent.url
    assert agent_of(project)["embedded"] is False


def agent_of(project: Path) -> dict[str, Any]:
    run = json.loads((project / "results" / "load_test_report_latest.json").read_text())["run"]
    return run["agent"]  # type: ignore[no-any-return]
