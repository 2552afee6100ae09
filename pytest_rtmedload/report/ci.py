"""A run told to the CI server it runs on.

The rule: a server is one that names itself in the environment. It gets the same news as every other, each in the words
it documents; what cannot be told costs one line, never a result.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pytest_rtmedload.report.annotations import Annotation, Places, annotate
from pytest_rtmedload.report.azure_devops import AzureDevOps
from pytest_rtmedload.report.files import utf8
from pytest_rtmedload.report.formats import one_line
from pytest_rtmedload.report.github import GitHubActions
from pytest_rtmedload.report.markdown import markdown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pytest_rtmedload.report.files import Written
    from pytest_rtmedload.results.model import RunResult


@dataclass(frozen=True)
class News:
    """What there is to tell."""

    run: RunResult
    written: Written
    """The reports."""
    annotations: list[Annotation]
    redact: Callable[[str], str]
    """Replaces secrets."""

    def markdown(self, most: int) -> bytes:
        """The summary, UTF-8, with so many tests."""
        paths = [str(path) for path in self.written.main_paths()]
        return utf8(markdown(self.run, paths, redact=self.redact, most=most))


class Server(Protocol):
    """A CI server."""

    @property
    def checkout(self) -> Path | None:
        """Where the repository lies; what the server's paths are relative to."""

    def annotate(self, news: News) -> list[str]:
        """What it reads from standard output about single tests, line by line."""

    def summarise(self, news: News) -> list[str]:
        """Write the summary where it reads that; returns what has to be printed for it, line by line.

        Raises:
            OSError: it could not be written; the message is one line.
        """


class Announcer:
    """Tells a server about a run.

    Args:
        server: the server.
        root: what pytest's paths are relative to.
    """

    def __init__(self, server: Server, root: Path) -> None:
        self._server = server
        self.places = Places(root, server.checkout)
        """To be registered with pytest: its reports say where tests are."""

    def announce(
        self, run: RunResult, written: Written, redact: Callable[[str], str], *, goals_fail: bool
    ) -> list[str]:
        """Returns the lines to be printed; what could not be told is one of the problems of `written`."""
        try:
            news = News(run, written, annotate(run, self.places, redact, goals_fail=goals_fail), redact)
        except Exception as error:  # noqa: BLE001 - whatever it is, the results are written
            written.problems.append(_problem(error))
            return []
        lines: list[str] = []
        for tell in (self._server.annotate, self._server.summarise):
            try:
                lines += tell(news)
            except Exception as error:  # noqa: BLE001 - as above
                written.problems.append(_problem(error))
        return lines


def _problem(error: Exception) -> str:
    detail = str(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
    return one_line(f"summary for the CI server: {detail}", 300)


def announcers(environment: Mapping[str, str], root: Path) -> list[Announcer]:
    """Those for the servers that name themselves; usually none or one."""
    found = (find(environment) for find in (GitHubActions.found, AzureDevOps.found))
    return [Announcer(server, root) for server in found if server is not None]
