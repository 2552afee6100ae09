"""`load.http`: the measured HTTP client of one virtual user, with httpx's surface.

A sample runs from the moment a request is handed to the client until its body was read; a new connection is part of it.
An invalid request (a bad URL, a header with a line break) is not measured. Each user has its own connection pool, no
proxies, HTTP/1.1, and cookies that last as long as the user. Each request of a chain of redirects is a sample.

Two habits of the HTTP library below cannot be turned off. A kept connection that turns out closed before the first byte
of a request was written is replaced inside the same sample; otherwise a request is sent once. A request that is
cancelled, or under way when the client is closed, is not waited for, but its connection stays until the answer or the
time-out.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final, Unpack
from urllib.parse import parse_qsl

from pyreqwest.exceptions import ClientClosedError, PyreqwestError, RequestTimeoutError

from pytest_rtmedload.clients.cookies import Cookies
from pytest_rtmedload.clients.encoding import JSON, NOTHING, Body, to_body, to_headers, to_json
from pytest_rtmedload.clients.errors import RequestError, TimeoutException, TransportError, UnsupportedProtocol
from pytest_rtmedload.clients.failures import explain
from pytest_rtmedload.clients.http.auth import auth_of
from pytest_rtmedload.clients.http.exchange import Asked, HttpTarget, exchange
from pytest_rtmedload.clients.http.idle import LastAnswer, with_pause
from pytest_rtmedload.clients.http.native import plain_client, prepare, secure_client
from pytest_rtmedload.clients.http.options import DEFAULT, Default, Options, limit_of, refusal
from pytest_rtmedload.clients.http.stream import Measures, StreamedResponse, streamed
from pytest_rtmedload.clients.own_limits import count_own_limit
from pytest_rtmedload.clients.request import Request
from pytest_rtmedload.clients.response import Response, body_of, example_of
from pytest_rtmedload.clients.urls import encode, locate, place, shown, without_credentials
from pytest_rtmedload.results.recording import Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Coroutine
    from datetime import timedelta

    from pyreqwest.client import Client
    from pyreqwest.request import ConsumedRequest, RequestBuilder

    from pytest_rtmedload.clients.encoding import HeaderItems
    from pytest_rtmedload.clients.limits import Timeout
    from pytest_rtmedload.clients.multipart import Files
    from pytest_rtmedload.clients.recorder import SampleRecorder
    from pytest_rtmedload.clients.urls import Pairs

MOST_TARGETS = 1_000
"""Most URLs remembered per user: with ids in paths their number is unlimited."""

WITHOUT_LENGTH: Final = frozenset({"GET", "HEAD", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
"""Methods that send no header about a missing body; all others send `Content-Length: 0` (RFC 9110, 8.6)."""

_OK: Final = Outcome.OK.value
_FAILED: Final = Outcome.FAILED.value
_CENSORED: Final = Outcome.CENSORED.value


class HttpClient:
    """A measured HTTP client; make one per virtual user and `aclose` it.

    Args:
        recorder: keeps the samples and errors.
        base_url: what relative URLs are appended to, or what gives it when the first of them is asked; whatever that
            raises goes to the caller untouched.
        headers: sent with every request.
        headers_for: gives the headers that one origin (`https://host:port`) is sent in addition, such as credentials,
            which must not travel to other servers.
        timeout: seconds from handing over a request to the end of its body; None for no limit.
        verify: whether to check certificates, or a PEM file of further authorities to trust.
        redact: takes secrets out of the answers that are kept as examples of errors.
        addresses: host and port → the address to connect to, where a name is not to be looked up.
        cookies: the user's cookies, which its WebSockets share; a new jar unless given.
    """

    def __init__(  # noqa: PLR0913 - made in one place
        self,
        recorder: SampleRecorder,
        *,
        base_url: str | Callable[[], str] | None = None,
        headers: Mapping[str, str] | None = None,
        headers_for: Callable[[str], Mapping[str, str]] | None = None,
        timeout: Timeout = 30.0,
        verify: bool | str = True,
        redact: Callable[[str], str] = str,
        addresses: Mapping[tuple[str, int], str] | None = None,
        cookies: Cookies | None = None,
    ) -> None:
        self._recorder = recorder
        self.headers: dict[str, str] = {}
        """Headers of all following requests, in addition to those the client was created with."""
        self.cookies = Cookies() if cookies is None else cookies
        """The cookies set by servers and by the test."""
        self._add = recorder.add
        self._error = recorder.error
        self._base_url = base_url
        self._headers = dict(headers or {})
        self._headers_for = headers_for
        self._limit = limit_of(timeout)
        self._verify = verify
        self._addresses = addresses or {}
        self._redact = redact
        self._targets: dict[tuple[str, str], HttpTarget] = {}
        self._answers: dict[str, LastAnswer] = {}
        self._plain: Client | None = None
        self._secure: asyncio.Task[Client] | None = None
        self._closed = False

    def get(self, url: object, **options: Unpack[Options]) -> Coroutine[Any, Any, Response]:
        """`request` with GET."""
        return self.request("GET", url, **options)

    def post(self, url: object, **options: Unpack[Options]) -> Coroutine[Any, Any, Response]:
        """`request` with POST."""
        return self.request("POST", url, **options)

    def put(self, url: object, **options: Unpack[Options]) -> Coroutine[Any, Any, Response]:
        """`request` with PUT."""
        return self.request("PUT", url, **options)

    def patch(self, url: object, **options: Unpack[Options]) -> Coroutine[Any, Any, Response]:
        """`request` with PATCH."""
        return self.request("PATCH", url, **options)

    def delete(self, url: object, **options: Unpack[Options]) -> Coroutine[Any, Any, Response]:
        """`request` with DELETE."""
        return self.request("DELETE", url, **options)

    def head(self, url: object, **options: Unpack[Options]) -> Coroutine[Any, Any, Response]:
        """`request` with HEAD."""
        return self.request("HEAD", url, **options)

    def options(self, url: object, **options: Unpack[Options]) -> Coroutine[Any, Any, Response]:
        """`request` with OPTIONS."""
        return self.request("OPTIONS", url, **options)

    async def request(  # noqa: PLR0913 - httpx's surface
        self,
        method: str,
        url: object,
        *,
        params: Pairs | str | None = None,
        headers: HeaderItems | None = None,
        cookies: Mapping[str, str] | None = None,
        json: Any = None,
        content: Any = None,
        data: Any = None,
        files: Files | None = None,
        auth: object = None,
        follow_redirects: bool = False,
        timeout: Timeout | Default = DEFAULT,  # noqa: ASYNC109 - what it cuts off is a sample
        expect: int | Collection[int] | None = None,
        name: str | None = None,
        **unknown: object,
    ) -> Response:
        """Send a request and measure it.

        Args:
            method: such as `GET`.
            url: absolute, or relative to the base URL; a string, or an object whose `str` is the URL.
            params: replaces the URL's query; a mapping, pairs, or the query as it is sent.
            headers: added to the client's, a mapping or pairs; the same name replaces one.
            cookies: sent with this request only, in addition to those that earlier responses set.
            json: sent as a JSON body.
            content: sent as it is: bytes, text, or an iterator of bytes, plain or asynchronous, which is read first.
            data: a form, or bytes and text as `content`.
            files: sent as `multipart/form-data`, with the fields of `data`.
            auth: `(name, password)`, `BearerAuth`, `DigestAuth`, or a function of method and target that gives headers.
            follow_redirects: whether a redirect is followed; each request of the chain is a sample of its own.
            timeout: seconds, text, or an `httpx.Timeout`: see `seconds_of`; None for no limit.
            expect: the only statuses that are not a failure; without it all below 400.
            name: the metric, instead of `METHOD /path`.
            **unknown: arguments that httpx has and this client has not, refused in one line.

        Raises:
            TimeoutException: no complete answer within the limit; a censored sample.
            TransportError: the connection failed or broke; a failed sample.
            DecodingError: the body is not compressed as its header says; a failed sample.
            TooManyRedirects: more than 20 redirects were followed.
            InvalidURL, UnsupportedProtocol: nothing was sent or measured.
            TypeError: an argument that does not exist, or of another kind.
        """
        if unknown:
            raise TypeError(refusal(method, unknown))
        target = await self._aimed(method, url, params)
        body = NOTHING if json is content is data is files is None else await self._body(json, content, data, files)
        limit = self._limit if timeout is DEFAULT else limit_of(timeout)
        if auth is None and not follow_redirects:
            draft = self._draft(target, body, headers, cookies, limit)
            return await self._send(draft.build(), target, name or target.metric, limit, expect)
        asked = Asked(target, body, dict(headers or {}), cookies, limit, name, None if auth is None else auth_of(auth))
        return await exchange(self._send_asked, self._target, asked, expect, follow=follow_redirects)

    @contextlib.asynccontextmanager
    async def stream(  # noqa: PLR0913 - as above
        self,
        method: str,
        url: object,
        *,
        params: Pairs | str | None = None,
        headers: HeaderItems | None = None,
        cookies: Mapping[str, str] | None = None,
        json: Any = None,
        content: Any = None,
        data: Any = None,
        timeout: Timeout | Default = DEFAULT,  # noqa: ASYNC109 - what it cuts off is a sample
        expect: int | Collection[int] | None = None,
        name: str | None = None,
        **unknown: object,
    ) -> AsyncIterator[StreamedResponse]:
        """Send a request and read its body as it comes: `async with load.http.stream("GET", "/events") as response:`.

        Two metrics: `METHOD /path ttfb` until the first byte of the body, and `METHOD /path` until the body was read or
        the block was left. Arguments and exceptions are those of `request`.
        """
        if unknown:
            raise TypeError(refusal("stream", unknown))
        target = await self._aimed(method, url, params)
        body = NOTHING if json is content is data is None else await self._body(json, content, data, None)
        limit = self._limit if timeout is DEFAULT else limit_of(timeout)
        draft = self._draft(target, body, headers, cookies, limit)
        measures = Measures(self._add, self._report, self._lost)
        request = draft.streamed_read_buffer_limit(0).build_streamed()  # otherwise the first bytes wait for more
        async with streamed(request, target, name or target.metric, limit, expect, measures) as response:
            yield response

    async def _aimed(self, method: str, url: object, params: Pairs | str | None) -> HttpTarget:
        if not isinstance(url, str):
            url = str(url)
        target = self._targets.get((method, url)) or await self._find(method, url)
        if params is None:
            return target
        query = encode(parse_qsl(params, keep_blank_values=True) if isinstance(params, str) else params)
        return target._replace(url=target.url.with_query_string(query or None))

    @staticmethod
    async def _body(json: Any, content: Any, data: Any, files: Files | None) -> Body:
        return Body(to_json(json), JSON) if json is not None else await to_body(content, data, files)

    def _draft(
        self,
        target: HttpTarget,
        body: Body,
        headers: HeaderItems | None,
        cookies: Mapping[str, str] | None,
        limit: timedelta | None,
    ) -> RequestBuilder:
        draft = target.client.request(target.method, target.url)
        if body.kind is not None:
            draft = draft.header("content-type", body.kind)
        if body.content:
            draft = draft.body_bytes(body.content)
        elif target.method not in WITHOUT_LENGTH:
            draft = draft.header("content-length", "0")
        if headers or cookies or target.headers or self.headers or self.cookies.everywhere:
            draft = self._dress(draft, target, headers or {}, cookies or {})
        return draft if limit is None else draft.timeout(limit)

    async def _send_asked(
        self, asked: Asked, expect: int | Collection[int] | None, excuse: Callable[[Response], bool] | None
    ) -> Response:
        draft = self._draft(asked.target, asked.body, asked.headers, asked.cookies, asked.limit)
        metric = asked.name or asked.target.metric
        return await self._send(draft.build(), asked.target, metric, asked.limit, expect, excuse)

    async def _target(self, method: str, url: str) -> HttpTarget:
        return self._targets.get((method, url)) or await self._find(method, url)

    async def aclose(self) -> None:
        """Close the connections; what is still under way becomes a censored sample. Can be called again."""
        self._closed = True
        self._targets.clear()
        if self._plain is not None:
            await self._plain.close()
        if self._secure is not None:
            await asyncio.wait((self._secure,))
            if self._secure.exception() is None:  # otherwise the caller received the exception
                await self._secure.result().close()

    async def _send(
        self,
        request: ConsumedRequest,
        target: HttpTarget,
        metric: str,
        limit: timedelta | None,
        expect: int | Collection[int] | None,
        excuse: Callable[[Response], bool] | None = None,
    ) -> Response:
        task = asyncio.current_task()
        cancels = task.cancelling() if task else 0
        start = perf_counter_ns()
        try:
            raw = await request.send()
        except asyncio.CancelledError:
            self._add(metric, start, perf_counter_ns(), _CENSORED)
            raise
        except PyreqwestError as error:
            raise self._lost(error, target, metric, start, limit) from None  # its text holds the whole URL
        target.last.ns = end = perf_counter_ns()
        status = raw.status
        response = Response(raw, status, target.method, target.url, end - start)
        fine = (
            status < 400 if expect is None else status == expect or (not isinstance(expect, int) and status in expect)
        )
        if fine or (excuse is not None and excuse(response)):
            self._add(metric, start, end, _OK)
        else:
            response.counted = True
            self._add(metric, start, end, _FAILED)
            self._report(metric, status, expect, body_of(raw))
        if task and task.cancelling() > cancels:  # pyreqwest prefers an answer that has just come to the cancellation
            raise asyncio.CancelledError
        return response

    def _report(self, metric: str, status: int, expect: int | Collection[int] | None, body: bytes) -> None:
        wanted = ""
        if expect is not None:
            statuses = (expect,) if isinstance(expect, int) else sorted(expect)
            wanted = f", expected {' or '.join(map(str, statuses))}"
        self._error(f"{metric}: HTTP {status}{wanted}", example=example_of(body, self._redact))

    def _lost(
        self, error: PyreqwestError, target: HttpTarget, metric: str, start: int, limit: timedelta | None
    ) -> RequestError:
        """Record an operation without an answer, and make the exception that says so."""
        end = perf_counter_ns()
        kind: type[RequestError]
        outcome = _CENSORED
        if isinstance(error, RequestTimeoutError) and limit is not None:
            kind, reason = TimeoutException, f"no answer within {limit.total_seconds():g} s"
        elif isinstance(error, ClientClosedError):
            kind, reason = TransportError, "the client was closed before the answer"
        else:
            outcome = _FAILED
            kind, reason, own = explain(error)
            count_own_limit(self._recorder, own)
            reason = f"{with_pause(reason, kind, target.last, start)} ({place(target.url)})"
        message = f"{metric}: {reason}"
        self._add(metric, start, end, outcome)
        self._error(message, example=f"{target.method} {shown(target.url)}")
        return kind(message, request=Request(target.method, without_credentials(target.url)))

    async def _find(self, method: str, url: str) -> HttpTarget:
        """Resolve a method and URL that were not asked before."""
        if self._closed:
            raise RuntimeError("this client is closed: its virtual user has ended")
        method_upper = method.upper()
        location, path = locate(url, self._base)
        if location.scheme == "http":
            client = self._plain_client()
        elif location.scheme == "https":
            client = await self._secure_client()
        else:
            raise UnsupportedProtocol(
                f"{method_upper} {path}: a URL begins with http:// or https://, not {location.scheme}://",
                request=Request(method_upper, without_credentials(location)),
            )
        if len(self._targets) >= MOST_TARGETS:
            self._targets.clear()
        own = self._headers_for(location.origin_ascii) if self._headers_for is not None else {}
        last = self._answers.setdefault(location.origin_ascii, LastAnswer())
        target = HttpTarget(method_upper, f"{method_upper} {path}", location, client, own, last)
        return self._targets.setdefault((method, url), target)

    def _base(self) -> str:
        if callable(self._base_url):
            self._base_url = self._base_url()
        return self._base_url or ""

    def _plain_client(self) -> Client:
        if self._plain is None:
            prepare()
            self._plain = plain_client(self._headers, self.cookies.store, self._addresses)
        return self._plain

    async def _secure_client(self) -> Client:
        if self._secure is None:
            prepare()
            make = asyncio.to_thread(secure_client, self._headers, self.cookies.store, self._verify, self._addresses)
            self._secure = asyncio.create_task(make)
        return await asyncio.shield(self._secure)  # others of this user may wait for it too

    def _dress(
        self, draft: RequestBuilder, target: HttpTarget, headers: HeaderItems, cookies: Mapping[str, str]
    ) -> RequestBuilder:
        pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
        for weaker in (self.headers, target.headers):
            named = {name.lower() for name, _ in pairs}
            pairs = [(name, value) for name, value in weaker.items() if name.lower() not in named] + pairs
        if pairs:
            draft = draft.headers(to_headers(pairs))
        if cookies or self.cookies.everywhere:
            draft = draft.header("cookie", self.cookies.header(target.url, cookies))
        return draft
