"""Report files: no result is lost, and none is overwritten.

The JSON is written first and appears only when it is complete. Every other report may fail on its own (a full disk,
a broken template): that costs one line. A run never overwrites another run's files, not even when two end in the same
second; only the `latest` copies change, all by one run before the next, and one that could not be renewed is removed,
so that `latest` is never an older run. Every file is complete or unchanged.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import secrets
import shutil
import tempfile
import time
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.report import csv_report, json_report
from pytest_rtmedload.report.terminal import summary
from pytest_rtmedload.report.written import ReportFiles
from pytest_rtmedload.text import formats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from pytest_rtmedload.results.model import RunResult

PREFIX = "load_test_report_"
SUFFIXES = (".json", ".csv", "_timeline.csv", ".html", "_summary.log")
SAMPLES_SUFFIX = "_samples.csv"
"""Of the samples one by one, which are written while the run goes on; only on request."""
TAKEN: Final = frozenset((*SUFFIXES, SAMPLES_SUFFIX))
SUFFIX: Final = re.compile(r"[._][A-Za-z0-9._-]*\.?[A-Za-z0-9]+")
"""Pattern for the ending of a further report's name."""
_OPTION = "name another directory with --load-report-dir"
_TURN_S: Final = 5.0
"""Longest wait for another run to renew its `latest` copies, which takes milliseconds."""
_TURN_PAUSE_S: Final = 0.01


def prepare_directory(path: Path) -> None:
    """Create the report directory and test it, so that a run of an hour does not end without its results.

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


def write_reports(
    run: RunResult,
    directory: Path,
    stamp: datetime,
    samples: Path | None = None,
    problems: Iterable[str] = (),
    further: Mapping[str, bytes] = MappingProxyType({}),
    *,
    latest: bool = True,
) -> ReportFiles:
    """Write all reports of a run; never raises for a report that fails.

    Args:
        run: the finished or interrupted run.
        directory: created when missing.
        stamp: names the files, `load_test_report_<YYYYmmdd_HHMMSS>…`; a second run in that second gets `_2`.
        samples: the file of samples, complete, which is renamed to match the other files.
        problems: what went wrong before; one line each.
        further: the content of further reports, by the ending of their names.
        latest: False for a run that is not the latest: the `latest` copies stay as they are.

    Returns:
        The paths, and one line for each report that could not be written.
    """
    written = ReportFiles(problems=list(problems))
    with _noted(written, f"report directory {directory}"), contextlib.ExitStack() as stack:
        directory.mkdir(parents=True, exist_ok=True)
        written.stem = directory / stack.enter_context(_reserved(directory, f"{PREFIX}{stamp:%Y%m%d_%H%M%S}"))
        if samples is not None:
            _adopt_samples(written, samples, written.stem)
        _write_all(run, written, written.stem, further)
        stack.enter_context(_turn(directory))
        endings = dict.fromkeys((*SUFFIXES, SAMPLES_SUFFIX, *further, *_earlier_endings(directory)))
        for suffix in endings if latest else ():
            _renew_latest(written, directory, suffix)
    return written


def _adopt_samples(written: ReportFiles, samples: Path, stem: Path) -> None:
    """Samples were written before a free name was known: it is usually theirs."""
    path = stem.with_name(stem.name + SAMPLES_SUFFIX)
    with _noted(written, str(samples)):
        written.paths[SAMPLES_SUFFIX] = samples if path.exists() else samples.rename(path)


def _earlier_endings(directory: Path) -> list[str]:
    """Endings of the `latest` copies of earlier runs: one that this run does not write is removed."""
    latest = f"{PREFIX}latest"
    endings = [path.name.removeprefix(latest) for path in directory.glob(f"{latest}*")]
    return [ending for ending in endings if SUFFIX.fullmatch(ending)]


def _write_all(run: RunResult, written: ReportFiles, stem: Path, further: Mapping[str, bytes]) -> None:
    """Write the JSON first, then further reports and those for people."""
    given = {suffix: functools.partial(further.__getitem__, suffix) for suffix in further}
    renderers: dict[str, Callable[[], bytes]] = {".json": lambda: json_report.to_json(run)}
    renderers |= given
    renderers |= _renderers(run, written)
    for suffix, render in renderers.items():
        path = stem.with_name(stem.name + suffix)
        with _noted(written, str(path)):
            replace_file(path, render(), durable=suffix == ".json")
            written.paths[suffix] = path


def _renderers(run: RunResult, written: ReportFiles) -> dict[str, Callable[[], bytes]]:
    """Suffix → content; the log comes last and names the others."""

    def log() -> str:
        return summary.summary_text(run, [path.name for path in written.paths.values()], written.problems)

    return {
        ".csv": lambda: utf8(csv_report.metrics_csv(run)),
        "_timeline.csv": lambda: utf8(csv_report.timeline_csv(run)),
        ".html": lambda: utf8(_page(run)),
        "_summary.log": lambda: utf8(log()),
    }


def _page(run: RunResult) -> str:
    from pytest_rtmedload.report.page.html import page  # noqa: PLC0415 - jinja2 takes 50 ms

    return page(run)


def utf8(content: str) -> bytes:
    """A report's text as its file holds it: paths and answers may contain what UTF-8 cannot encode."""
    return content.encode("utf-8", "backslashreplace")


