"""Rows below pytest's own line on a terminal, which leave no trace in pytest's output.

The cursor stays where pytest left it: every update makes room by scrolling where there is none, saves the cursor,
writes the rows below and puts the cursor back. Whatever stands below pytest's line is ours, and all of it is cleared
each time, so a resized window is right again with the next update. At most half of the window is taken.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, TextIO

from pytest_rtmedload.live.paint import Painter
from pytest_rtmedload.live.progress import Progress
from pytest_rtmedload.live.rows import rows
from pytest_rtmedload.live.view import LiveView

if TYPE_CHECKING:
    from collections.abc import Callable

SHORTEST_INTERVAL_S: Final = 0.25
"""At most 4 updates a second: faster than anyone reads, and far below 1 % of a core."""
LONGEST_INTERVAL_S: Final = 1.0
"""Several tests are shown less often, as each of them takes its time; more seldom than they ship would be stale."""
_FALLBACK: Final = os.terminal_size((80, 24))

# ESC D goes one row down in the same column and scrolls at the bottom; up again, there are rows below for certain.
_DOWN: Final = "\x1bD"
_UP: Final = "\x1b[{}A"
_SAVE, _RESTORE = "\x1b7", "\x1b8"
_CLEAR_LINE, _CLEAR_BELOW = "\x1b[K", "\x1b[J"


class TerminalView(LiveView):
    """A few rows of one test, or a row for each of several.

    Args:
        stream: the real terminal, not what pytest captures.
        colour: False writes without colours.
        clock: seconds, monotonic.
        size: columns and lines of the window; None asks it.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        colour: bool = True,
        clock: Callable[[], float] | None = None,
        size: Callable[[], os.terminal_size] | None = None,
    ) -> None:
        super().__init__(stream, clock)
        self._size = size or self._ask_size
        self._painter = Painter(stream, colour=colour)
        self._next = 0.0
        self._shown = False
        self._rows([Progress("", "", 0.0, 1.0)])  # what rich imports when it first paints must not wait for the load

    def _update(self, nodeid: str) -> None:  # noqa: ARG002 - all tests are shown at once
        now = self._clock()
        if now < self._next:
            return
        self._next = now + min(SHORTEST_INTERVAL_S * len(self._tests), LONGEST_INTERVAL_S)
        self._draw()

    def _ended(self, nodeid: str) -> None:  # noqa: ARG002 - as above
        if self._tests and self._shown:
            self._draw()
        else:
            self._clear()

    def _draw(self) -> None:
        painted = self._rows([describe() for describe in self._tests.values()])
        if not painted:
            self._clear()
            return
        below = "".join(f"{_DOWN}\r{row}{_CLEAR_LINE}" for row in painted)
        self._write(f"{_room(len(painted))}{_SAVE}{below}{_CLEAR_BELOW}{_RESTORE}")
        self._shown = True

    def _clear(self) -> None:
        if self._shown:
            self._write(f"{_room(1)}{_SAVE}{_DOWN}\r{_CLEAR_BELOW}{_RESTORE}")
        self._shown = False

    def _rows(self, tests: list[Progress]) -> list[str]:
        size = self._size()
        most = min(max(1, size.lines // 2), size.lines - 1)
        return [self._painter.paint(row, size.columns) for row in rows(tests, most, size.columns)]

    def _ask_size(self) -> os.terminal_size:
        try:
            size = os.get_terminal_size(self._stream.fileno())
        except (OSError, ValueError):
            return _FALLBACK
        return os.terminal_size((size.columns or _FALLBACK.columns, size.lines or _FALLBACK.lines))


def _room(count: int) -> str:
    return _DOWN * count + _UP.format(count)
