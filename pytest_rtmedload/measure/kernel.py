"""What the kernel tells about time in which this process could not run.

The rule: files are opened once and read with one system call each, because the loop's thread reads them while it makes
the load; what a kernel does not tell is None or 0 and never guessed. Linux tells all of it, other systems nothing.

- `/proc/thread-self/schedstat`, second field: nanoseconds a thread was ready to run and waited for a processor.
- `/proc/stat`: what all processors did, and the time that the host took from them (steal).
- `cpu.stat` of the cgroups (version 1 and 2): how long their limits stopped the processes in them.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROC: Final = Path("/proc")
CGROUP: Final = Path("/sys/fs/cgroup")
CLOCK_TICK_NS: Final = 1_000_000_000 // (os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100)
_LONGEST: Final = 65_536
"""Bytes; the lines of some 500 processors, which stand first in `/proc/stat`."""
_BUSY: Final = (0, 1, 2, 5, 6)
"""Fields of a processor's line: user, nice, system, irq, softirq."""
_STEAL: Final = 7


class ThreadTimes(NamedTuple):
    """Nanoseconds since some moment in the past; only differences mean something."""

    running: int
    """Processor time of this thread."""
    waiting: int | None
    """Time in which it was ready to run and had no processor."""
    process: int
    """Processor time of all threads of the process."""


class MachineTimes(NamedTuple):
    """Nanoseconds, as above."""

    busy: int
    """Processor time of all processes of the machine."""
    stolen: tuple[int, ...]
    """Of each processor."""
    throttled: int
    """Time in which the limit of a cgroup stopped this process."""


class RunQueue:
    """How long the thread that creates this has waited for a processor."""

    def __init__(self, proc: Path = PROC) -> None:
        self._file = _File(proc / "thread-self" / "schedstat")

    def waited(self) -> int | None:
        """Nanoseconds since the thread began; None where it is not told."""
        running, waiting, *_ = *self._file.read().split(), b"0", b"0"
        return None if running == b"0" else int(waiting)  # a kernel without accounting writes zeros

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Kernel:
    """Reads the counters. The thread that creates it is the one whose times are read.

    Args:
        proc: where the process file system is.
        cgroup: where the control groups are.
    """

    def __init__(self, proc: Path = PROC, cgroup: Path = CGROUP) -> None:
        self._queue = RunQueue(proc)
        self._stat = _File(proc / "stat", _LONGEST)
        self._limits = [(_File(path), *unit) for path in _limits(proc, cgroup) if (unit := _unit(path)) is not None]

    def thread(self) -> ThreadTimes:
        """Times of the calling thread, which must be the one that created this; about a microsecond."""
        return ThreadTimes(time.thread_time_ns(), self._queue.waited(), time.process_time_ns())

    def machine(self) -> MachineTimes | None:
        """Times of the machine and of the cgroups; some microseconds, more with many processors. None: not told."""
        lines = self._stat.read().splitlines()
        if not lines:
            return None
        busy, *each = (_processor(line) for line in lines if line.startswith(b"cpu"))
        throttled = sum(_value(file.read(), name) * factor for file, name, factor in self._limits)
        return MachineTimes(busy[0], tuple(stolen for _, stolen in each), throttled)

    def close(self) -> None:
        """Close the files."""
        self._queue.close()
        for file in (self._stat, *(file for file, *_ in self._limits)):
            file.close()


class _File:
    """A file of the kernel that is read again and again from its beginning; empty where there is none.

    Args:
        path: where it is.
        longest: bytes that are read of it.
    """

    def __init__(self, path: Path, longest: int = 1024) -> None:
        self._descriptor: int | None = None
        self._read = _pread()
        self._buffer = ctypes.create_string_buffer(longest)
        with contextlib.suppress(OSError):
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def read(self) -> bytes:
        if self._descriptor is None:
            return b""
        if self._read is None:
            try:
                return os.pread(self._descriptor, len(self._buffer), 0)
            except OSError:
                return b""
        length = self._read(self._descriptor, self._buffer, len(self._buffer), 0)
        return self._buffer.raw[: max(0, length)]

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


@functools.cache
def _pread() -> Callable[..., int] | None:
    """The system call without giving up Python's lock (GIL), as `os.pread` does: another thread might keep it 5 ms."""
    try:
        call: Callable[..., int] = ctypes.PyDLL(None).pread
    except (OSError, AttributeError, TypeError):
        return None
    call.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_long)  # type: ignore[attr-defined]
    call.restype = ctypes.c_ssize_t  # type: ignore[attr-defined]
    return call


def _processor(line: bytes) -> tuple[int, int]:
    """Busy and stolen time of a line of `/proc/stat`."""
    fields = [int(field) for field in line.split()[1:]] + [0] * (_STEAL + 1)
    return sum(fields[at] for at in _BUSY) * CLOCK_TICK_NS, fields[_STEAL] * CLOCK_TICK_NS


def _limits(proc: Path, cgroup: Path) -> Iterator[Path]:
    """`cpu.stat` of the process's cgroups and of those above them, as far as they can be seen from here."""
    try:
        lines = (proc / "self" / "cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, inside = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        roots = [cgroup / (controllers or "unified"), cgroup / "cpu" if controllers else cgroup]
        root = next((root for root in roots if (root / "cgroup.procs").exists()), None)
        if root is None:
            continue
        folder = root / inside.lstrip("/")
        while folder != root and root in folder.parents:
            yield folder / "cpu.stat"
            folder = folder.parent
        yield root / "cpu.stat"


def _unit(path: Path) -> tuple[bytes, int] | None:
    """Name of the time for which the processes were stopped and its unit in nanoseconds; None: it is not there."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    names = {b"throttled_usec": 1000, b"throttled_time": 1}  # version 2, version 1
    return next(((name, unit) for name, unit in names.items() if name in content), None)


def _value(content: bytes, name: bytes) -> int:
    """A value of `cpu.stat`."""
    for line in content.splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    return 0
