"""Where a redirect leads, and with which method: as httpx and browsers do (RFC 9110, 15.4)."""

from __future__ import annotations

from typing import Final
from urllib.parse import urljoin, urlsplit

MOST: Final = 20
"""Redirects that are followed for one request, as in httpx."""
STATUSES: Final = (301, 302, 303, 307, 308)
"""Statuses that redirect."""


def next_method(status: int, method: str) -> str:
    """The method of the request that follows; a GET in place of another method comes without the body."""
    if (status in (302, 303) and method != "HEAD") or (status == 301 and method == "POST"):
        return "GET"
    return method


def next_url(url: str, location: str) -> str:
    """The URL that follows, absolute; the fragment stays unless the server names one."""
    joined = urljoin(url, location)
    fragment = urlsplit(url).fragment
    return f"{joined}#{fragment}" if fragment and not urlsplit(joined).fragment else joined


def same_origin(one: str, other: str) -> bool:
    """True when credentials for the one may be sent to the other: same host and port, or the same host now by https."""
    first, second = urlsplit(one), urlsplit(other)
    ports = {"http": 80, "https": 443}
    ports_of = [part.port or ports.get(part.scheme) for part in (first, second)]
    if (first.scheme, first.hostname, ports_of[0]) == (second.scheme, second.hostname, ports_of[1]):
        return True
    upgraded = (first.scheme, second.scheme) == ("http", "https") and ports_of == [80, 443]
    return upgraded and first.hostname == second.hostname
