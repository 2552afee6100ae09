"""A terminal that understands what pytest and the live view send, to look at afterwards."""

from __future__ import annotations

import io
import re

_SEQUENCE = re.compile(r"\x1b(?:D|7|8|\[([0-9;?]*)([A-Za-z])|\][^\x07\x1b]*(?:\x07|\x1b\\))")


class Screen(io.StringIO):
    """A window of some rows, and what has scrolled out of it."""

    def __init__(self, rows: int = 10, columns: int = 80) -> None:
        super().__init__()
        self.rows = [""] * rows
        self.gone: list[str] = []
        self.columns = columns
        self.row = self.column = 0
        self.saved = (0, 0)
        self.written = 0
        self.most_used = 0
        self.strange: list[str] = []

    def isatty(self) -> bool:
        return True

    @property
    def text(self) -> list[str]:
        """Everything that was ever left standing."""
        return [row.rstrip() for row in (*self.gone, *self.rows)]

    def write(self, text: str) -> int:
        self.written += 1
        at = 0
        while at < len(text):
            match = _SEQUENCE.match(text, at)
            if match:
                self.obey(match)
                at = match.end()
            else:
                self.put(text[at])
                at += 1
        return len(text)

    def obey(self, match: re.Match[str]) -> None:
        match match[0][1], match[2]:
            case "D", _:
                self.down()
            case "7", _:
                self.saved = self.row, self.column
            case "8", _:
                self.row, self.column = self.saved
            case _, "A":
                self.row = max(0, self.row - int(match[1] or 1))
            case _, "K":
                self.rows[self.row] = "" if match[1] == "2" else self.rows[self.row][: self.column]
            case _, "J":
                self.rows[self.row] = self.rows[self.row][: self.column]
                self.rows[self.row + 1 :] = [""] * (len(self.rows) - self.row - 1)
            case ("]", _) | (_, "m"):
                pass
            case _:
                self.strange.append(match[0])

    def put(self, character: str) -> None:
        if character == "\r":
            self.column = 0
        elif character == "\n":
            self.column = 0
            self.down()
        else:
            if self.column == self.columns:
                self.put("\n")
            row = self.rows[self.row].ljust(self.column)
            self.rows[self.row] = row[: self.column] + character + row[self.column + 1 :]
            self.column += 1
            self.most_used = max(self.most_used, self.column)

    def down(self) -> None:
        if self.row == len(self.rows) - 1:
            self.gone.append(self.rows.pop(0))
            self.rows.append("")
        else:
            self.row += 1
