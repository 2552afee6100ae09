"""A line that tells how a test is going, and leaves no trace in pytest's own output.

On a terminal it lives in the row below the cursor: every update saves the cursor, writes there and puts the cursor
back to where pytest left it. Without a terminal nothing is written, or, when asked for, a plain line every 10 s.
A stream that fails ends the line, never the test.
"""

from __future__ import annotations

import os
import time
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TextIO

from pytest_rtmedload.report import formats

if TYPE_CHECKING:
    from collections.abc import Callable

SHORTEST_INTERVAL_S: Final = 0.25
"""At most 4 updates a second: faster than anyone reads, and far below 1 % of a core."""
PLAIN_INTERVAL_S: Final = 10.0
_FALLBACK_WIDTH = 80

# ESC D goes one row down in the same column and scrolls at the bottom; up again, there is a row below for certain.
_MAKE_ROOM = "\x1bD\x1b[A"
_SAVE, _RESTORE = "\x1b7", "\x1b8"
_ROW_BELOW = "\x1bD\r"
_CLEAR = "\x1b[2K"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a test is, as seen about now. What is not known yet is None."""

    phase: str
    elapsed_s: float
    """Seconds since the start line."""
    total_s: float | None
    """Planned length of all phases; None when the shape ends by itself."""
    users: int
    iterations: int
    rate: float | None
    """Iterations per second in the last second."""
    failed_share: float | None
    """Failed and censored iterations as a fraction of all."""
    p95_ms: float | None
    """Of the test's main metric."""
    lag_p99_ms: float | None
    """Lateness of the load generator's own ticker."""


class LiveLine:
    """The live line of one test after the other.

    Args:
        stream: the real terminal or log, not what pytest captures. With `pytest -s` the tests print to it as well
            and would write over the row: leave the line off then.
        enabled: False writes nothing.
        interactive: True rewrites one row, on a terminal only; False writes plain lines.
        clock: seconds, monotonic.
        width: columns of the terminal; None asks it.
    """

    def __init__(
        self,
        stream: TextIO,
        enabled: bool = True,
        interactive: bool = True,
        clock: Callable[[], float] = time.monotonic,
        width: Callable[[], int] | None = None,
    ) -> None:
        self._stream = stream
        self._on = enabled and (not interactive or _is_terminal(stream))
        self._interactive = interactive
        self._interval = SHORTEST_INTERVAL_S if interactive else PLAIN_INTERVAL_S
        self._clock = clock
        self._width = width or self._ask_width
        self._name = ""
        self._total: float | None = None
        self._next = 0.0
        self._shown = False

    def start(self, name: str, total_s: float | None = None) -> None:
        """Begin a test.

        Args:
            name: its node id; only the part after the last `::` is shown on a terminal.
            total_s: planned length in seconds, for updates that do not tell one.
        """
        self._name, self._total = name, total_s
        self._shown = False
        # a terminal shows the first update at once; a log only a test of more than 10 s
        self._next = self._clock() + (0.0 if self._interactive else self._interval)

    def update(self, progress: Progress) -> None:
        """Show the state of the test, unless the last update was just now."""
        if not self._on or self._clock() < self._next:
            return
        self._next = self._clock() + self._interval
        if self._interactive:
            text = fit(line_text(self._name.rsplit("::", 1)[-1], progress, self._total), self._width() - 1)
            self._write(f"{_MAKE_ROOM}{_SAVE}{_ROW_BELOW}{_CLEAR}{text}{_RESTORE}")
        else:
            # pytest's own line ("tests/test_x.py .") is unfinished: the first line of ours ends it
            self._write(f"{'' if self._shown else chr(10)}{line_text(self._name, progress, self._total)}\n")
        self._shown = True

    def finish(self) -> None:
        """End the test: the row is empty again and the cursor where pytest left it."""
        if self._on and self._interactive and self._shown:
            self._write(f"{_MAKE_ROOM}{_SAVE}{_ROW_BELOW}{_CLEAR}{_RESTORE}")
        self._shown = False

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # closed, gone, or an encoding without our characters
            self._on = False

    def _ask_width(self) -> int:
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or _FALLBACK_WIDTH
        except (OSError, ValueError):
            return _FALLBACK_WIDTH


def line_text(name: str, progress: Progress, total_s: float | None = None) -> str:
    """The line, what matters most first: a narrow terminal cuts the end off."""
    total = total_s if progress.total_s is None else progress.total_s
    elapsed = f"{progress.elapsed_s:.0f}" + ("" if total is None else f"/{total:.0f}") + " s"
    parts = [f"{progress.phase} {elapsed}", formats.count(progress.users, "user")]
    if progress.rate is not None:
        parts.append(formats.rate(progress.rate))
    if progress.p95_ms is not None:
        parts.append(f"p95 {formats.milliseconds(progress.p95_ms)}")
    if progress.failed_share is not None:
        parts.append(f"{formats.percent(100 * progress.failed_share)} failed")
    parts.append(formats.count(progress.iterations, "iteration"))
    if progress.lag_p99_ms is not None:
        parts.append(f"lag p99 {formats.milliseconds(progress.lag_p99_ms)}")
    return f"{formats.one_line(name)}  {' | '.join(parts)}"


def fit(text: str, columns: int) -> str:
    """The text cut to so many columns of a terminal, where East Asian characters take two and accents none."""
    used = 0
    for i, character in enumerate(text):
        used += _columns(character)
        if used > columns:
            return text[:i]
    return text


def _columns(character: str) -> int:
    if character.isascii():
        return 1
    return 0 if unicodedata.combining(character) else 1 + (unicodedata.east_asian_width(character) in "WF")


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty() and os.environ.get("TERM") != "dumb"
    except ValueError:  # closed
        return False
