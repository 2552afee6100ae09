"""GitHub Actions: a summary of the run on the job's page, and annotations next to the tests.

The rule: the summary is appended whole or not at all, and never grows beyond what GitHub takes of a step, as it would
throw all of it away; a workflow command is always a single line. Both as GitHub documents them ("Workflow
commands for GitHub Actions"); the escapes are those of its own toolkit.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.report.ci.markdown import MOST_TESTS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from pytest_rtmedload.report.ci.annotations import Annotation
    from pytest_rtmedload.report.ci.context import CiContext

MOST_BYTES: Final = 1_000_000
"""Of the 1 MiB that all writers of a step's summary share; GitHub silently drops a larger one."""
_FEWER: Final = (MOST_TESTS, 50, 10, 0)
"""Tests shown, until the summary fits."""
_IN_DATA: Final = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_IN_PROPERTY: Final = {**_IN_DATA, **str.maketrans({":": "%3A", ",": "%2C"})}


class GitHubActions:
    """One step of a job.

    Args:
        summary: the file that takes the step's summary; None when there is none.
        commands: whether the runner reads what is printed.
        checkout: where the repository lies.
    """

    def __init__(self, summary: Path | None, checkout: Path | None, *, commands: bool) -> None:
        self._summary = summary
        self._commands = commands
        self.checkout = checkout

    @classmethod
    def found(cls, environment: Mapping[str, str]) -> Self | None:
        """GitHub Actions, if this process runs there."""
        summary = environment.get("GITHUB_STEP_SUMMARY")
        commands = environment.get("GITHUB_ACTIONS") == "true"
        if not summary and not commands:
            return None
        checkout = environment.get("GITHUB_WORKSPACE")
        return cls(Path(summary) if summary else None, Path(checkout) if checkout else None, commands=commands)

    def annotate(self, news: CiContext) -> list[str]:
        """Workflow commands, to be printed one a line."""
        return [command(note) for note in news.annotations] if self._commands else []

    def summarise(self, news: CiContext) -> list[str]:
        """Append the summary; nothing has to be printed for it.

        Raises:
            OSError: it could not be written; the message is one line.
        """
        if self._summary is not None:
            self._append(self._summary, news)
        return []

    def _append(self, path: Path, news: CiContext) -> None:
        try:
            taken = path.stat().st_size if path.exists() else 0
            for most in _FEWER:
                content = ("\n" if taken else "").encode() + news.markdown(most)
                if taken + len(content) <= MOST_BYTES:
                    with path.open("ab") as file:
                        file.write(content)
                    return
        except OSError as error:
            raise OSError(f"{path} (GITHUB_STEP_SUMMARY): {error.strerror or error}") from None
        raise OSError(f"{path} (GITHUB_STEP_SUMMARY): no space left: a step's summary may have 1 MiB")


def command(note: Annotation) -> str:
    """An annotation as a workflow command."""
    place = {"file": note.file, "line": note.line if note.file else None, "title": note.title}
    properties = ",".join(f"{name}={str(value).translate(_IN_PROPERTY)}" for name, value in place.items() if value)
    text = "\n".join(note.lines)
    return f"::{note.level} {properties}::{text.translate(_IN_DATA)}"
