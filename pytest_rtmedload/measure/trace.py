"""Prints every operation of a load test in one line as it ends, for `--load-debug`.

A failed operation is printed with its reason. The reason of an operation is counted right after it, as
`metric: reason`, and that of an iteration right before it. A reason without an operation is a line of its own.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from pytest_rtmedload.results.names import ITERATION
from pytest_rtmedload.results.recording import Outcome
from pytest_rtmedload.text import formats

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_rtmedload.measure.rows import Row
    from pytest_rtmedload.results.recording import SeriesKey

_WRONG = (Outcome.FAILED, Outcome.CENSORED)
_LONGEST = 300
"""Most characters of text that is not ours."""


class Trace:
    """Makes one line of each operation.

    Args:
        title: printed before the first operation.
        tell: takes a line without its newline; called in the thread in which the operation ended.
        clock: nanoseconds, monotonic; lines show the time since the trace was created.
    """

    def __init__(
        self, title: str, tell: Callable[[str], None], clock: Callable[[], int] = time.perf_counter_ns
    ) -> None:
        self._title = title
        self._tell = tell
        self._clock = clock
        self._began_ns = clock()
        self._lock = threading.RLock()  # plain bodies record from threads of their own
        self._unexplained: tuple[str, str] | None = None  # metric and line of a failed operation
        self._reason: str | None = None

    def watched(self, append: Callable[[Row], None], key: SeriesKey, call: str) -> Callable[[Row], None]:
        """A function that takes the rows of a series and prints a line for each."""

        def append_and_tell(row: Row) -> None:
            append(row)
            self._operation(key, call, row)

        return append_and_tell

    def error(self, message: str) -> None:
        """An error was counted: the reason of the operation that has just failed, or of the next iteration."""
        with self._lock:
            reason = formats.one_line(message, _LONGEST)
            if self._unexplained is not None and message.startswith(f"{self._unexplained[0]}: "):
                metric, line = self._unexplained
                self._unexplained = None
                self._say(f"{line}  {_without(metric, reason)}")
            else:
                self.flush()
                self._reason = reason

    def flush(self) -> None:
        """Print the operation that waits for its reason, and the reason that waits for its operation."""
        with self._lock:
            line, self._unexplained = self._unexplained, None
            reason, self._reason = self._reason, None
            if line is not None:
                self._say(line[1])
            if reason is not None:
                self._say(f"{self._since(self._clock())}  error: {reason}")

    def _operation(self, key: SeriesKey, call: str, row: Row) -> None:
        with self._lock:
            line = self._line(key, call, row)
            if key.metric == ITERATION and key.outcome != Outcome.OK and self._reason is not None:
                line, self._reason = f"{line}  {_without(ITERATION, self._reason)}", None
            self.flush()
            if key.outcome in _WRONG and key.metric != ITERATION:
                self._unexplained = (key.metric, line)
            else:
                self._say(line)

    def _line(self, key: SeriesKey, call: str, row: Row) -> str:
        _, start, end, _ = row
        took = formats.milliseconds((end - start) / 1e6)
        where = ", ".join(filter(None, (key.tag, call and f"call {call}")))
        shown = f" ({formats.one_line(where, _LONGEST)})" if where else ""
        return f"{self._since(end)}  {formats.one_line(key.metric):<32} {took:>10}  {key.outcome}{shown}"

    def _since(self, at_ns: int) -> str:
        return f"{max(at_ns - self._began_ns, 0) / 1e9:9.3f} s"

    def _say(self, line: str) -> None:
        title, self._title = self._title, ""
        if title:
            self._tell(title)
        self._tell(line)


def _without(metric: str, reason: str) -> str:
    """The reason without its metric, which the line names already."""
    return reason.removeprefix(f"{metric}: ")