@contextlib.contextmanager
def _reserved(directory: Path, stem: str) -> Iterator[str]:
    """The first free stem, ours until the reports are written: a hidden file, created exclusively, says so."""
    number = 1
    while True:
        name = stem if number == 1 else f"{stem}_{number}"
        reservation = directory / f".{name}.reserved"
        number += 1
        try:
            reservation.open("xb").close()
        except FileExistsError:
            continue
        try:
            if not any((directory / f"{name}{suffix}").exists() for suffix in SUFFIXES):
                yield name
                return
        finally:
            reservation.unlink(missing_ok=True)


@contextlib.contextmanager
def _turn(directory: Path) -> Iterator[None]:
    """Let one run at a time renew its copies, so that they are all of the same run; where the platform can lock."""
    try:
        import fcntl  # noqa: PLC0415 - not on Windows

        folder = os.open(directory, os.O_RDONLY)
    except (ImportError, OSError):
        yield
        return
    try:
        given_up = time.monotonic() + _TURN_S
        while time.monotonic() < given_up:
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(_TURN_PAUSE_S)  # a blocking flock has no time-out
            except OSError:  # a file system without locks
                break
        yield
    finally:
        os.close(folder)


def _renew_latest(written: ReportFiles, directory: Path, suffix: str) -> None:
    latest = directory / f"{PREFIX}latest{suffix}"
    with _noted(written, str(latest)):
        if suffix in written.paths:
            _copy_file(written.paths[suffix], latest)
            written.latest[suffix] = latest
        else:
            latest.unlink(missing_ok=True)


def replace_file(path: Path, content: bytes, *, durable: bool = False) -> None:
    """Write a file so that it is always either complete or unchanged.

    Args:
        path: of the file.
        content: all of it.
        durable: whether it must survive a machine that stops right afterwards.

    Raises:
        OSError: it could not be written; nothing has changed.
    """
    with _replacement(path) as temporary, temporary.open("xb") as file:
        file.write(content)
        if durable:
            file.flush()
            os.fsync(file.fileno())


def _copy_file(source: Path, path: Path) -> None:
    """The same, with the content of another file, which may be larger than the memory."""
    with _replacement(path) as temporary:
        shutil.copyfile(source, temporary)


@contextlib.contextmanager
def _replacement(path: Path) -> Iterator[Path]:
    """A temporary name for content that will replace a file."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _noted(written: ReportFiles, what: str) -> Iterator[None]:
    """Turn a failure into one line: the other reports still have to be written."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - a template or a renderer may fail in any way
        detail = error.strerror if isinstance(error, OSError) and error.strerror else f"{type(error).__name__}: {error}"
        written.problems.append(formats.one_line(f"{what}: {detail}", 300))


def _explained(what: str, error: OSError) -> OSError:
    """An error of the same class whose text is one line for the user."""
    return type(error)(f"{what} ({error.strerror or error}); {_OPTION}")
