"""The measured life of one WebSocket: connecting, waiting, being cut, closing.

Every failure is recorded before it is raised.
"""

from __future__ import annotations

import asyncio
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pytest_rtmedload.clients.websocket.handshake import shake_hands, trust
from pytest_rtmedload.clients.websocket.loss import ConnectionLost, Failed, NotInTime
from pytest_rtmedload.clients.websocket_metrics import HANDSHAKE

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from pytest_rtmedload.clients.websocket.connection import Connection
    from pytest_rtmedload.clients.websocket.handshake import WebSocketTarget
    from pytest_rtmedload.clients.websocket.loss import Loss
    from pytest_rtmedload.clients.websocket.samples import WebSocketSamples

CLOSING: Final = 2.0
"""Most seconds that a close waits for the agent's close frame."""

_T = TypeVar("_T")


class Session:
    """One connection and the operations under way on it.

    Args:
        target: where it leads.
        samples: records what happens.
        limit: seconds that any single wait may take.
        metric: takes what happens while no operation is under way.
        addresses: host and port → the address to connect to.
    """

    def __init__(
        self,
        target: WebSocketTarget,
        samples: WebSocketSamples,
        limit: float,
        metric: str,
        addresses: Mapping[tuple[str, int], str] | None = None,
    ) -> None:
        self.samples = samples
        self.connection: Connection | None = None
        self.closing = False
        """True if this client closes the connection, so that the peer is not blamed."""
        self._target = target
        self._limit = limit
        self._addresses = addresses or {}
        self._metric = metric
        self._begun = False
        self._depending = 0

    async def open(self, headers: Mapping[str, str], verify: bool | str) -> None:
        """Connect; once.

        Raises:
            TransportError: there is no connection; recorded.
            RuntimeError: the second time.
        """
        if self._begun:
            raise RuntimeError("a load.ws() connects once: create another one")
        self._begun = True
        context = await trust(self._target, verify)
        start = perf_counter_ns()
        try:
            connection = await shake_hands(self._target, headers, context, self._limit, self._addresses)
        except asyncio.CancelledError:
            self.samples.cancelled(HANDSHAKE, start)
            raise
        except NotInTime:
            raise self.samples.late(HANDSHAKE, start, f"no answer within {self._limit:g} s") from None
        except Failed as failed:
            raise self.samples.refused(HANDSHAKE, start, failed) from None
        self.samples.ok(HANDSHAKE, start, connection.opened_ns)
        self.connection = connection
        connection.on_loss = self.lost
        if connection.loss is not None:  # it came with the 101
            self.lost(connection.loss)

    async def close(self, code: int, reason: str, *, patient: bool) -> None:
        """Close the connection if there is one; `patient` waits for the agent's close frame."""
        self.closing = True
        if self.connection is not None:
            await self.connection.close(code, reason, min(CLOSING, self._limit) if patient else 0)

    def reading(self) -> Connection:
        """The connection, which may have ended: messages read before that can still be received.

        Raises:
            RuntimeError: there never was one.
        """
        if self.connection is None:
            raise RuntimeError("not connected: write `async with load.ws(...) as ws:` or `ws = await load.ws(...)`")
        return self.connection

    def writing(self, metric: str, start_ns: int) -> Connection:
        """The connection, which must be open.

        Raises:
            ConnectionClosed: it has ended; recorded unless this client closed it.
            RuntimeError: there never was one.
        """
        connection = self.reading()
        if self.closing:
            raise self.samples.left(metric, connection.loss)
        if connection.loss is not None:
            raise self.samples.cut(metric, start_ns, connection.loss)
        return connection

    async def until(
        self, waiting: Coroutine[Any, Any, _T], metric: str, start_ns: int, otherwise: str, *, owed: bool = True
    ) -> _T:
        """Wait for something of the connection, and record if it does not come.

        Args:
            waiting: what to wait for.
            metric: names the sample.
            start_ns: when it began.
            otherwise: the reason when it does not come in time.
            owed: true if it counts as lost when this client closes the connection during the wait.
        """
        self._depending += 1
        try:
            return await waiting
        except NotInTime:
            raise self.samples.late(metric, start_ns, otherwise) from None
        except ConnectionLost as lost:
            if not self.closing:
                raise self.samples.cut(metric, start_ns, lost.loss) from None
            if owed:
                self.samples.cancelled(metric, start_ns)
            raise self.samples.left(metric, lost.loss, counted=owed) from None
        except asyncio.CancelledError:
            self.samples.cancelled(metric, start_ns)
            raise
        except Exception:  # raised by the caller's own code
            self.samples.broken(metric, start_ns)
            raise
        finally:
            self._depending -= 1

    def lost(self, loss: Loss) -> None:
        """The connection has ended; called once."""
        if self.closing:
            return
        if self._depending or not loss.normal:
            self.samples.dropped()
        if not self._depending and not loss.normal:
            self.samples.cut_while_idle(self._metric, loss)
