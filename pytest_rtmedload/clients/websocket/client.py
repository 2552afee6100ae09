"""`load.ws`: the measured WebSocket of one virtual user.

What is a sample:

- `ws.handshake`: connect begins (name service, TCP and TLS included) → 101 read.
- `ws.ping`: ping sent → its pong read.
- `ws.message`: message handed to the connection → the agent's own answer to it read. Only `ask` knows what answers
  what, so only `ask` makes ok samples. A `send` or `recv` that ends badly is a failed or censored one all the same:
  a caller waited for a message that did not come. `name=` replaces this metric's name and no other.

Every wait has a limit. One that is over, or a cancellation, makes a censored sample; the end of the connection a failed
one. A connection that the agent or the network ends counts once as `ws.dropped`, unless it was a regular close (code
1000, or none) that interrupted no operation. When no operation was under way, a dropped connection is a failed sample.
"""

from __future__ import annotations

import asyncio
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

import orjson

from pytest_rtmedload.clients.encoding import to_json
from pytest_rtmedload.clients.errors import DecodingError, TimeoutException
from pytest_rtmedload.clients.limits import a_limit
from pytest_rtmedload.clients.websocket.handshake import dressed, find
from pytest_rtmedload.clients.websocket.loss import ConnectionLost, NotInTime, sendable
from pytest_rtmedload.clients.websocket.samples import WebSocketSamples
from pytest_rtmedload.clients.websocket.session import Session
from pytest_rtmedload.clients.websocket_metrics import MESSAGE, PING

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from pytest_rtmedload.clients.cookies import Cookies
    from pytest_rtmedload.clients.limits import Timeout
    from pytest_rtmedload.clients.recorder import SampleRecorder
    from pytest_rtmedload.clients.websocket.connection import Connection
    from pytest_rtmedload.clients.websocket.inbox import Match, Message

    Sent = str | bytes | bytearray | memoryview


