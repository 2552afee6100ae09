"""Azure DevOps: a summary of the run on the pipeline's page, issues next to the tests, and reports to download.

The rule: a pipeline's agent gets the commands that Microsoft documents ("Logging commands"): `task.uploadsummary` for
the Markdown, which it reads from a file with an absolute path; `task.logissue` for each test that did not pass; and
`task.uploadfile` for the page and the JSON, which then lie next to the logs of the step. (Files of
`task.addattachment` can be seen by extensions alone.) The escapes are those of Microsoft's own task library.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.report.ci.markdown import MOST_TESTS
from pytest_rtmedload.report.files import replace_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from pytest_rtmedload.report.ci.annotations import Annotation
    from pytest_rtmedload.report.ci.context import CiContext

_UPLOADED: Final = (".html", ".json")
_IN_DATA: Final = str.maketrans({"%": "%AZP25", "\r": "%0D", "\n": "%0A"})
_IN_PROPERTY: Final = {**_IN_DATA, **str.maketrans({"]": "%5D", ";": "%3B"})}


class AzureDevOps:
    """One step of a pipeline.

    Args:
        checkout: where the repository lies.
    """

    def __init__(self, checkout: Path | None) -> None:
        self.checkout = checkout

    @classmethod
    def found(cls, environment: Mapping[str, str]) -> Self | None:
        """Azure Pipelines, if this process runs there."""
        if environment.get("TF_BUILD", "").lower() != "true":
            return None
        checkout = environment.get("BUILD_SOURCESDIRECTORY")
        return cls(Path(checkout) if checkout else None)

    def annotate(self, news: CiContext) -> list[str]:
        """Logging commands for the tests and for the reports, to be printed one a line."""
        paths = news.written.paths
        uploads = [command("task.uploadfile", str(paths[s].absolute())) for s in _UPLOADED if s in paths]
        return [*(issue(note) for note in news.annotations), *uploads]

    def summarise(self, news: CiContext) -> list[str]:
        """Write the summary next to the reports; returns the logging command that uploads it.

        Raises:
            OSError: it could not be written; the message is one line.
        """
        stem = news.written.stem
        if stem is None:  # the folder cannot be used, as is already reported
            return []
        page = stem.with_name(f"{stem.name}_summary.md")
        try:
            replace_file(page, news.markdown(MOST_TESTS))
        except OSError as error:
            raise OSError(f"{page}: {error.strerror or error}") from None
        return [command("task.uploadsummary", str(page.absolute()))]


def issue(note: Annotation) -> str:
    """An annotation as a logging command; an issue of Azure DevOps has no title, so that comes first."""
    place = {"sourcepath": note.file, "linenumber": note.line if note.file else None}
    text = "\n".join((f"{note.title}: {note.lines[0] if note.lines else ''}", *note.lines[1:]))
    return command("task.logissue", text, type=note.level, **place)


def command(name: str, text: str, **properties: object) -> str:
    """A logging command: one line."""
    given = "".join(f"{key}={str(value).translate(_IN_PROPERTY)};" for key, value in properties.items() if value)
    return f"##vso[{name}{' ' if given else ''}{given}]{text.translate(_IN_DATA)}"
