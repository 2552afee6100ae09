"""Whether a body ever waited for anything: one that never did, and measured nothing, has shown nothing.

The rule: a body is watched until it first gives control to the event loop, and for its first iterations only, so that
one that never does pays little.
"""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

MOST_WATCHED: Final = 200
"""Iterations that are watched in one process."""


class Suspension:
    """What is known of one body."""

    __slots__ = ("_seen", "left")

    def __init__(self) -> None:
        self._seen = False
        self.left = MOST_WATCHED
        """Iterations that are still to be watched; 0 once it is known."""

    @property
    def never(self) -> bool:
        """Whether the body was run and never waited."""
        return not self._seen and self.left < MOST_WATCHED

    async def watched(self, body: Awaitable[object]) -> None:
        """Run the body once, and notice whether it waits."""
        self.left -= 1
        await _noticing(body.__await__(), self._notice)

    def _notice(self) -> None:
        self._seen, self.left = True, 0


@types.coroutine
def _noticing(body: Generator[Any, Any, object], notice: Callable[[], None]) -> Generator[Any, Any, None]:
    """`await body`, step by step (PEP 380)."""
    try:
        waits_for = body.send(None)
        notice()
        while True:
            try:
                value = yield waits_for
            except GeneratorExit:
                body.close()
                raise
            except BaseException as error:  # noqa: BLE001 - it is the body's to handle
                waits_for = body.throw(error)
            else:
                waits_for = body.send(value)
    except StopIteration:
        return
