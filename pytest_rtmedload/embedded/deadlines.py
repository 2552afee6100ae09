"""Waiting for absolute times, more precisely than an event loop does.

The rule: never early, and late only by the time the machine takes to wake up. Timers of asyncio and uvloop are in whole
milliseconds: a third of the 3 ms a health check takes. Linux lends its own timer as a file descriptor, armed for the
earliest deadline (late by about 0.1 ms instead of up to 1 ms either way); elsewhere the loop's timer is used and armed
again when it was early.
"""

from __future__ import annotations

import asyncio
import ctypes
import heapq
import os
import struct
import sys
import time
from typing import Final

_TIMER_SPEC: Final = struct.Struct("qqqq")  # interval s, ns; value s, ns (struct itimerspec on 64-bit Linux)
_MONOTONIC: Final = 1  # CLOCK_MONOTONIC, which is what time.perf_counter_ns reads on Linux
_ABSOLUTE: Final = 1  # TFD_TIMER_ABSTIME
_SECOND: Final = 1_000_000_000


class ServiceDeadlines:
    """A queue of waiters, ordered by the time they wait for (`time.perf_counter_ns`). Needs a running loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._count = 0
        self._handle: asyncio.TimerHandle | None = None
        self._timer = _LinuxTimer.create()
        if self._timer is not None:
            self._loop.add_reader(self._timer.descriptor, self._wake)

    async def until(self, due: int) -> None:
        """Return at `due`, at once when it has passed."""
        if due <= time.perf_counter_ns():
            return
        future = self._loop.create_future()
        self._count += 1
        heapq.heappush(self._waiting, (due, self._count, future))
        if self._waiting[0][2] is future:
            self._arm(due)
        await future

    def close(self) -> None:
        """Release the timer; `until` must not be called afterwards."""
        if self._handle is not None:
            self._handle.cancel()
        if self._timer is not None:
            self._loop.remove_reader(self._timer.descriptor)
            os.close(self._timer.descriptor)

    def _arm(self, due: int) -> None:
        if self._timer is not None:
            self._timer.arm(due)
            return
        if self._handle is not None:
            self._handle.cancel()
        self._handle = self._loop.call_later(max(0, due - time.perf_counter_ns()) / _SECOND, self._wake)

    def _wake(self) -> None:
        if self._timer is not None:
            self._timer.acknowledge()
        now = time.perf_counter_ns()
        while self._waiting and self._waiting[0][0] <= now:
            future = heapq.heappop(self._waiting)[2]
            if not future.done():  # its request may have been cancelled
                future.set_result(None)
        if self._waiting:
            self._arm(self._waiting[0][0])


class _LinuxTimer:
    """A timerfd; `os.timerfd_create` exists only since Python 3.13."""

    def __init__(self, libc: ctypes.CDLL, descriptor: int) -> None:
        self._libc = libc
        self._spec = ctypes.create_string_buffer(_TIMER_SPEC.size)
        self.descriptor = descriptor

    @classmethod
    def create(cls) -> _LinuxTimer | None:
        """None where there is no timerfd, or where its structure would have another layout."""
        if not sys.platform.startswith("linux") or struct.calcsize("P") != 8:
            return None
        libc = ctypes.CDLL(None)
        descriptor = libc.timerfd_create(_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        return cls(libc, descriptor) if descriptor >= 0 else None

    def arm(self, due: int) -> None:
        _TIMER_SPEC.pack_into(self._spec, 0, 0, 0, due // _SECOND, due % _SECOND)
        self._libc.timerfd_settime(self.descriptor, _ABSOLUTE, self._spec, None)

    def acknowledge(self) -> None:
        try:
            os.read(self.descriptor, 8)
        except BlockingIOError:  # armed again since it fired
            return
