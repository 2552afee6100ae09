"""A thread that looks where the event loop is when it does not come back in time.

The rule: without lag it does nothing but sleep until the next tick is overdue, some forty times a second at most; with
lag it looks at the frames of the loop's thread. It cannot look while another piece of code keeps Python's global lock
(GIL) without a break, so a look tells how long it waited for that.
"""

from __future__ import annotations

import asyncio
import os
import selectors
import sys
import sysconfig
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_rtmedload.measure.kernel import RunQueue

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import CodeType, FrameType

MOST_LOOKS: Final = 100
"""Of one delay; they get further apart, so delays of some seconds are seen to their end."""
LONGEST_JOIN_S: Final = 1.0
SHORTEST_NS: Final = 5_000_000
LONGEST_NS: Final = 50_000_000
_TOOL: Final = str(Path(__file__).parents[1]) + os.sep
_LIBRARIES: Final = tuple(
    {path + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib") if (path := sysconfig.get_path(name))}
)
_RUN_LOOP: Final = (asyncio.base_events.__file__, asyncio.runners.__file__)
"""Who runs the loop's callbacks: what called these has nothing to do with a delay."""
_WAIT: Final = (str(Path(asyncio.__file__).parent) + os.sep, selectors.__file__)


class Look(NamedTuple):
    """Where the loop's thread was at a moment."""

    wanted_ns: int
    had_ns: int
    late_ns: int
    """How long the watchdog waited for Python's lock."""
    running_ns: int
    """Processor time of the loop's thread until then."""
    task: int
    """Identity of the running task; 0 between tasks."""
    place: str
    """Function, file and line; empty while the loop waits for events."""
    by_tool: bool
    """Whether that is code of this package."""
    thread_place: str
    """Where another thread was in code of the tests; empty when there is none."""


class Watchdog:
    """Watches the loop of the thread that creates it.

    Args:
        loop: the event loop.
        limit_ns: lag above this is of interest.
        due: when the next tick of the loop is due.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, limit_ns: int, due: Callable[[], int]) -> None:
        self._loop = loop
        self._limit_ns = limit_ns
        self._due = due
        self._watched = threading.get_ident()
        self._clock = time.pthread_getcpuclockid(self._watched) if hasattr(time, "pthread_getcpuclockid") else None
        self._looks: list[Look] = []
        self._ended = threading.Lock()
        self._errand: Callable[[], None] | None = None

    def start(self) -> None:
        """Begin to watch."""
        self._ended.acquire()
        self._thread = threading.Thread(target=self._watch, name="pytest-rtmedload watchdog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Watch no longer."""
        self._ended.release()
        self._thread.join(LONGEST_JOIN_S)

    def soon(self, errand: Callable[[], None]) -> None:
        """Do something on the watching thread that would take too long on the loop's."""
        self._errand = errand

    def take(self) -> list[Look]:
        """The looks since the last call."""
        taken, self._looks = self._looks, []
        return taken

    def _watch(self) -> None:
        first = max(SHORTEST_NS, self._limit_ns // 2)
        self._queue = RunQueue()
        while True:
            due = self._due()
            self._looks = []  # of a delay that was shorter than is of interest
            if self._sleep(due + first):
                return
            apart, wanted = min(first, LONGEST_NS), due + first
            while self._due() == due:
                if len(self._looks) < MOST_LOOKS:
                    self._look(wanted)
                wanted = time.perf_counter_ns() + apart
                if self._sleep(wanted):
                    return
                apart = min(LONGEST_NS, apart * 5 // 4)
            if self._errand is not None:
                errand, self._errand = self._errand, None
                errand()

    def _sleep(self, until_ns: int) -> bool:
        """Sleep until a moment that has not passed; True when it is time to end."""
        self._waited = self._queue.waited() or 0
        ended = self._ended.acquire(timeout=max(0.0, (until_ns - time.perf_counter_ns()) / 1e9))
        if ended:
            self._queue.close()
        return ended

    def _look(self, wanted_ns: int) -> None:
        had = time.perf_counter_ns()
        late = had - wanted_ns - ((self._queue.waited() or 0) - self._waited)
        running = 0 if self._clock is None else time.clock_gettime_ns(self._clock)
        frames = sys._current_frames()  # noqa: SLF001 - documented, in spite of its name
        task = asyncio.current_task(self._loop)
        place, by_tool = _place(frames.get(self._watched), idle=task is None)
        self._looks.append(
            Look(
                wanted_ns,
                had,
                late,
                running,
                id(task) if task else 0,
                place,
                by_tool,
                _working_thread(frames, self._watched),
            )
        )


def _place(frame: FrameType | None, *, idle: bool) -> tuple[str, bool]:
    """The innermost frame that is not a library's, and whether it is this package's; else the innermost of all.

    Args:
        frame: the innermost frame of the loop's thread.
        idle: whether no task is running: the loop waits for events, which gives no place, or it runs a callback.
    """
    innermost = frame
    while frame is not None and not (idle and frame.f_code.co_filename in _RUN_LOOP):
        owner = _owner(frame.f_code)
        if owner is not _LIBRARY:
            return describe(frame), owner is _OURS
        frame = frame.f_back
    if innermost is None or (idle and innermost.f_code.co_filename.startswith(_WAIT)):
        return "", False
    return describe(innermost), False


def _working_thread(frames: Mapping[int, FrameType], but: int) -> str:
    """Where another thread is in code that is neither a library's nor ours: a plain body at work."""
    for thread, frame in frames.items():
        if thread != but and _owner(frame.f_code) is _TESTS:
            return describe(frame)
    return ""


def describe(frame: FrameType) -> str:
    """Function, file and line of a frame."""
    code = frame.f_code
    return f"{code.co_qualname} ({code.co_filename.removeprefix(str(Path.cwd()) + os.sep)}:{frame.f_lineno})"


_LIBRARY, _OURS, _TESTS = "library", "ours", "tests"


def _owner(code: CodeType) -> str:
    file = code.co_filename
    if file.startswith(_TOOL):
        return _OURS
    return _LIBRARY if file.startswith((*_LIBRARIES, "<frozen")) else _TESTS
