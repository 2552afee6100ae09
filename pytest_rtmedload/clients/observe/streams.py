"""Bodies of answers that tell an exchange what becomes of them, of classes that `httpx` and `httpx2` take."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from types import ModuleType


class Exchange(Protocol):
    """Is told."""

    def part(self, part: bytes) -> None:
        """A part is here."""

    def exhausted(self) -> None:
        """That was the last one."""

    def lose(self, error: BaseException) -> None:
        """There will be no more of them."""

    def close(self) -> None:
        """Nobody wants more."""


@cache
def sync_stream(library: ModuleType) -> type:
    """The body of an answer, of a class that the library takes."""

    class Stream(library.SyncByteStream):  # type: ignore[misc, name-defined]
        def __init__(self, inner: Any, exchange: Exchange) -> None:
            self._inner = inner
            self._exchange = exchange

        def __iter__(self) -> Iterator[bytes]:
            try:
                for part in self._inner:
                    self._exchange.part(part)
                    yield part
            except Exception as error:
                self._exchange.lose(error)
                raise
            self._exchange.exhausted()

        def close(self) -> None:
            self._exchange.close()
            self._inner.close()

    return Stream


@cache
def async_stream(library: ModuleType) -> type:
    """The same for `async`."""

    class Stream(library.AsyncByteStream):  # type: ignore[misc, name-defined]
        def __init__(self, inner: Any, exchange: Exchange) -> None:
            self._inner = inner
            self._exchange = exchange

        async def __aiter__(self) -> AsyncIterator[bytes]:
            try:
                async for part in self._inner:
                    self._exchange.part(part)
                    yield part
            except (Exception, asyncio.CancelledError) as error:
                self._exchange.lose(error)
                raise
            self._exchange.exhausted()

        async def aclose(self) -> None:
            self._exchange.close()
            await self._inner.aclose()

    return Stream
