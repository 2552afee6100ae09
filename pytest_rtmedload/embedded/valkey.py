"""A connection to the agent's Valkey that uses little processor time.

The rule: there is one connection; commands of concurrent requests are pipelined in the order they arrive. That costs a
fraction of a pooled general-purpose client.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, cast

import hiredis

Command = tuple[str | bytes | int, ...]


class ValkeyError(Exception):
    """The server is gone, or refused a command."""


class ValkeyConnection(asyncio.Protocol):
    """Commands out, replies in, strictly in order."""

    def __init__(self) -> None:
        self._reader = hiredis.Reader()
        self._waiting: deque[tuple[int, list[Any], asyncio.Future[list[Any]]]] = deque()
        self._transport: asyncio.WriteTransport | None = None

    @classmethod
    async def connect(cls, path: str, limit_s: float = 10.0) -> ValkeyConnection:
        """Connect to a server that may still be starting; for at most `limit_s` seconds.

        Raises:
            ValkeyError: it did not answer in time.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + limit_s
        while True:
            try:
                _, connection = await loop.create_unix_connection(cls, path)
                await connection.execute(("PING",))
            except (OSError, ValkeyError) as error:
                if loop.time() > deadline:
                    raise ValkeyError(f"the session store did not answer within {limit_s:g} s: {error}") from None
                await asyncio.sleep(0.01)  # the socket appears when the server is ready: there is no event to wait for
            else:
                return connection

    async def execute(self, *commands: Command) -> list[Any]:
        """Send commands in one write and return their replies, bytes undecoded.

        Raises:
            ValkeyError: the connection is lost, or the server refused one of the commands.
        """
        if self._transport is None or self._transport.is_closing():
            raise ValkeyError("the connection to the session store is lost")
        future: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._waiting.append((len(commands), [], future))
        self._transport.write(b"".join(hiredis.pack_command(command) for command in commands))  # type: ignore[arg-type]  # its stub says a tuple of one
        return await future

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the transport."""
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's is one in all but name

    def data_received(self, data: bytes) -> None:
        """Resolve the waiting futures with their replies."""
        self._reader.feed(data)
        while (reply := self._reader.gets()) is not False:  # RESP2 has no booleans: False means "not yet"
            count, replies, future = self._waiting[0]
            replies.append(reply)
            if len(replies) == count:
                self._waiting.popleft()
                _settle(future, replies)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail all waiting futures."""
        for _, _, future in self._waiting:
            if not future.done():
                future.set_exception(ValkeyError(f"the connection to the session store was lost: {exc or 'closed'}"))
        self._waiting.clear()


def _settle(future: asyncio.Future[list[Any]], replies: list[Any]) -> None:
    if future.done():  # its request was cancelled
        return
    refused = next((reply for reply in replies if isinstance(reply, hiredis.ReplyError)), None)
    if refused is None:
        future.set_result(replies)
    else:
        future.set_exception(ValkeyError(f"the session store refused a command: {refused}"))
