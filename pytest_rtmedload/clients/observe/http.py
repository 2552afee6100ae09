"""Measures an `httpx` or `httpx2` client by wrapping its transports: below redirects, so each request is a sample.

A sample runs from the request handed to the transport until its body was read, or the answer was closed. A relative
URL keeps the name it was written with; `extensions={"metric": "GET /call/{id}"}` gives another.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from typing import TYPE_CHECKING, Any, Final

from pytest_rtmedload.clients.causes import links
from pytest_rtmedload.clients.observe.operation import MOST_READ, OK, ObservedOperation, OperationWatch
from pytest_rtmedload.clients.observe.streams import async_stream, sync_stream
from pytest_rtmedload.clients.timeouts import time_out_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

LIBRARIES: Final = ("httpx", "httpx2")
_PORTS: Final = {"http": 80, "https": 443}


def watch_http(client: Any) -> OperationWatch:
    """Measure the requests of a client.

    Raises:
        TypeError: this version of the library keeps its transports elsewhere.
    """
    fields = vars(client)
    if not isinstance(fields.get("_mounts"), dict) or "_transport" not in fields:
        raise TypeError(f"load.observe() does not know this version of {_library(client).__name__}")
    watch = OperationWatch()
    wrapped: dict[int, _Transport] = {}  # a transport may be mounted more than once

    def wrap(inner: Any) -> Any:
        return None if inner is None else wrapped.setdefault(id(inner), _Transport(inner, client, watch))

    def exchange_all(change: Callable[[Any], Any]) -> None:
        fields["_transport"] = change(fields["_transport"])
        fields["_mounts"].update([(pattern, change(mounted)) for pattern, mounted in fields["_mounts"].items()])

    exchange_all(wrap)
    watch.undo = lambda: exchange_all(_inner)
    return watch


class _Exchange(ObservedOperation):
    """One request and its answer."""

    def __init__(self, watch: OperationWatch, client: Any, request: Any) -> None:
        super().__init__(watch, _name(client, request))
        self._request = request
        self._status = 0
        self._begun = b""
        self._reading = False

    def answered(self, response: Any, stream: Callable[[Any, _Exchange], Any]) -> bool:
        """The head of the response has arrived; unless the body has, too, it will be read through this object."""
        self._status = response.status_code
        if response.is_closed:
            self.part(response.content)
            self.finish()
            return False
        response.stream = stream(response.stream, self)
        return True

    @contextlib.contextmanager
    def reading(self, response: Any, method: str) -> Iterator[None]:
        """The whole body is being read: closing it before its end is a failure to come, such as a wrong compression."""
        vars(response).pop(method, None)
        self._reading = True
        try:
            yield
        except BaseException as error:
            self.lose(error)
            raise
        self.finish()

    def part(self, part: bytes) -> None:
        """A part of the body has arrived."""
        if self._status >= 400 and len(self._begun) < MOST_READ:
            self._begun += part[:MOST_READ]

    def exhausted(self) -> None:
        """All parts of the body have arrived."""
        if not self._reading:
            self.finish()

    def finish(self) -> None:
        """The body was read, or is no longer wanted."""
        if self._status < 400:
            self.end(OK)
        else:
            self.fail(None, f"HTTP {self._status}", example=self._begun.decode(errors="replace"))

    def lose(self, error: BaseException) -> None:
        """The response is missing or incomplete."""
        url = self._request.url
        place = f"{url.host}:{url.port or _PORTS.get(url.scheme)}"
        example = f"{self._request.method} {url.scheme}://{place}{_path(url)}"
        self.fail(error, f"{_reason(error)} ({place})", example=example)

    def close(self) -> None:
        """The response is closed: its reader has finished, stopped early, or failed."""
        if self._reading:
            return  # how it ends is not known yet
        error = sys.exc_info()[1]  # what made the library, or the caller's `async with`, close it
        raised_below = type(error).__module__.partition(".")[0] in LIBRARIES
        if error is not None and (raised_below or isinstance(error, asyncio.CancelledError)):
            self.lose(error)
        else:
            self.finish()


class _Transport:
    """A transport of the client, measured: it defines what the client calls; all else is forwarded to the transport."""

    def __init__(self, inner: Any, client: Any, watch: OperationWatch) -> None:
        self.inner = inner
        self._client = client
        self._watch = watch
        self._library = _library(client)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def __enter__(self) -> Any:
        self.inner.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.inner.__exit__(*error)

    async def __aenter__(self) -> Any:
        await self.inner.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.inner.__aexit__(*error)

    def handle_request(self, request: Any) -> Any:
        exchange = _Exchange(self._watch, self._client, request)
        try:
            response = self.inner.handle_request(request)
        except BaseException as error:
            exchange.lose(error)
            raise
        if exchange.answered(response, sync_stream(self._library)):
            read = response.read

            def measured() -> bytes:
                with exchange.reading(response, "read"):
                    return bytes(read())

            response.read = measured
        return response

    async def handle_async_request(self, request: Any) -> Any:
        exchange = _Exchange(self._watch, self._client, request)
        try:
            response = await self.inner.handle_async_request(request)
        except BaseException as error:
            exchange.lose(error)
            raise
        if exchange.answered(response, async_stream(self._library)):
            read = response.aread

            async def measured() -> bytes:
                with exchange.reading(response, "aread"):
                    return bytes(await read())

            response.aread = measured
        return response


def _library(client: Any) -> ModuleType:
    names = (cls.__module__.partition(".")[0] for cls in type(client).__mro__)
    return sys.modules[next(name for name in names if name in LIBRARIES)]


def _inner(transport: Any) -> Any:
    return transport.inner if isinstance(transport, _Transport) else transport


def _name(client: Any, request: Any) -> str:
    given = request.extensions.get("metric")
    if isinstance(given, str) and given:
        return given
    path, base = _path(request.url), _path(client.base_url)
    ours = client.base_url.host and (request.url.host, request.url.port) == (client.base_url.host, client.base_url.port)
    if ours and path.startswith(base):
        path = path[len(base.rstrip("/")) :]
    return f"{request.method} {path}"


def _path(url: Any) -> str:
    """Without the query, which may hold secrets."""
    return str(url.raw_path.partition(b"?")[0].decode("ascii", "replace"))


def _reason(error: BaseException) -> str:
    """The innermost known cause, without error numbers and addresses."""
    for link in links(error):
        if isinstance(link, OSError) and link.errno is not None and link.errno > 0:
            return os.strerror(link.errno).lower()
    name = type(error).__name__
    return f"no answer in time ({name})" if time_out_in(error) else _said(error) or name


def _said(error: BaseException) -> str:
    said = " ".join(str(error).split())
    return said[:1].lower() + said[1:]
