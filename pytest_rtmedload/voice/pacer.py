"""Sends the frames of all calls of one process in real time, 50 a second each.

The rule: frame k of a call is due at t0 + k · 20 ms, independently of the frames before it; what could not be sent
in time is sent as soon as possible, never skipped, and how late it was is recorded. Calls are spread over the 20 ms in
slots of one millisecond, so that they do not all wake up together, and one timer serves them all. Reading gets its turn
however late sending is, and one caller who fails does not silence the others.
"""

from __future__ import annotations

from datetime import UTC, datetime
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

FRAME_NS: Final = 20_000_000
SLOTS: Final = 20
_SLOT_NS: Final = FRAME_NS // SLOTS


class Sender(Protocol):
    """Somebody who speaks."""

    def frame_due(self, now_ns: int, stamp: bytes) -> None:
        """Send the next frame now; `stamp` is the time of day in ISO 8601."""


class Pacer:
    """One clock for all calls of an event loop.

    Args:
        loop: the event loop; everything is called in its thread.
        sent: called with when frames were due, when they were sent, and how many; nanoseconds.
        clock: nanoseconds, monotonic.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sent: Callable[[int, int, int], None],
        clock: Callable[[], int] = perf_counter_ns,
    ) -> None:
        self._loop = loop
        self._sent = sent
        self._clock = clock
        self._slots: list[dict[Sender, int]] = [{} for _ in range(SLOTS)]  # who speaks, and from which tick on
        self._occupied: list[int] = []
        self._t0 = 0
        self._last = -1  # tick sent last
        self._tick = 0  # tick to be sent next
        self._timer: asyncio.TimerHandle | None = None

    def join(self, sender: Sender) -> None:
        """Send the frames of this call, from the next tick of the emptiest slot on."""
        slot = min(range(SLOTS), key=lambda index: len(self._slots[index]))
        self._slots[slot][sender] = self._coming()
        self._slots_changed()

    def leave(self, sender: Sender) -> None:
        """Stop sending the frames of this call; does nothing for one that never joined."""
        for slot in self._slots:
            if slot.pop(sender, None) is not None:
                self._slots_changed()
                return

    def run(self) -> None:
        """Send what is due, and wait for what comes next."""
        for _ in range(SLOTS):
            if not self._occupied:
                return
            now, due = self._clock(), self._t0 + self._tick * _SLOT_NS
            if now < due:
                self._wake_in((due - now) / 1e9)
                return
            self._last, self._tick = self._tick, self._next(self._tick)
            self._send(self._last, due)
        if self._occupied:
            self._wake_in(0)  # overdue: who reads comes first

    def _send(self, tick: int, due_ns: int) -> None:
        senders = [sender for sender, first in self._slots[tick % SLOTS].items() if first <= tick]
        stamp = _stamp()
        for sender in senders:
            try:
                sender.frame_due(self._clock(), stamp)
            except Exception as error:  # noqa: BLE001 - goes where asyncio takes what callbacks raise
                self.leave(sender)
                self._loop.call_exception_handler({"message": "a frame could not be sent", "exception": error})
        if senders:
            self._sent(due_ns, self._clock(), len(senders))

    def _slots_changed(self) -> None:
        was_idle = not self._occupied
        self._occupied = [index for index, senders in enumerate(self._slots) if senders]
        if not self._occupied:
            if self._timer is not None:
                self._timer.cancel()
            return
        coming = self._coming()
        self._tick = self._next((coming if was_idle else min(self._tick, coming)) - 1)  # what is overdue stays due
        self._wake_in(0)

    def _coming(self) -> int:
        """The next tick that is not due yet."""
        now = self._clock()
        self._t0 = self._t0 or now
        return max((now - self._t0) // _SLOT_NS, self._last) + 1

    def _wake_in(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self.run)

    def _next(self, tick: int) -> int:
        """The first tick after this one in which a call has a frame to send."""
        slot = (tick + 1) % SLOTS
        return tick + 1 + min((index - slot) % SLOTS for index in self._occupied)


def _stamp() -> bytes:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z").encode()
