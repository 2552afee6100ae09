"""Rows as a terminal takes them. The only module that knows rich; it is imported where there is a terminal to paint on.

Words, widths, colours and the bar are rich's. Its own live display is not used: that one owns the screen and takes
standard output over, and here both are pytest's. A row never reaches the last column, where terminals differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TextIO

from rich.color import ColorSystem
from rich.console import Console
from rich.progress_bar import ProgressBar
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.segment import Segment

    from pytest_rtmedload.live.rows import ViewRow
    from pytest_rtmedload.text.spans import Line, Tone

_STYLES: Final[dict[Tone, str]] = {
    "good": "green",
    "bad": "bold red",
    "warn": "yellow",
    "faint": "dim",
    "title": "bold",
    "": "none",
}
_SHORTEST_BAR: Final = 8
_LONGEST_BAR: Final = 40
_GAP: Final = 2


class Painter:
    """Paints rows.

    Args:
        stream: the terminal; nothing is written to it here, its encoding says which characters there are.
        colour: False paints without any styles.
    """

    def __init__(self, stream: TextIO, *, colour: bool = True) -> None:
        self._system = ColorSystem.STANDARD if colour else None
        self._console = Console(
            file=stream,
            force_terminal=True,
            color_system="standard" if colour else None,
            no_color=not colour,  # else rich asks the environment
            width=80,
            height=25,
            legacy_windows=False,
        )

    def paint(self, row: ViewRow, columns: int) -> str:
        """The row, cut to the terminal's columns, with its colours."""
        left, right = _text(row.left), _text(row.right)
        room = columns - 1 - left.cell_len - right.cell_len - 2 * _GAP
        if row.bar is not None and room >= _SHORTEST_BAR:
            width = min(room, _LONGEST_BAR)
            return f"{self._said(left)}  {self._bar(row.bar, width)}  {self._said(right)}"
        whole = left if not row.right else Text.assemble(left, "  ", right)
        whole.truncate(max(columns - 1, 0), overflow="ellipsis")
        return self._said(whole)

    def _bar(self, done: float, width: int) -> str:
        bar = ProgressBar(1.0, done, width, style="dim", complete_style="cyan", finished_style="cyan")
        segments = list(self._console.render(bar, self._console.options.update(width=width)))
        return self._ansi(segments) + " " * (width - sum(segment.cell_length for segment in segments))

    def _said(self, text: Text) -> str:
        return self._ansi(text.render(self._console))

    def _ansi(self, segments: Iterable[Segment]) -> str:
        return "".join(
            text if style is None else style.render(text, color_system=self._system) for text, style, _ in segments
        )


def _text(line: Line) -> Text:
    return Text.assemble(*((span.text, _STYLES[span.tone]) for span in line))
