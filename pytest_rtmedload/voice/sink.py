"""Where the findings of a call go."""

from __future__ import annotations

from typing import Protocol


class CallRecorder(Protocol):
    """Who keeps the samples: a virtual user."""

    def add(self, metric: str, start_ns: int, end_ns: int, outcome: str = "ok") -> None:
        """Keep one operation."""

    def value(self, name: str, amount: float, unit: str = "", *, at_ns: int | None = None) -> None:
        """Keep a quantity that is not a time, and when what it describes began."""

    def error(self, message: str, example: str = "") -> None:
        """Count an error."""

    def check(self, name: str, condition: object) -> bool:
        """A soft assertion."""
