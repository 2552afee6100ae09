"""A live view of the load tests under way, which leaves pytest's own output as it is.

On a terminal it is a few rows below pytest's line, in a log, when it was asked for, a plain line every 10 s, and
otherwise nothing. Several tests may run at once, reported by several threads. A stream that fails ends
the view, never the test; while pytest writes, nothing of the view stands in its way.
"""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_rtmedload.live.progress import Progress

    Describe = Callable[[], Progress]


class LiveView:
    """Shows nothing; the views that show something are made of it.

    Args:
        stream: where it is shown.
        clock: seconds, monotonic.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] | None = None) -> None:
        self._stream = stream
        self._clock = clock or time.monotonic
        self._lock = threading.Lock()
        self._tests: dict[str, Describe] = {}
        self._aside = 0
        self._on = True

    def start(self, nodeid: str, describe: Describe) -> None:
        """A test begins.

        Args:
            nodeid: its node id; one that is begun again starts over.
            describe: tells how far it is; called only when that is shown.
        """
        with self._lock:
            self._tests[nodeid] = describe
            self._began(nodeid)

    def update(self, nodeid: str) -> None:
        """There is something new about a test; shown unless the last update was just now."""
        with self._lock:
            if self._on and not self._aside and nodeid in self._tests:
                self._update(nodeid)

    def finish(self, nodeid: str | None = None) -> None:
        """A test has ended; None: all have."""
        with self._lock:
            for ended in list(self._tests) if nodeid is None else [nodeid]:
                self._tests.pop(ended, None)
                self._ended(ended)

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """While pytest writes: what is shown is taken away, and nothing is shown.

        No lock is held meanwhile, as what pytest calls may wait for a thread that has news of a test.
        """
        with self._lock:
            self._aside += 1
            self._clear()
        try:
            yield
        finally:
            with self._lock:
                self._aside -= 1

    def _began(self, nodeid: str) -> None:
        """A test was added."""

    def _update(self, nodeid: str) -> None:
        """Show it, if it is time."""

    def _ended(self, nodeid: str) -> None:
        """A test was taken away."""

    def _clear(self) -> None:
        """Take away what is shown."""

    def _write(self, text: str) -> None:
        if not self._on:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # closed, gone, or an encoding without our characters
            self._on = False
