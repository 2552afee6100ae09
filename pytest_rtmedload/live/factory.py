"""Which live view suits a stream: rows on a terminal, lines in a log, or nothing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, TextIO

from pytest_rtmedload.live.view import LiveView

if TYPE_CHECKING:
    from collections.abc import Mapping

_NO_TERMINAL: Final = ("", "dumb", "unknown")


def live_view(
    stream: TextIO,
    *,
    wanted: bool | None = None,
    captured: bool = True,
    colour: bool = True,
    environment: Mapping[str, str] = os.environ,
) -> LiveView:
    """The view for this stream.

    Args:
        stream: the real terminal or log, not what pytest captures.
        wanted: False: none; None: on a terminal only; True: in a log, too.
        captured: False when what tests print goes to the same terminal and would write over the rows (`pytest -s`).
        colour: False when colours are not wanted.
        environment: variables; NO_COLOR and PY_COLORS=0 turn colours off.
    """
    if wanted is not False and captured and _is_terminal(stream, environment):
        from pytest_rtmedload.live.terminal import TerminalView  # noqa: PLC0415 - rich takes 80 ms

        plain = environment.get("NO_COLOR") or environment.get("PY_COLORS") == "0"
        return TerminalView(stream, colour=colour and not plain)
    if wanted:
        from pytest_rtmedload.live.log import LogView  # noqa: PLC0415 - only where it is asked for

        return LogView(stream)
    return LiveView(stream)


def _is_terminal(stream: TextIO, environment: Mapping[str, str]) -> bool:
    try:
        return stream.isatty() and environment.get("TERM", "") not in _NO_TERMINAL
    except ValueError:  # closed
        return False
