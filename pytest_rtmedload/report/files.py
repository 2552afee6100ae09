"""Report files: no result is lost, and none is overwritten.

The JSON is written first and appears only when it is complete. Every other report may fail on its own (a full disk,
a broken template): that costs one line. A run never overwrites another run's files; only the `latest` copies change,
and one that could not be renewed is removed, so that `latest` is never an older run.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_rtmedload.report import csv_report, formats, json_report, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from pytest_rtmedload.results.model import RunResult

PREFIX = "load_test_report_"
SUFFIXES = (".json", ".csv", "_timeline.csv", ".html", "_summary.log")
_OPTION = "name another directory with --load-report-dir"


@dataclass(slots=True)
class Written:
    """What was written and what was not."""

    paths: dict[str, Path] = field(default_factory=dict)
    """Suffix (`.json`, `_timeline.csv` …) → the file of this run."""
    latest: dict[str, Path] = field(default_factory=dict)
    """Suffix → the copy under a name that stays the same."""
    problems: list[str] = field(default_factory=list)
    """One line for each report that could not be written."""

    @property
    def json(self) -> Path | None:
        """The machine-readable result, or None when even that could not be written."""
        return self.paths.get(".json")

    def main_paths(self) -> list[Path]:
        """The files worth printing: for people first."""
        return [self.paths[suffix] for suffix in (".html", ".json", "_summary.log") if suffix in self.paths]


def prepare_directory(path: Path) -> None:
    """Create the report directory and try it, so that a run of an hour does not end without its results.

    Raises:
        OSError: it cannot be created or written to; the message is one line for the user.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise FileExistsError(f"report directory {path}: a file is in the way; {_OPTION}") from None
    except OSError as error:
        raise _explained(f"report directory {path}: cannot be created", error) from None
    try:
        with tempfile.TemporaryFile(dir=path) as file:
            file.write(b"\0")
    except OSError as error:
        raise _explained(f"report directory {path}: cannot be written to", error) from None


def write_reports(run: RunResult, directory: Path, stamp: datetime) -> Written:
    """Write all reports of a run; never raises for a report that fails.

    Args:
        run: the finished or interrupted run.
        directory: created when missing.
        stamp: names the files, `load_test_report_<YYYYmmdd_HHMMSS>…`; a second run in that second gets `_2`.

    Returns:
        The paths, and one line for each report that could not be written.
    """
    written = Written()
    stem = f"{PREFIX}{stamp:%Y%m%d_%H%M%S}"
    with _noted(written, f"report directory {directory}"):
        directory.mkdir(parents=True, exist_ok=True)
    if written.problems:
        return written
    with _noted(written, f"{directory / stem}.json"):
        stem = _write_json(run, directory, stem)
        written.paths[".json"] = directory / f"{stem}.json"
    for suffix, render in _renderers(run, written).items():
        path = directory / f"{stem}{suffix}"
        with _noted(written, str(path)):
            _replace(path, render().encode("utf-8", "backslashreplace"))
            written.paths[suffix] = path
    for suffix in SUFFIXES:
        _renew_latest(written, directory, suffix)
    return written


def _renderers(run: RunResult, written: Written) -> dict[str, Callable[[], str]]:
    """Suffix → content; the log comes last and names the others."""
    return {
        ".csv": lambda: csv_report.metrics_csv(run),
        "_timeline.csv": lambda: csv_report.timeline_csv(run),
        ".html": lambda: _page(run),
        "_summary.log": lambda: text.summary_text(run, list(map(str, written.paths.values())), written.problems),
    }


def _page(run: RunResult) -> str:
    from pytest_rtmedload.report.html import page  # noqa: PLC0415 - jinja2 takes 50 ms

    return page(run)


def _write_json(run: RunResult, directory: Path, stem: str) -> str:
    """Write the JSON under the first free stem: its temporary file, created exclusively, reserves the name."""
    content = json_report.to_json(run)
    number = 1
    while True:
        name = stem if number == 1 else f"{stem}_{number}"
        temporary = directory / f".{name}.json.tmp"
        number += 1
        try:
            file = temporary.open("xb")
        except FileExistsError:
            continue
        try:
            with file:
                if any((directory / f"{name}{suffix}").exists() for suffix in SUFFIXES):
                    continue
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(directory / f"{name}.json")
        finally:
            temporary.unlink(missing_ok=True)
        return name


def _renew_latest(written: Written, directory: Path, suffix: str) -> None:
    latest = directory / f"{PREFIX}latest{suffix}"
    with _noted(written, str(latest)):
        if suffix in written.paths:
            _replace(latest, written.paths[suffix].read_bytes())
            written.latest[suffix] = latest
        else:
            latest.unlink(missing_ok=True)


def _replace(path: Path, content: bytes) -> None:
    """Write a file so that it is there completely or as it was before."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _noted(written: Written, what: str) -> Iterator[None]:
    """Turn a failure into one line: the other reports still have to be written."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - a template or a renderer may fail in any way
        detail = error.strerror if isinstance(error, OSError) and error.strerror else f"{type(error).__name__}: {error}"
        written.problems.append(formats.one_line(f"{what}: {detail}", 300))


def _explained(what: str, error: OSError) -> OSError:
    """An error of the same class whose text is one line for the user."""
    return type(error)(f"{what} ({error.strerror or error}); {_OPTION}")
