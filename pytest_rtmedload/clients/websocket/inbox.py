"""Assigns messages: to the oldest waiter expecting this one, else to the oldest that takes any, else it stays unread.

A message is never lost: a waiter that is cancelled at the same moment returns it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    Message = str | bytes
    Match = Callable[[Message], object]
    Answer = tuple[int, Message]
    """When a message was read, on `time.perf_counter_ns`, and the message."""
    Wait = Callable[["asyncio.Future[Any]"], Coroutine[Any, Any, Any]]

_MESSAGE_COST: Final = 64  # bytes that an empty message takes: a flood of them has a size, too

_T = TypeVar("_T")


class Inbox:
    """Messages of one connection, and the waiters for them."""

    def __init__(self) -> None:
        self.size = 0
        """Approximate bytes of the messages that have not been read."""
        self._unread: deque[Message] = deque()
        self._expected: list[tuple[asyncio.Future[Answer], Match | None]] = []
        self._takers: deque[asyncio.Future[Message]] = deque()

    def __len__(self) -> int:
        return len(self._unread)

    def deliver(self, message: Message, read_ns: int) -> None:
        """A message was read."""
        if self._expected and self._answers(message, read_ns):
            return
        while self._takers:
            taker = self._takers.popleft()
            if not taker.done():
                taker.set_result(message)
                return
        self._unread.append(message)
        self.size += len(message) + _MESSAGE_COST

    def expect(self, match: Match | None) -> asyncio.Future[Answer]:
        """The first message from now on that `match` is true of, or the first at all; fails as `match` fails."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._expected = [waiting for waiting in self._expected if not waiting[0].done()]
        self._expected.append((answer, match))
        return answer

    async def take(self, wait: Wait) -> Message:
        """The next unread message; `wait` is what to wait for one with."""
        if self._unread:
            message = self._unread.popleft()
            self.size -= len(message) + _MESSAGE_COST
            return message
        taker: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._takers.append(taker)
        return await self._waited(taker, wait, lambda message: message)

    async def answer(self, expected: asyncio.Future[Answer], wait: Wait) -> Answer:
        """The result of a future from `expect`."""
        return await self._waited(expected, wait, lambda answer: answer[1])

    def drain(self) -> list[Message]:
        """All unread messages, which are then read."""
        drained = list(self._unread)
        self._unread.clear()
        self.size = 0
        return drained

    def fail(self, error: Callable[[], Exception]) -> None:
        """No further messages: wake all waiters."""
        for taker in self._takers:
            if not taker.done():
                taker.set_exception(error())
        for expected, _ in self._expected:
            if not expected.done():
                expected.set_exception(error())
        self._takers.clear()
        self._expected.clear()

    def _answers(self, message: Message, read_ns: int) -> bool:
        for index, (answer, match) in enumerate(self._expected):
            if answer.done():  # timed out or cancelled
                continue
            try:
                matches = match is None or match(message)
            except Exception as error:  # noqa: BLE001 - the caller's own code: it goes to the caller
                answer.set_exception(error)
                continue
            if matches:
                answer.set_result((read_ns, message))
                del self._expected[index]
                return True
        return False

    async def _waited(self, future: asyncio.Future[_T], wait: Wait, message_of: Callable[[_T], Message]) -> _T:
        try:
            await wait(future)
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                message = message_of(future.result())
                self._unread.appendleft(message)
                self.size += len(message) + _MESSAGE_COST
            raise
        return future.result()
