"""The pytest settings of a project: the file with them, and a section for load tests in the syntax of that file.

The rule: to an existing file a section is only appended, and only if the rest of its content remains the same. If
pytest already finds settings for the project, no file is written, because pytest would use the new one instead.
"""

from __future__ import annotations

import configparser
import json
import tomllib
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

SECTIONS: Final = {
    "pytest.toml": "pytest",
    ".pytest.toml": "pytest",
    "pytest.ini": "pytest",
    ".pytest.ini": "pytest",
    "pyproject.toml": "tool.pytest.ini_options",
    "tox.ini": "pytest",
    "setup.cfg": "tool:pytest",
}
"""Files in which pytest looks for its settings, in its order → the section it reads."""
ALWAYS_READ: Final = 4
"""The first ones are used even without the section."""
HEADING: Final = "# Load tests (pytest-rtmedload). An option on the command line counts before its setting here."


class Setting(NamedTuple):
    """One line of the section."""

    name: str
    value: str | list[str]
    comment: str
    active: bool = False
    """Whether a new file has the line uncommented."""


SETTINGS: Final = (
    Setting("asyncio_default_fixture_loop_scope", "function", "pytest-asyncio warns without it", active=True),
    Setting("load_suite", "quick", "smoke, quick, standard or comprehensive"),
    Setting("load_host", "https://agent.example", "without it the embedded agent answers"),
    Setting("load_dialect", "rtmedagent", "the agent's paths and messages"),
    Setting("load_users", "10", "of every load test, whatever the suite says"),
    Setting("load_duration", "30s", "measured time of every load test"),
    Setting("load_targets", ["voice.loop:p95=700"], "limits that replace those in the tests"),
    Setting("load_report_dir", "results", "where reports are written"),
)


def settings_file(project: Path) -> Path | None:
    """The file with the pytest settings of a project, in its folder or a parent folder; None if there is none."""
    for folder in (project, *project.parents):
        for number, name in enumerate(SECTIONS):
            file = folder / name
            if file.is_file() and (number < ALWAYS_READ or _has_section(file)):
                return file
    return None


def new_file(project: Path) -> Path:
    """The file to write if there is none: `pyproject.toml`, unless that would change how pip builds a `setup.py`."""
    legacy = (project / "setup.py").exists() or (project / "setup.cfg").exists()
    return project / ("pytest.ini" if legacy else "pyproject.toml")


def section(file: Path, *, commented: bool) -> str:
    """The section in the syntax of a file.

    Args:
        file: only its name counts.
        commented: comment out every setting, so that existing tests run as before.
    """
    assign = _toml if file.suffix == ".toml" else _ini
    lines = [f"[{SECTIONS[file.name]}]", HEADING]
    for setting in SETTINGS:
        mark = "" if setting.active and not commented else "# "
        lines += [f"# {setting.comment}:", f"{mark}{assign(setting)}"]
    return "\n".join(lines) + "\n"


def addition_to(before: bytes, addition: str) -> bytes | None:
    """What to append to a TOML file to add the section; None if that would change or break the rest."""
    newline = b"\r\n" if b"\r\n" in before else b"\n"
    gap = newline * (0 if not before else 1 if before.endswith(b"\n") else 2)
    end = gap + addition.encode().replace(b"\n", newline)
    try:
        old, new = tomllib.loads(before.decode()), tomllib.loads((before + end).decode())
        new["tool"].pop("pytest")
    except (ValueError, KeyError):  # broken, or an ini file
        return end if not before else None
    old.setdefault("tool", {})
    return end if new == old else None


def _has_section(file: Path) -> bool:
    """Whether a file that is shared with other tools has pytest settings; True for one that cannot be read."""
    try:
        text = file.read_bytes().decode()
        if file.suffix == ".toml":
            return "pytest" in tomllib.loads(text).get("tool", {})
        parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
        parser.read_string(text)
    except (ValueError, configparser.Error):
        return True
    return parser.has_section(SECTIONS[file.name])


def _toml(setting: Setting) -> str:
    return f"{setting.name} = {json.dumps(setting.value)}"


def _ini(setting: Setting) -> str:
    value = setting.value if isinstance(setting.value, str) else " ".join(setting.value)
    return f"{setting.name} = {value}"
