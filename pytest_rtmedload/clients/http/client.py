"""`load.http`: the measured HTTP client of one virtual user, with httpx's surface.

A sample runs from the moment a request is handed to the client until its body was read; a new connection is part of it.
What was asked wrongly (a bad URL, a header with a line break) is not measured. Each user has a pool of its own, no
proxies, HTTP/1.1, cookies that last as long as the user, and no redirects.

Two habits of the HTTP library below cannot be turned off. When a kept connection turns out closed before the first byte
of a request was written, a new one is opened inside the same sample; else a request is sent once. And a request that is
cancelled, or under way when the client is closed, is no longer waited for, but the agent sees its connection until it
answers or the request's timeout is over.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypedDict, Unpack

from pyreqwest.cookie import CookieStore
from pyreqwest.exceptions import ClientClosedError, PyreqwestError, RequestTimeoutError

from pytest_rtmedload.clients.encoding import FORM, JSON, cookie_header, to_form, to_headers, to_json
from pytest_rtmedload.clients.errors import RequestError, TimeoutException, TransportError, UnsupportedProtocol
from pytest_rtmedload.clients.failures import explain
from pytest_rtmedload.clients.http.native import plain_client, prepare, secure_client
from pytest_rtmedload.clients.own_limits import count_own_limit
from pytest_rtmedload.clients.request import Request
from pytest_rtmedload.clients.response import Response, example_of
from pytest_rtmedload.clients.urls import encode, locate, place, shown, without_credentials
from pytest_rtmedload.results.recording import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine, Mapping

    from pyreqwest.client import Client
    from pyreqwest.http import Url
    from pyreqwest.request import ConsumedRequest, RequestBuilder
    from pyreqwest.response import Response as Raw

    from pytest_rtmedload.clients.recorder import Recorder
    from pytest_rtmedload.clients.urls import Pairs

MOST_TARGETS = 1_000
"""URLs remembered per user; ids in their paths would otherwise make them grow without end."""

_OK: Final = Outcome.OK.value
_FAILED: Final = Outcome.FAILED.value
_CENSORED: Final = Outcome.CENSORED.value


class _Default:
    """The type of `DEFAULT`: None means no limit."""

    def __repr__(self) -> str:
        return "the client's timeout"


DEFAULT: Final = _Default()


class Options(TypedDict, total=False):
    """What every request takes; described at `HttpClient.request`."""

    params: Pairs | None
    headers: Mapping[str, str] | None
    cookies: Mapping[str, str] | None
    json: Any
    content: bytes | str | None
    data: Pairs | None
    timeout: float | _Default | None
    expect: int | Collection[int] | None
    name: str | None


class Target(NamedTuple):
    """Where a method and a URL lead, and what the sample is called."""

    method: str
    metric: str
    url: Url
    client: Client
    headers: Mapping[str, str]
    """What this origin alone is sent."""


class HttpClient:
    """A measured HTTP client; make one per virtual user and `aclose` it.

    Args:
        recorder: keeps the samples and errors.
        base_url: what relative URLs are appended to, or what gives it when the first of them is asked; whatever that
            raises goes to the caller untouched.
        headers: sent with every request.
        headers_for: gives the headers that one origin (`https://host:port`) is sent beside them, such as credentials,
            which must not travel to other servers.
        timeout: seconds from handing over a request to the end of its body; None for no limit.
        verify: whether to check certificates, or a PEM file of further authorities to trust.
        redact: takes secrets out of the answers that are kept as examples of errors.
    """

    def __init__(
        self,
        recorder: Recorder,
        *,
        base_url: str | Callable[[], str] | None = None,
        headers: Mapping[str, str] | None = None,
        headers_for: Callable[[str], Mapping[str, str]] | None = None,
        timeout: float | None = 30.0,
        verify: bool | str = True,
        redact: Callable[[str], str] = str,
    ) -> None:
        self._recorder = recorder
        self._add = recorder.add
        self._error = recorder.error
        self._base_url = base_url
        self._headers = dict(headers or {})
        self._headers_for = headers_for
        self._limit = _seconds(timeout)
        self._verify = verify
        self._redact = redact
        self._targets: dict[tuple[str, str], Target] = {}
        self._cookies: CookieStore | None = None
        self._plain: Client | None = None
        self._secure: asyncio.Task[Client] | None = None
        self._closed = False

    def get(self, url: str, **options: Unpack[Options]) -> Coroutine[Any, Any, Response]:
        """`request` with GET."""
        return self.request("GET", url, **options)

    def post(self, url: str, **options: Unpack[Options]) -> Coroutine[Any, Any, Response]:
        """`request` with POST."""
        return self.request("POST", url, **options)

    def put(self, url: str, **options: Unpack[Options]) -> Coroutine[Any, Any, Response]:
        """`request` with PUT."""
        return self.request("PUT", url, **options)

    def patch(self, url: str, **options: Unpack[Options]) -> Coroutine[Any, Any, Response]:
        """`request` with PATCH."""
        return self.request("PATCH", url, **options)

    def delete(self, url: str, **options: Unpack[Options]) -> Coroutine[Any, Any, Response]:
        """`request` with DELETE."""
        return self.request("DELETE", url, **options)

    def head(self, url: str, **options: Unpack[Options]) -> Coroutine[Any, Any, Response]:
        """`request` with HEAD."""
        return self.request("HEAD", url, **options)

    def options(self, url: str, **options: Unpack[Options]) -> Coroutine[Any, Any, Response]:
        """`request` with OPTIONS."""
        return self.request("OPTIONS", url, **options)

    async def request(  # noqa: PLR0913 - httpx's surface
        self,
        method: str,
        url: str,
        *,
        params: Pairs | None = None,
        headers: Mapping[str, str] | None = None,
        cookies: Mapping[str, str] | None = None,
        json: Any = None,
        content: bytes | str | None = None,
        data: Pairs | None = None,
        timeout: float | _Default | None = DEFAULT,  # noqa: ASYNC109 - what it cuts off is a sample
        expect: int | Collection[int] | None = None,
        name: str | None = None,
    ) -> Response:
        """Send a request and measure it.

        Args:
            method: such as `GET`.
            url: absolute, or relative to the base URL.
            params: replaces the URL's query.
            headers: added to the client's; the same name replaces one.
            cookies: sent once, beside those that earlier answers set.
            json: sent as a JSON body.
            content: sent as it is.
            data: sent as a form.
            timeout: seconds; None for no limit.
            expect: the only statuses that are no failure; without it all below 400.
            name: the metric, instead of `METHOD /path`.

        Raises:
            TimeoutException: no whole answer within the limit; a censored sample.
            TransportError: the connection failed or broke; a failed sample.
            DecodingError: the body is not compressed as its header says; a failed sample.
            InvalidURL, UnsupportedProtocol: nothing was sent or measured.
        """
        target = self._targets.get((method, url)) or await self._find(method, url)
        if params is not None:
            target = target._replace(url=target.url.with_query_string(encode(params) or None))
        draft = target.client.request(target.method, target.url)
        if json is not None:
            draft = draft.header("content-type", JSON).body_bytes(to_json(json))
        elif content is not None:
            draft = draft.body_bytes(content) if isinstance(content, bytes) else draft.body_text(content)
        elif data is not None:
            draft = draft.header("content-type", FORM).body_bytes(to_form(data))
        if headers or cookies or target.headers:
            draft = self._dress(draft, target, headers or {}, cookies or {})
        limit = self._limit if timeout is DEFAULT else _seconds(timeout)
        if limit is not None:
            draft = draft.timeout(limit)
        return await self._send(draft.build(), target, name or target.metric, limit, expect)

    async def aclose(self) -> None:
        """Close the connections; what is still under way becomes a censored sample. Can be called again."""
        self._closed = True
        self._targets.clear()
        if self._plain is not None:
            await self._plain.close()
        if self._secure is not None:
            await asyncio.wait((self._secure,))
            if self._secure.exception() is None:  # else whoever asked was told
                await self._secure.result().close()

    async def _send(
        self,
        request: ConsumedRequest,
        target: Target,
        metric: str,
        limit: timedelta | None,
        expect: int | Collection[int] | None,
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
        end = perf_counter_ns()
        status = raw.status
        if status < 400 if expect is None else status == expect or (not isinstance(expect, int) and status in expect):
            failed = False
            self._add(metric, start, end, _OK)
        else:
            failed = True
            self._add(metric, start, end, _FAILED)
            self._report(metric, status, expect, raw)
        if task and task.cancelling() > cancels:  # pyreqwest prefers an answer that is just there to the cancellation
            raise asyncio.CancelledError
        return Response(raw, status, target.method, target.url, end - start, counted=failed)

    def _report(self, metric: str, status: int, expect: int | Collection[int] | None, raw: Raw) -> None:
        wanted = ""
        if expect is not None:
            statuses = (expect,) if isinstance(expect, int) else sorted(expect)
            wanted = f", expected {' or '.join(map(str, statuses))}"
        self._error(f"{metric}: HTTP {status}{wanted}", example=example_of(raw, self._redact))

    def _lost(
        self, error: PyreqwestError, target: Target, metric: str, start: int, limit: timedelta | None
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
            reason = f"{reason} ({place(target.url)})"
        message = f"{metric}: {reason}"
        self._add(metric, start, end, outcome)
        self._error(message, example=f"{target.method} {shown(target.url)}")
        return kind(message, request=Request(target.method, without_credentials(target.url)))

    async def _find(self, method: str, url: str) -> Target:
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
        target = self._targets[method, url] = Target(method_upper, f"{method_upper} {path}", location, client, own)
        return target

    def _base(self) -> str:
        if callable(self._base_url):
            self._base_url = self._base_url()
        return self._base_url or ""

    def _plain_client(self) -> Client:
        if self._plain is None:
            prepare()
            self._plain = plain_client(self._headers, self._cookie_store())
        return self._plain

    async def _secure_client(self) -> Client:
        if self._secure is None:
            prepare()
            make = asyncio.to_thread(secure_client, self._headers, self._cookie_store(), self._verify)
            self._secure = asyncio.create_task(make)
        return await asyncio.shield(self._secure)  # others of this user may wait for it too

    def _cookie_store(self) -> CookieStore:
        if self._cookies is None:
            self._cookies = CookieStore()
        return self._cookies

    def _dress(
        self, draft: RequestBuilder, target: Target, headers: Mapping[str, str], cookies: Mapping[str, str]
    ) -> RequestBuilder:
        named = {name.lower() for name in headers}
        headers = {name: value for name, value in target.headers.items() if name.lower() not in named} | dict(headers)
        if headers:
            draft = draft.headers(to_headers(headers))
        if cookies:
            draft = draft.header("cookie", cookie_header(self._cookie_store().matches(target.url), cookies))
        return draft


def _seconds(limit: float | _Default | None) -> timedelta | None:
    return timedelta(seconds=limit) if isinstance(limit, int | float) else None
