"""Where a request goes and what its sample is called.

A relative URL is appended to the base URL's path, as httpx does, and named as it was written; so a metric keeps its
name when the agent moves under a prefix. Query, fragment and credentials are in no name and no message.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from pyreqwest.http import Url

from pytest_rtmedload.clients.errors import InvalidURL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Primitive = str | int | float | bool | None
    Pairs = Mapping[str, Primitive | Iterable[Primitive]] | Iterable[tuple[str, Primitive | Iterable[Primitive]]]

_ABSOLUTE = re.compile(r"[a-zA-Z][a-zA-Z0-9+.\-]*://")
_QUERY_OR_FRAGMENT = re.compile(r"[?#]")


def locate(url: str, base: Callable[[], str]) -> tuple[Url, str]:
    """The absolute URL of a request and the path that names it.

    Args:
        url: absolute, or relative to the base URL.
        base: gives the base URL; asked for relative URLs only.

    Raises:
        InvalidURL: this is not a URL.
    """
    if _ABSOLUTE.match(url):
        parsed = _parsed(url)
        return parsed, parsed.path
    path = _QUERY_OR_FRAGMENT.split(url, maxsplit=1)[0]
    return _parsed(f"{base().rstrip('/')}/{url.lstrip('/')}"), "/" + path.lstrip("/")


def encode(pairs: Pairs) -> str:
    """Names and values as in a query string or a form, as httpx writes them: `True` is `true`, None is empty."""
    items = pairs.items() if hasattr(pairs, "items") else pairs
    return urlencode([(name, _text(one)) for name, value in items for one in _each(value)])


def place(url: Url) -> str:
    """Host and port, for messages."""
    return f"{url.host_str}:{url.port_or_known_default}"


def shown(url: Url) -> str:
    """The URL without credentials, query and fragment, for messages."""
    return f"{url.origin_ascii}{url.path}"


def without_credentials(url: Url) -> str:
    """The URL as a response reports it."""
    if url.username or url.password:
        return str(url.with_password(None).with_username(""))
    return str(url)


def _parsed(url: str) -> Url:
    try:
        return Url(url)
    except ValueError as error:
        raise InvalidURL(f"not a URL: {_harmless(url)!r} ({error})") from None


def _harmless(url: str) -> str:
    """A string that is not a URL may still contain a password."""
    return _QUERY_OR_FRAGMENT.split(url, maxsplit=1)[0].rpartition("@")[2]


def _each(value: Primitive | Iterable[Primitive]) -> Iterable[Primitive]:
    return (value,) if value is None or isinstance(value, str | int | float) else value


def _text(value: Primitive) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
