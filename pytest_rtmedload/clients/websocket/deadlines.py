"""Limits of many waits, watched by one timer.

Nearly every wait ends long before its limit. A separate timer would cost a fifth of a complete request and response;
here a wait costs an entry in a dict, and the timer runs for the earliest limit only.
"""

from __future__ import annotations

import asyncio
from math import inf
from typing import Any, TypeVar

from pytest_rtmedload.clients.websocket.loss import NotInTime

_T = TypeVar("_T")


class Deadlines:
    """The limits of one connection."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._due: dict[asyncio.Future[Any], float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._rings = inf

    async def wait(self, future: asyncio.Future[_T], limit: float) -> _T:
        """Wait for a future that has no other waiter.

        Raises:
            NotInTime: it was not done within `limit` seconds.
        """
        due = self._due[future] = self._loop.time() + limit
        if due < self._rings:
            self._set(due)
        try:
            return await future
        finally:
            del self._due[future]

    def stop(self) -> None:
        """Cancel the timer: no waiters are left."""
        self._set(inf)

    def _ring(self) -> None:
        now = self._loop.time()
        for future, due in self._due.items():
            if due <= now and not future.done():
                future.set_exception(NotInTime())
        self._set(min((due for future, due in self._due.items() if not future.done()), default=inf))

    def _set(self, rings: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._rings = rings
        self._timer = None if rings == inf else self._loop.call_at(rings, self._ring)
