"""Findings of the doctor, one line each: what works, what limits a run, and what prevents one, with what to do."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from pytest_rtmedload.text import formats


class Severity(StrEnum):
    """The severity."""

    WELL = "ok"
    LIMIT = "note"
    """A quick run could start; something is missing or will not work."""
    STOP = "STOP"
    """A quick run could not start here."""


class Finding(NamedTuple):
    """One line."""

    mark: Severity
    what: str
    """A word or two."""
    found: str
    do: str = ""
    """What to do about it; empty if nothing."""

    def line(self) -> str:
        """The finding as it is printed."""
        text = f"{self.found}; {self.do}" if self.do else self.found
        return f"{self.mark.value:5} {self.what:12} {formats.one_line(text)}"


def well(what: str, found: str) -> Finding:
    """Something works."""
    return Finding(Severity.WELL, what, found)


def limit(what: str, found: str, do: str = "") -> Finding:
    """Something is missing that a quick run does not need."""
    return Finding(Severity.LIMIT, what, found, do)


def stop(what: str, found: str, do: str) -> Finding:
    """Something is missing that a quick run needs."""
    return Finding(Severity.STOP, what, found, do)
