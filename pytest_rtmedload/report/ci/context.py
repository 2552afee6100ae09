"""What can be published about a run on a CI server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_rtmedload.report.ci.markdown import markdown
from pytest_rtmedload.report.files import utf8

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_rtmedload.report.ci.annotations import Annotation
    from pytest_rtmedload.report.written import ReportFiles
    from pytest_rtmedload.results.model import RunResult


@dataclass(frozen=True)
class CiContext:
    """The data to publish."""

    run: RunResult
    written: ReportFiles
    """The reports."""
    annotations: list[Annotation]
    redact: Callable[[str], str]
    """Replaces secrets."""

    def markdown(self, most: int) -> bytes:
        """The summary in UTF-8, with at most this many tests."""
        paths = [str(path) for path in self.written.main_paths()]
        return utf8(markdown(self.run, paths, redact=self.redact, most=most))
