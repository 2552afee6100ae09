"""Limits what load tests log and print to the first and last hundred lines, and the number of lines omitted.

A body that runs thousands of times would otherwise fill the terminal, the JUnit file and the memory, and hide the
verdict. Files that were asked for (`log_file`) get everything, and so does a terminal without capture (`-s`).
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

MOST: Final = 100
"""Log records, or lines, at the beginning and again at the end."""


@contextlib.contextmanager
def bounded_logs() -> Iterator[None]:
    """Within it pytest's own handlers get the first records; the last ones follow at the end."""
    filters = [_Bounded(handler) for handler in logging.getLogger().handlers if _is_pytests(handler)]
    for each in filters:
        each.handler.addFilter(each)
    try:
        yield
    finally:
        for each in filters:
            each.release()


def bound_sections(item: pytest.Item, report: pytest.TestReport) -> None:
    """Shorten what a test printed and logged, in its report and where pytest keeps it for the next one."""
    report.sections = [(title, shortened(text)) for title, text in report.sections]
    kept: list[Any] | None = getattr(item, "_report_sections", None)  # no public way to release it exists
    if isinstance(kept, list):
        kept[:] = [(*name, shortened(text)) for *name, text in kept]


def shortened(text: str) -> str:
    """The first and the last lines of a text, and the number of lines omitted."""
    if text.count("\n") <= 2 * MOST + 1:
        return text
    lines = text.splitlines()
    return "\n".join([*lines[:MOST], _left_out(len(lines) - 2 * MOST, "lines"), *lines[-MOST:]])


def _left_out(number: int, what: str) -> str:
    return f"[and {number:,} more {what} of this load test, left out]"


def _is_pytests(handler: logging.Handler) -> bool:
    """Handlers of captured and of live logs; not those that write files."""
    return type(handler).__module__ == "_pytest.logging" and not isinstance(handler, logging.FileHandler)


class _Bounded(logging.Filter):
    """Lets a handler have the first records and keeps the last ones for the end.

    Args:
        handler: gets the records.
    """

    def __init__(self, handler: logging.Handler) -> None:
        super().__init__()
        self.handler = handler
        self._lock = threading.Lock()
        self._seen = 0
        self._last: deque[logging.LogRecord] = deque(maxlen=MOST)

    def filter(self, record: logging.LogRecord) -> bool:
        """True if the handler gets the record now."""
        with self._lock:
            self._seen += 1
            if self._seen <= MOST:
                return True
            self._last.append(record)
            return False

    def release(self) -> None:
        """Hand over the last records, after the number of those that were left out."""
        self.handler.removeFilter(self)
        left_out = self._seen - MOST - len(self._last)
        if left_out > 0:
            text = _left_out(left_out, "log records")
            level = max(record.levelno for record in self._last)
            self.handler.handle(logging.LogRecord("pytest_rtmedload", level, __file__, 0, text, (), None))
        for record in self._last:
            self.handler.handle(record)
