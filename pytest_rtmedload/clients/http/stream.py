"""Bodies that are read as they come: time to first byte, chunks, lines and server-sent events.

The first chunk is read before the block begins, so that its time does not depend on how soon the test asks for it.
"""

from __future__ import annotations

import asyncio
import codecs
import contextlib
from dataclasses import dataclass
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final, NamedTuple

from pyreqwest.exceptions import PyreqwestError

from pytest_rtmedload.clients.http.options import is_expected
from pytest_rtmedload.clients.request import Request
from pytest_rtmedload.clients.response import Headers, raise_for
from pytest_rtmedload.clients.timeouts import time_out_in
from pytest_rtmedload.clients.urls import without_credentials
from pytest_rtmedload.results.recording import Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection
    from datetime import timedelta

    from pyreqwest.request import StreamRequest
    from pyreqwest.response import Response as Raw

    from pytest_rtmedload.clients.errors import RequestError
    from pytest_rtmedload.clients.http.exchange import HttpTarget

TTFB: Final = "ttfb"
"""Added to a metric's name: time to first byte."""


class Measures(NamedTuple):
    """What the client does with the outcome."""

    add: Callable[[str, int, int, str], None]
    report: Callable[[str, int, int | Collection[int] | None, bytes], None]
    lost: Callable[[PyreqwestError, HttpTarget, str, int, timedelta | None], RequestError]


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One event of a `text/event-stream`."""

    event: str = "message"
    data: str = ""
    id: str = ""
    retry: int | None = None
    """Milliseconds, where the server gave them."""


class StreamedResponse:
    """An answer whose body is read once, as it comes."""

    def __init__(
        self, raw: Raw, target: HttpTarget, first: bytes | None, failure: Callable[[PyreqwestError], RequestError]
    ) -> None:
        self.status_code: int = raw.status
        self.headers = Headers(raw)
        self.ended = first is None
        """True once the body was read to its end."""
        self.counted = False
        """True when the status made the operation a failed one."""
        self._raw = raw
        self._target = target
        self._first = first
        self._failure = failure

    @property
    def url(self) -> str:
        """What was asked, without credentials."""
        return without_credentials(self._target.url)

    @property
    def request(self) -> Request:
        """What was asked."""
        return Request(self._target.method, self.url)

    @property
    def is_success(self) -> bool:
        """True if the status is 2xx."""
        return 200 <= self.status_code < 300

    def raise_for_status(self) -> StreamedResponse:
        """Raise unless the status is 2xx.

        Raises:
            HTTPStatusError: it is not.
        """
        if not self.is_success:
            raise_for(self.status_code, self._target.url, self.request, self, counted=self.counted)
        return self

    async def aiter_bytes(self) -> AsyncIterator[bytes]:
        """The body in pieces, as they arrive."""
        if self._first is not None:
            first, self._first = self._first, None
            yield first
        while not self.ended:
            try:
                chunk = await self._raw.body_reader.read_chunk()
            except PyreqwestError as error:
                raise self._failure(error) from None
            if chunk is None:
                self.ended = True
            else:
                yield bytes(chunk)

    async def aiter_text(self) -> AsyncIterator[str]:
        """The body as text (UTF-8), in pieces; what cannot be decoded is replaced."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        async for chunk in self.aiter_bytes():
            if text := decoder.decode(chunk):
                yield text
        if rest := decoder.decode(b"", final=True):
            yield rest

    async def aiter_lines(self) -> AsyncIterator[str]:
        """The lines of the text, without their ends."""
        rest = ""
        async for text in self.aiter_text():
            *lines, rest = (rest + text).replace("\r\n", "\n").split("\n")
            for line in lines:
                yield line.rstrip("\r")
        if rest:
            yield rest

    async def aiter_events(self) -> AsyncIterator[ServerSentEvent]:
        """Server-sent events (WHATWG HTML, 9.2): fields until an empty line; comments are left out."""
        fields: dict[str, str] = {}
        async for line in self.aiter_lines():
            if not line:
                if "data" in fields:
                    yield _event(fields)
                fields = {}
                continue
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name:
                fields[name] = f"{fields[name]}\n{value}" if name == "data" and "data" in fields else value

    async def aread(self) -> bytes:
        """The whole body, or the part that has not been read yet."""
        return b"".join([chunk async for chunk in self.aiter_bytes()])


def _event(fields: dict[str, str]) -> ServerSentEvent:
    retry = fields.get("retry", "")
    return ServerSentEvent(
        fields.get("event") or "message",
        fields["data"],
        fields.get("id", ""),
        int(retry) if retry.isdecimal() else None,
    )


@contextlib.asynccontextmanager
async def streamed(
    request: StreamRequest,
    target: HttpTarget,
    metric: str,
    limit: timedelta | None,
    expect: int | Collection[int] | None,
    measures: Measures,
) -> AsyncIterator[StreamedResponse]:
    """Send a request, and measure it until its body was read or the block was left."""
    start = perf_counter_ns()
    counted = False

    def failure(error: PyreqwestError) -> RequestError:
        nonlocal counted
        counted = True
        return measures.lost(error, target, metric, start, limit)

    outcome = Outcome.OK.value
    opened = contextlib.AsyncExitStack()
    try:
        try:
            raw = await opened.enter_async_context(request)
            chunk = await raw.body_reader.read_chunk()
        except PyreqwestError as error:
            raise failure(error) from None
        measures.add(f"{metric} {TTFB}", start, perf_counter_ns(), outcome)
        response = StreamedResponse(raw, target, None if chunk is None else bytes(chunk), failure)
        status = response.status_code
        if not (status < 400 if expect is None else is_expected(status, expect)):
            response.counted = True
            outcome = Outcome.FAILED.value
            measures.report(metric, status, expect, bytes(chunk or b""))
        yield response
    except BaseException as error:
        late = isinstance(error, asyncio.CancelledError) or time_out_in(error) is not None
        outcome = Outcome.CENSORED.value if late else Outcome.FAILED.value
        raise
    finally:
        if not counted:
            target.last.ns = end = perf_counter_ns()
            measures.add(metric, start, end, outcome)
        await opened.aclose()
