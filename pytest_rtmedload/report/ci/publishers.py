"""Publishes a run to the CI server it runs on.

The rule: a server is one that names itself in the environment. Every server gets the same data, in the format that it
documents; what cannot be published costs one line, never a result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pytest_rtmedload.report.ci.annotations import TestLocations, annotate
from pytest_rtmedload.report.ci.azure_devops import AzureDevOps
from pytest_rtmedload.report.ci.context import CiContext
from pytest_rtmedload.report.ci.github import GitHubActions
from pytest_rtmedload.text.formats import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from pytest_rtmedload.report.written import ReportFiles
    from pytest_rtmedload.results.model import RunResult


class CiServer(Protocol):
    """A CI server."""

    @property
    def checkout(self) -> Path | None:
        """Where the repository lies; what the server's paths are relative to."""

    def annotate(self, news: CiContext) -> list[str]:
        """What it reads from standard output about single tests, line by line."""

    def summarise(self, news: CiContext) -> list[str]:
        """Write the summary where it reads that; returns what has to be printed for it, line by line.

        Raises:
            OSError: it could not be written; the message is one line.
        """


class CiPublisher:
    """Publishes a run to a server.

    Args:
        server: the server.
        root: what pytest's paths are relative to.
    """

    def __init__(self, server: CiServer, root: Path) -> None:
        self._server = server
        self.locations = TestLocations(root, server.checkout)
        """To be registered with pytest: its reports say where tests are."""

    def announce(
        self, run: RunResult, written: ReportFiles, redact: Callable[[str], str], *, goals_fail: bool
    ) -> list[str]:
        """Returns the lines to be printed; what could not be published is one of the problems of `written`."""
        try:
            news = CiContext(run, written, annotate(run, self.locations, redact, goals_fail=goals_fail), redact)
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


def ci_publishers(environment: Mapping[str, str], root: Path, further: Iterable[CiServer] = ()) -> list[CiPublisher]:
    """Those for the servers that name themselves, usually none or one, and for further ones."""
    found = (find(environment) for find in (GitHubActions.found, AzureDevOps.found))
    return [CiPublisher(server, root) for server in (*found, *further) if server is not None]
