"""Lines for people: spans with a tone, so that the terminal can colour what a log shows plain.

Colour never carries meaning alone, and no line is wider than the page, except for names that cannot be broken.
"""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from pytest_rtmedload.text import formats

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDTH: Final = 100
INDENT: Final = " " * 6
_BEFORE_UNIT: Final = re.compile(r"(?<=\d) (?=(?:%|ms|s)(?!\w))")
"""A number and its unit stay on one line."""

Tone = Literal["good", "bad", "warn", "faint", "title", ""]
TONES: Final[dict[str, Tone]] = {"PASS": "good", "FAIL": "bad", "INVALID": "bad", "INCONCLUSIVE": "warn"}
"""Tones of verdicts."""


class Span(NamedTuple):
    """A piece of a line in one tone."""

    text: str
    tone: Tone = ""


Line = tuple[Span, ...]


def wrapped(text: str, indent: str, hanging: str | None = None, tone: Tone = "") -> Iterator[Line]:
    """Text in lines of the page's width.

    Args:
        text: may come from outside: control characters become visible.
        indent: before the first line.
        hanging: before the others; None: as before the first.
        tone: of all of it.
    """
    together = _BEFORE_UNIT.sub("\N{NO-BREAK SPACE}", formats.one_line(text))
    lines = textwrap.wrap(
        together,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent if hanging is None else hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return ((Span(line.replace("\N{NO-BREAK SPACE}", " "), tone),) for line in lines or [indent])


def joined(parts: list[str]) -> list[str]:
    """Parts between dots, broken into lines only at a dot."""
    lines = [parts[0]]
    for part in parts[1:]:
        longer = f"{lines[-1]} · {part}"
        if len(longer) <= WIDTH - 2:
            lines[-1] = longer
        else:
            lines.append(part)
    return lines


def table(rows: list[tuple[str, ...]]) -> Iterator[Line]:
    """Rows under a heading: names to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for i, (name, *cells) in enumerate(rows):
        numbers = "  ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths[1:], strict=True))
        yield (Span(f"{INDENT}{name:<{widths[0]}}  {numbers}", "" if i else "faint"),)
