"""Requests that may take more than one exchange: a challenge that is answered, redirects that are followed.

Each exchange is a sample. One that the protocol needs (a challenge, a redirect on the way) is not a failure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pytest_rtmedload.clients.encoding import NOTHING
from pytest_rtmedload.clients.errors import TooManyRedirects
from pytest_rtmedload.clients.http import redirects

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping
    from datetime import timedelta

    from pyreqwest.client import Client
    from pyreqwest.http import Url

    from pytest_rtmedload.clients.encoding import Body
    from pytest_rtmedload.clients.http.auth import Auth
    from pytest_rtmedload.clients.http.idle import LastAnswer
    from pytest_rtmedload.clients.response import Response

    Expect = int | Collection[int] | None
    Excuse = Callable[[Response], bool]
    Send = Callable[["Asked", Expect, Excuse | None], Awaitable[Response]]
    Find = Callable[[str, str], Awaitable["HttpTarget"]]


class HttpTarget(NamedTuple):
    """Where a method and a URL lead, and what the sample is called."""

    method: str
    metric: str
    url: Url
    client: Client
    headers: Mapping[str, str]
    """Headers that are sent to this origin only."""
    last: LastAnswer
    """When this origin last answered."""


class Asked(NamedTuple):
    """A request as the test made it."""

    target: HttpTarget
    body: Body
    headers: dict[str, str]
    cookies: Mapping[str, str] | None
    limit: timedelta | None
    name: str | None
    auth: Auth | None


async def exchange(send: Send, find: Find, asked: Asked, expect: Expect, *, follow: bool) -> Response:
    """Send requests until the final response has arrived.

    Args:
        send: makes one exchange and measures it.
        find: gives the target of a method and an absolute URL.
        asked: the request.
        expect: the statuses that are not a failure.
        follow: whether redirects are followed.

    Raises:
        TooManyRedirects: more than `redirects.MOST` were followed.
    """
    history: list[Response] = []
    while True:
        response = await _proved(send, asked, _or_redirect(expect) if follow else expect)
        location = response.headers.get("location") if follow else None
        if location is None or response.status_code not in redirects.STATUSES:
            response.history = history
            return response
        history.append(response)
        if len(history) > redirects.MOST:
            raise TooManyRedirects(
                f"{asked.target.metric}: more than {redirects.MOST} redirects", request=response.request
            )
        asked = await _next(find, asked, response.status_code, location)


async def _proved(send: Send, asked: Asked, expect: Expect) -> Response:
    """One request with credentials; sent again where the server challenges them."""
    auth = asked.auth
    if auth is None:
        return await send(asked, expect, None)
    again = False

    def excuse(response: Response) -> bool:
        nonlocal again
        again = response.status_code == 401 and auth.challenged(response)
        return again

    response = await send(_with(asked, auth), expect, excuse)
    return await send(_with(asked, auth), expect, None) if again else response


def _with(asked: Asked, auth: Auth) -> Asked:
    url = asked.target.url
    path = f"{url.path}?{url.query_string}" if url.query_string else url.path
    return asked._replace(headers=asked.headers | dict(auth.headers(asked.target.method, path)))


async def _next(find: Find, asked: Asked, status: int, location: str) -> Asked:
    """The request that a redirect asks for: credentials stay with their origin."""
    here = str(asked.target.url)
    there = redirects.next_url(here, location)
    method = redirects.next_method(status, asked.target.method)
    same = redirects.same_origin(here, there)
    kept = {n: v for n, v in asked.headers.items() if same or n.lower() not in ("authorization", "cookie")}
    body = asked.body if method == asked.target.method else NOTHING
    target = await find(method, there)
    return asked._replace(target=target, body=body, headers=kept, auth=asked.auth if same else None)


def _or_redirect(expect: Expect) -> Expect:
    """The statuses of one request of a chain."""
    if expect is None:
        return None
    return (*((expect,) if isinstance(expect, int) else expect), *redirects.STATUSES)