class WebSocketClient:
    """A measured WebSocket; connects once, by `async with` or `await`.

    Args:
        recorder: keeps the samples and errors, and counts if it has a `count`.
        url: absolute, or relative to the base URL; http and https stand for ws and wss.
        base_url: gives what relative URLs are appended to; whatever it raises goes to the caller untouched.
        headers: sent with the handshake.
        headers_for: gives the headers that one origin (`https://host:port`) is sent in addition, such as credentials,
            which must not travel to other servers.
        subprotocols: offered to the agent, in this order.
        timeout: that any single wait may take: seconds, or text such as `300ms`.
        name: the metric of messages, instead of `ws.message`; stands for the path in messages about errors.
        verify: whether to check certificates, or a PEM file of further authorities to trust.
        redact: takes secrets out of what the agent says before it is kept.
        addresses: host and port → the address to connect to, where a name is not to be looked up.
        cookies: sent with the handshake, as with an HTTP request; what its answer sets is kept there.
    """

    def __init__(  # noqa: PLR0913 - made in one place
        self,
        recorder: SampleRecorder,
        url: str,
        *,
        base_url: Callable[[], str] = str,
        headers: Mapping[str, str] | None = None,
        headers_for: Callable[[str], Mapping[str, str]] | None = None,
        subprotocols: Sequence[str] = (),
        timeout: Timeout = 30.0,
        name: str | None = None,
        verify: bool | str = True,
        redact: Callable[[str], str] = str,
        addresses: Mapping[tuple[str, int], str] | None = None,
        cookies: Cookies | None = None,
    ) -> None:
        target = find(url, base_url)
        own = headers_for(target.url.origin_ascii) if headers_for is not None else {}
        self._headers = dressed(target, own, headers or {}, subprotocols)
        self._cookies = cookies
        self._http_url = target.url
        self._verify = verify
        self._limit = a_limit(timeout)
        self._metric = name or MESSAGE
        self._samples = WebSocketSamples(recorder, target, name, redact)
        self._session = Session(target, self._samples, self._limit, self._metric, addresses)
        self._out_of_step = False  # the answer to an `ask` without a match may still come
        self._pings = 0

    def __await__(self) -> Generator[Any, None, Self]:
        return self.__aenter__().__await__()

    async def __aenter__(self) -> Self:
        headers = self._headers
        if self._cookies is not None and not any(name.lower() == "cookie" for name in headers):
            sent = self._cookies.header(self._http_url, {})
            headers = headers | {"Cookie": sent} if sent else headers
        await self._session.open(headers, self._verify)
        if self._cookies is not None:
            self._cookies.keep(self._http_url, self._session.reading().cookies_set)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, asyncio.CancelledError):
            await self._session.close(1001, "", patient=False)  # a cancelled caller does not wait for the peer's close
        else:
            await self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        """The next message, as `recv`; ends when the agent or this client closes the connection.

        A cancellation is not a sample here: it is unknown how many messages are still due to a background reader.
        """
        start = perf_counter_ns()
        try:
            return await self._session.reading().receive(self._limit)
        except NotInTime:
            raise self._samples.late(self._metric, start, f"no message within {self._limit:g} s") from None
        except ConnectionLost as lost:
            if self._session.closing or lost.loss.normal:
                raise StopAsyncIteration from None
            raise self._samples.cut(self._metric, start, lost.loss) from None

    @property
    def is_open(self) -> bool:
        """True if the connection is open, as far as is known."""
        connection = self._session.connection
        return connection is not None and connection.loss is None and not self._session.closing

    @property
    def subprotocol(self) -> str | None:
        """What the agent chose of the subprotocols offered."""
        return self._session.reading().subprotocol

    @property
    def close_code(self) -> int | None:
        """The close code received: 1005 for a frame without one, 1006 for no frame; None while connected.

        When the agent broke the protocol, the code that it was answered with.
        """
        loss = self._session.reading().loss
        return None if loss is None else loss.code

    @property
    def close_reason(self) -> str | None:
        """The reason received, secrets taken out; None while connected."""
        loss = self._session.reading().loss
        return None if loss is None else self._samples.reason_of(loss)

    async def send(self, message: str | bytes | bytearray | memoryview) -> None:
        """Send a message, str as text; waits while the agent does not read.

        Raises:
            TimeoutException: the agent did not read in time; a censored sample.
            ConnectionClosed: the connection has ended; a failed sample.
        """
        start = perf_counter_ns()
        await self._written(self._write(message, self._metric, start), self._metric, start)

    async def send_json(self, value: Any) -> None:
        """`send` a value as JSON in a text message."""
        start = perf_counter_ns()
        await self._written(self._write(to_json(value), self._metric, start, text=True), self._metric, start)

    async def recv(self, timeout: Timeout = None) -> Message:  # noqa: ASYNC109 - what it cuts off is a sample
        """The next message that no `ask` has taken: str or bytes.

        Args:
            timeout: seconds, instead of the client's.

        Raises:
            TimeoutException: none came; a censored sample.
            ConnectionClosed: none will come; a failed sample.
        """
        start = perf_counter_ns()
        limit = self._limit if timeout is None else a_limit(timeout)
        message = self._session.reading().receive(limit)
        return await self._session.until(message, self._metric, start, f"no message within {limit:g} s", owed=False)

    async def recv_json(self, timeout: Timeout = None) -> Any:  # noqa: ASYNC109
        """`recv`, parsed as JSON.

        Raises:
            DecodingError: the message is not JSON; a failed sample.
        """
        start = perf_counter_ns()
        message = await self.recv(timeout)
        try:
            return orjson.loads(message)
        except ValueError:
            example = self._samples.shown(message)
            raise self._samples.failed(DecodingError, self._metric, start, "not JSON", example) from None

    async def ask(
        self,
        message: str | bytes,
        match: Match | None = None,
        *,
        name: str | None = None,
        timeout: Timeout = None,  # noqa: ASYNC109
    ) -> Message:
        """Send a message and wait for its answer: one sample.

        Messages that are not an answer stay available to `recv`, and so does an answer that comes too late.

        Args:
            message: what to send.
            match: whether a message is the answer; without it the first one read after sending is.
            name: the metric, instead of the client's.
            timeout: seconds, instead of the client's.

        Raises:
            TimeoutException: no answer; a censored sample.
            ConnectionClosed: the connection ended first; a failed sample.
            RuntimeError: no `match`, after an `ask` without one that was not answered. Nothing was sent or measured.
        """
        if match is None and self._out_of_step:
            raise RuntimeError(
                "an earlier ask() was not answered, and its late answer would be taken for this one's: "
                "give match=, or connect again"
            )
        metric = name or self._metric
        limit = self._limit if timeout is None else a_limit(timeout)
        start = perf_counter_ns()
        connection = self._write(message, metric, start)
        expected = connection.inbox.expect(match)
        try:
            await self._written(connection, metric, start)
            answer = connection.answer(expected, limit)
            read, text = await self._session.until(answer, metric, start, f"no answer within {limit:g} s")
        except (TimeoutException, asyncio.CancelledError):
            self._out_of_step |= match is None
            raise
        finally:
            expected.cancel()
        self._samples.ok(metric, start, read)
        return text

    async def ping(self, timeout: Timeout = None) -> float:  # noqa: ASYNC109
        """Send a ping and wait for its pong: one sample.

        Args:
            timeout: seconds, instead of the client's.

        Returns:
            The round trip in milliseconds.

        Raises:
            TimeoutException: no pong; a censored sample.
            ConnectionClosed: the connection ended first; a failed sample.
        """
        limit = self._limit if timeout is None else a_limit(timeout)
        start = perf_counter_ns()
        connection = self._session.writing(PING, start)
        self._pings += 1
        pong = connection.wait(connection.ping(self._pings.to_bytes(8, "big")), limit)
        read = await self._session.until(pong, PING, start, f"no pong within {limit:g} s")
        self._samples.ok(PING, start, read)
        return (read - start) / 1e6

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the connection, which is not a sample; does nothing when there is none.

        Args:
            code: 1000, or an application's own (3000 to 4999).
            reason: at most 123 bytes.

        Raises:
            ValueError: a close frame cannot say that.
        """
        if not sendable(code) or len(reason.encode()) > 123:
            raise ValueError(f"not a close code with a reason of at most 123 bytes: {code}, {reason!r}")
        await self._session.close(code, reason, patient=True)

    def _write(self, message: Sent, metric: str, start: int, *, text: bool = False) -> Connection:
        if not isinstance(message, str | bytes | bytearray | memoryview):
            raise TypeError(f"a message is str or bytes, not {type(message).__name__}: use send_json()")
        connection = self._session.writing(metric, start)
        connection.write(message, text=text or isinstance(message, str))
        return connection

    async def _written(self, connection: Connection, metric: str, start: int) -> None:
        """Wait until the agent reads again."""
        written = connection.written()
        if written is not None:
            waiting = connection.wait(written, self._limit)
            await self._session.until(waiting, metric, start, f"not read by the agent within {self._limit:g} s")
