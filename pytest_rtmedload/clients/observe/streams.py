"""Response bodies that report their progress to an exchange, in the classes that `httpx` and `httpx2` accept."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from types import ModuleType


class Exchange(Protocol):
    """Receives the progress of a response body."""

    def part(self, part: bytes) -> None:
        """A part has been read."""

    def exhausted(self) -> None:
        """The last part has been read."""

    def lose(self, error: BaseException) -> None:
        """Reading failed: no more parts will come."""

    def close(self) -> None:
        """The body was closed: no more parts are wanted."""


@cache
def sync_stream(library: ModuleType) -> type:
    """A subclass of the library's synchronous stream."""

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
