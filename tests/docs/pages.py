"""The documentation as its tests read it: pages, headings, tables, code blocks."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
REFERENCE = ROOT / "docs" / "reference.md"

_FENCE = re.compile(r"(?:<!-- (runs|file): (\S+) -->\n)?^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`]+)`")


class Block(NamedTuple):
    """A fenced block of code. `role` is `runs` for a complete test, `file` for what such a test needs, else empty."""

    page: Path
    role: str
    name: str
    language: str
    code: str


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page, in order."""
    return [Block(page, role, name, language, code) for role, name, language, code in _FENCE.findall(page.read_text())]


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return _FENCE.sub("", page.read_text())


def section(page: Path, heading: str) -> str:
    """The text below a heading, up to the next heading of any level."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", prose(page), re.MULTILINE | re.DOTALL)
    assert found, f"{page.name} has no heading {heading!r}"
    return found[1]


def anchors(page: Path) -> set[str]:
    """The anchors GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def tables(text: str) -> list[list[list[str]]]:
    """Tables as rows of cells, without their headers."""
    found: list[list[list[str]]] = []
    for chunk in re.findall(r"(?:^\|.*\|$\n?)+", text, re.MULTILINE):
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in chunk.strip().splitlines()]
        found.append(rows[2:])
    return found


def names(text: str) -> list[str]:
    """Everything in backticks."""
    return _CODE.findall(text)


def bullet(text: str, label: str) -> list[str]:
    """The names listed behind the bullet that begins with this label."""
    found = re.search(rf"^- {re.escape(label)}: (.*)$", text, re.MULTILINE)
    assert found, f"no list of {label}"
    return names(found[1])


def commands(page: Path) -> list[str]:
    """Lines indented as code, outside of fenced blocks."""
    return [textwrap.dedent(line) for line in prose(page).splitlines() if line.startswith("    ")]
