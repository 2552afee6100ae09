"""What a measured client needs from the recorder of its samples: its only dependency on the rest of the tool.

A recorder may also have a `count` (see `pytest_rtmedload/clients/websocket/samples.py`) and an `own_limit` (see
`pytest_rtmedload/clients/own_limits.py`).
"""

from __future__ import annotations

from typing import Protocol


class SampleRecorder(Protocol):
    """Keeps samples and errors: a virtual user, or a list in a test."""

    def add(self, metric: str, start_ns: int, end_ns: int, outcome: str = "ok") -> None:
        """Keep one operation, by its start and end on `time.perf_counter_ns`."""

    def error(self, message: str, example: str = "") -> None:
        """Count an error under its message, with an example of what was seen."""
