"""`pytest-rtmedload report`: creates the page of a JSON result, or all reports of a run that was killed.

The rule: if the file cannot be read, one line says so and nothing is overwritten; an existing page is replaced by a
complete one or not at all.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pytest_rtmedload.command.exit_codes import WRONG
from pytest_rtmedload.report.files import replace_file, utf8
from pytest_rtmedload.report.json_reader import NotAResult, from_json
from pytest_rtmedload.report.recovery import SUFFIX, RunUnderWay, recover


def draw(file: str, out: str | None) -> int:
    """Write the page.

    Args:
        file: the JSON result, or what a killed run has left (`….partial.jsonl`).
        out: the page; in the folder of the result if not given.
    """
    source = _path(file)
    if source.name.endswith(SUFFIX):
        return _recovered(source, out)
    target = source.with_suffix(".html") if out is None else _path(out)
    try:
        content = _page(source)
    except (OSError, NotAResult) as error:
        return _wrong(source, error)
    if target.exists() and target.samefile(source):
        return _wrong(source, "would be overwritten by its own page: choose another file with -o")
    try:
        replace_file(target, content)
    except OSError as error:
        return _wrong(target, error)
    sys.stdout.write(f"written: {target}\n")
    return 0


def _path(text: str) -> Path:
    return Path(os.path.expanduser(text))  # noqa: PTH111 - unlike pathlib's it never raises


def _recovered(source: Path, out: str | None) -> int:
    """Write the reports of a run that was killed, and the page once more where it was asked for."""
    try:
        written = recover(source)
    except RunUnderWay:
        return _wrong(source, "the run that writes this file has not ended: wait for its reports")
    except (OSError, NotAResult) as error:
        return _wrong(source, error)
    if written.json is None:
        return _wrong(source, "; ".join(written.problems))
    for path in written.main_paths():
        sys.stdout.write(f"written: {path}\n")
    return 0 if out is None else draw(str(written.json), out)


def _page(source: Path) -> bytes:
    from pytest_rtmedload.report.page.html import page  # noqa: PLC0415 - jinja2 takes 50 ms, a wrong file needs none

    return utf8(page(from_json(source.read_bytes())))


def _wrong(path: Path, reason: Exception | str) -> int:
    text = reason.strerror if isinstance(reason, OSError) and reason.strerror else reason
    sys.stderr.write(f"pytest-rtmedload report: {path}: {text}\n")
    return WRONG
