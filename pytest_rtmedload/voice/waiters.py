"""Those who wait for something to happen in a call.

The rule: every wait has a limit of its own, several can wait at once, and no wait outlives its call.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pytest_rtmedload.clients.websocket.deadlines import Deadlines

if TYPE_CHECKING:
    from collections.abc import Callable


class Waits:
    """The waits of one call."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._deadlines = Deadlines()
        self._waiting: list[tuple[asyncio.Future[None], Callable[[], object]]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    async def until(self, holds: Callable[[], object], limit: float) -> None:
        """Wait until something holds, as `wake` will find, or `end` says that it never will.

        Raises:
            NotInTime: not within `limit` seconds.
        """
        future: asyncio.Future[None] = self._loop.create_future()
        waiting = (future, holds)
        self._waiting.append(waiting)
        try:
            await self._deadlines.wait(future, limit)
        finally:
            self._waiting.remove(waiting)

    def wake(self) -> None:
        """Something has changed."""
        for future, holds in self._waiting:
            if not future.done() and holds():
                future.set_result(None)

    def end(self) -> None:
        """Nothing will change any more."""
        for future, _ in self._waiting:
            if not future.done():
                future.set_result(None)
        self._deadlines.stop()
