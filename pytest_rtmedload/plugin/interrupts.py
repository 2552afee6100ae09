"""SIGTERM and SIGHUP end a run with load tests as Ctrl-C does: users and fixtures are left, partial reports written.

The rule: the first of these signals interrupts pytest, further ones are ignored, so that they cannot cost the report.
The exit code is pytest's for an interrupted run, 2. A handler that is already there (or `nohup`) stays as it is.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

SIGNALS: Final = ("SIGTERM", "SIGHUP")
"""A cancelled CI job, `docker stop` and `timeout` send the first, a closed terminal the second (not on Windows)."""


class Interrupts:
    """What this process does about signals that end it, from the collection of load tests to pytest's end."""

    def __init__(self) -> None:
        self._installed: list[int] = []
        self._ending = False
        self._on_interrupt: Any = None  # what SIGINT did before it was ignored
        self._cancel: Callable[[], object] | None = None  # while a load test is under way
        self.received: str | None = None
        """Name of the signal that interrupted the run, such as `SIGTERM`."""

    def install(self) -> None:
        """Handle the signals that would otherwise end the process at once."""
        if self._installed or threading.current_thread() is not threading.main_thread():
            return
        for name in SIGNALS:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) == signal.SIG_DFL:
                signal.signal(number, self._interrupt)
                self._installed.append(number)

    def ignore(self) -> None:
        """From here to the last report: a second Ctrl-C must not cost the result that the first one left."""
        self._ending = True
        if self._on_interrupt is None and threading.current_thread() is threading.main_thread():
            self._on_interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)

    def heed(self) -> None:
        """The reports are written: Ctrl-C does again what it did before."""
        if self._on_interrupt is not None:
            signal.signal(signal.SIGINT, self._on_interrupt)
            self._on_interrupt = None

    @contextlib.contextmanager
    def cancelling(self) -> Iterator[None]:
        """Around a load test: where SIGINT is ignored, no event loop cancels it, and this does.

        Raises:
            KeyboardInterrupt: it was cancelled.
        """
        import asyncio  # noqa: PLC0415 - only where there are load tests

        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        self._cancel = (lambda: loop.call_soon_threadsafe(task.cancel)) if task is not None else None
        try:
            yield
        except asyncio.CancelledError:
            if self.received is None:
                raise
            raise KeyboardInterrupt(self.received) from None
        finally:
            self._cancel = None

    def restore(self) -> None:
        """Pytest ends: signals do again what they did before."""
        self.heed()
        for number in self._installed:
            if signal.getsignal(number) == self._interrupt:  # otherwise it has been replaced since
                signal.signal(number, signal.SIG_DFL)
        self._installed.clear()

    def _interrupt(self, number: int, _frame: FrameType | None) -> None:
        """Do what Ctrl-C does: an event loop that heeds SIGINT cancels its main task."""
        if self._ending:
            return
        self._ending = True
        self.received = signal.Signals(number).name
        if signal.getsignal(signal.SIGINT) not in (signal.SIG_IGN, signal.SIG_DFL):
            signal.raise_signal(signal.SIGINT)
        elif self._cancel is not None:  # SIGINT is ignored, as in the background of a script
            self._cancel()
        else:
            raise KeyboardInterrupt(self.received)


_INTERRUPTS: pytest.StashKey[Interrupts] = pytest.StashKey()


def interrupts_of(config: pytest.Config) -> Interrupts:
    """What this process does about signals that end it."""
    return config.stash.setdefault(_INTERRUPTS, Interrupts())
