"""Plain lines for a log: one every 10 s for each test that takes that long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TextIO

from pytest_rtmedload.live.rows import log_line
from pytest_rtmedload.live.view import LiveView

if TYPE_CHECKING:
    from collections.abc import Callable

INTERVAL_S: Final = 10.0


class LogView(LiveView):
    """Lines between those of pytest.

    Args:
        stream: where pytest's own output goes.
        clock: seconds, monotonic.
    """

    def __init__(self, stream: TextIO, *, clock: Callable[[], float] | None = None) -> None:
        super().__init__(stream, clock)
        self._due: dict[str, float] = {}
        self._own_line = False  # whether the last that was written here is a whole line of ours

    def _began(self, nodeid: str) -> None:
        self._due[nodeid] = self._clock() + INTERVAL_S

    def _update(self, nodeid: str) -> None:
        now = self._clock()
        if now < self._due[nodeid]:
            return
        self._due[nodeid] = now + INTERVAL_S
        # pytest's own line ("tests/test_x.py .") is unfinished: a line of ours ends it first
        self._write(f"{'' if self._own_line else chr(10)}{log_line(self._tests[nodeid]())}\n")
        self._own_line = True

    def _clear(self) -> None:
        self._own_line = False  # pytest writes
