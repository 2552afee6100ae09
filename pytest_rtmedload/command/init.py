"""`pytest-rtmedload init`: writes the standard suite into a project.

The rule: an existing file with different content is overwritten only with --force; without it nothing is written at
all. Existing pytest settings are never changed: a section is added where there are none, otherwise it is printed.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Final

from pytest_rtmedload.command.exit_codes import WRONG
from pytest_rtmedload.command.settings_file import HEADING, addition_to, new_file, section, settings_file
from pytest_rtmedload.command.suite_files import suite_files
from pytest_rtmedload.report.files import replace_file
from pytest_rtmedload.text.formats import count

SUITE: Final = Path("tests", "load")
"""The suite's place in a project; its folders are the groups of the load tests."""


def write_suite(directory: str, *, force: bool = False) -> int:
    """Write the suite and the section of settings; returns the exit status.

    Args:
        directory: the project; created if it does not exist.
        force: overwrite files of the suite that were changed.
    """
    project = Path(directory)
    files = {project / SUITE / name: content for name, content in suite_files().items()}
    if not files:
        return _wrong("this installation does not contain the suite", "install pytest-rtmedload from a wheel")
    try:
        changed = [path for path, content in files.items() if path.exists() and path.read_bytes() != content]
        if changed and not force:
            more = f" and {count(len(changed) - 1, 'more file')}" if len(changed) > 1 else ""
            return _wrong(f"{changed[0]}{more} would be overwritten", "nothing was written; --force overwrites")
        _write_files(project, files, changed)
        _write_settings(project)
    except OSError as error:
        return _wrong(f"{error.filename or project}: {error.strerror or error}", "correct it and try again")
    _say_what_is_next(directory)
    return 0


def _write_files(project: Path, files: dict[Path, bytes], changed: list[Path]) -> None:
    new = [path for path in files if not path.exists()]
    for path in (*new, *changed):
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, files[path])
    done = [f"{count(len(paths), word)}" for paths, word in ((new, "new file"), (changed, "overwritten file")) if paths]
    if done:
        _say(f"written: {project / SUITE}, {' and '.join(done)}")
    else:
        _say(f"unchanged: {project / SUITE} is the suite of this version")


def _write_settings(project: Path) -> None:
    """Add the section if pytest finds no settings, otherwise print it."""
    found = settings_file(project.resolve())
    file = found or new_file(project)
    before = file.read_bytes() if file.is_file() else b""
    text = section(file, commented=bool(before))
    if HEADING.encode() in before:
        _say(f"unchanged: {file} has the settings of load tests")
        return
    addition = None if found else addition_to(before, text)
    if addition is not None:
        with file.open("ab") as appended:
            appended.write(addition)
        _say(f"written: {file}, settings of load tests, commented out")
        return
    _say(f"unchanged: {file}; to its settings of pytest you may add:\n")
    _say("".join(f"    {line}\n" for line in text.splitlines()))


def _say_what_is_next(directory: str) -> None:
    enter = "" if Path(directory).resolve() == Path.cwd() else f"cd {shlex.quote(directory)} && "
    _say("next, on the embedded agent, then on yours:")
    _say(f"    {enter}pytest -m load --suite smoke {SUITE.as_posix()}")
    _say(f"    {enter}pytest -m load --suite quick {SUITE.as_posix()} --host https://agent.example")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


def _wrong(reason: str, do: str) -> int:
    sys.stderr.write(f"pytest-rtmedload init: {reason}: {do}\n")
    return WRONG
