"""What a request carries, encoded as httpx does. No error text shows a value."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import orjson
from pyreqwest.http import HeaderMap

from pytest_rtmedload.clients.urls import encode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pyreqwest.cookie import Cookie

    from pytest_rtmedload.clients.urls import Pairs

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


def to_json(value: Any) -> bytes:
    """Compact JSON.

    Raises:
        TypeError: the value has no JSON form.
        ValueError: likewise, for a circular one.
    """
    try:
        return orjson.dumps(value)
    except TypeError:  # keys that are numbers, integers beyond 64 bits, or truly none
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def to_form(pairs: Pairs) -> bytes:
    """A form's fields, URL-encoded."""
    return encode(pairs).encode()


def to_headers(headers: Mapping[str, str]) -> HeaderMap:
    """Headers as they are sent.

    Raises:
        ValueError: HTTP does not allow one of them, which is named.
    """
    sent = HeaderMap()
    for name, value in headers.items():
        try:
            sent.append(name, value)
        except ValueError:  # its text holds the value
            raise ValueError(f"header {name!r} has a name or a value that HTTP does not allow") from None
    return sent


def cookie_header(kept: Iterable[Cookie], extra: Mapping[str, str]) -> str:
    """The kept cookies and those of one request; of the same name the latter."""
    values = {cookie.name: cookie.value for cookie in kept} | dict(extra)
    return "; ".join(f"{name}={value}" for name, value in values.items())
