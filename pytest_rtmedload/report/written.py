"""Which report files a run has left, and which could not be written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path


_BUILT_IN: Final = (".html", ".json", "_summary.log", ".csv", "_timeline.csv", "_samples.csv")


@dataclass(slots=True)
class ReportFiles:
    """The reports that were written, and those that failed."""

    stem: Path | None = None
    """Prefix of all files of this run, unique to it; None when the folder could not be used."""
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
        """The files worth printing: for people first, then the further ones of hooks."""
        named = [suffix for suffix in (".html", ".json", "_summary.log") if suffix in self.paths]
        return [self.paths[suffix] for suffix in (*named, *(each for each in self.paths if each not in _BUILT_IN))]
