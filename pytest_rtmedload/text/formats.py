"""Numbers and foreign text as people read them.

What was not measured prints as an en dash, never as 0; rounding never turns a failure into "0 %" or "100 %".
"""

from __future__ import annotations

import math

NOTHING = "–"
"""Stands for a value that was not measured."""


def number(value: float | None) -> str:
    """Three significant digits below 1000, whole numbers with thousands separators from there."""
    if value is None or not math.isfinite(value):
        return NOTHING
    if value == int(value) or abs(value) >= 999.5:
        return f"{value:,.0f}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:.{min(digits, 6)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def milliseconds(value: float | None) -> str:
    """A latency with its unit: `181 ms`, `0.045 ms`, `1,234 ms`."""
    return NOTHING if value is None or not math.isfinite(value) else f"{number(value)} ms"


def percent(value: float | None) -> str:
    """Per cent with one decimal, rounded, but cut where 99.96 % would read as 100 %."""
    if value is None or not math.isfinite(value):
        return NOTHING
    if 0 < value < 0.1:
        return "< 0.1 %"
    value = round(value, 9)  # 100 * 0.07 is 7.000000000000001
    shown = round(value, 1)
    if shown == 100 != value:
        shown = math.floor(value * 10 + 1e-6) / 10 if value < 100 else 100.1
    return f"{shown:.0f} %" if shown == int(shown) and value == shown else f"{shown:.1f} %"


def share(part: float, whole: float) -> str:
    """A part as per cent of a whole; nothing when the whole is 0."""
    return percent(100 * part / whole) if whole else NOTHING


def rate(value: float | None, *, at_least: bool = False) -> str:
    """Per second; `at_least` marks what a saturated generator reached."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{'≥ ' if at_least else ''}{number(value)}/s"


def seconds(value: float | None) -> str:
    """A duration: `4 s`, `0.5 s`, `3 min 45 s`."""
    if value is None or not math.isfinite(value):
        return NOTHING
    if value < 119.5:
        return f"{number(round(value, 1) if value < 10 else round(value))} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min" + (f" {rest} s" if rest else "")


def quantity(value: float | None, unit: str, *, fraction: bool = False) -> str:
    """A target's limit or value with its unit; `fraction` says that a `%` is held as a fraction (error limits)."""
    if value is None or not math.isfinite(value):
        return NOTHING
    if fraction and unit == "%":
        return percent(100 * value)
    return rate(value) if unit == "/s" else f"{number(value)} {unit}".rstrip()


def count(n: int, noun: str) -> str:
    """A number of things: `1 user`, `1,200 users`."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def one_line(text: str, longest: int | None = None) -> str:
    """External text on one line: control characters (an answer may hold terminal escapes) become visible."""
    shown = " ".join(_harmless(text).split())
    return shown if longest is None or len(shown) <= longest else shown[: longest - 1] + "…"


def short_name(nodeid: str) -> str:
    """A node id without its folders; a parameter may contain slashes."""
    path, colons, name = one_line(nodeid).partition("::")
    return path.rsplit("/", 1)[-1] + colons + name


def printable(text: str) -> list[str]:
    """The lines of a traceback or an answer, without control characters."""
    return [_harmless(line).rstrip() for line in text.splitlines()]


def _harmless(text: str) -> str:
    """Escape terminal control characters, and Azure DevOps commands, which are read anywhere in a line of the log."""
    shown = "".join(c if c.isprintable() else _visible(c) for c in text)
    return shown.replace("##vso[", "##vso [")


def _visible(character: str) -> str:
    return " " if character.isspace() else character.encode("unicode_escape").decode("ascii")
