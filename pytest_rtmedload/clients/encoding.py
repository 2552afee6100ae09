"""What a request carries, encoded as httpx does. No error text shows a value."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from pyreqwest.http import HeaderMap

from pytest_rtmedload.clients.urls import encode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_rtmedload.clients.multipart import Files
    from pytest_rtmedload.clients.urls import Pairs

    HeaderItems = Mapping[str, str] | Iterable[tuple[str, str]]

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


class Body(NamedTuple):
    """What a request carries."""

    content: bytes
    kind: str | None
    """Its Content-Type; None where the test sets it, or where none is sent."""


NOTHING = Body(b"", None)


def to_json(value: Any) -> bytes:
    """Compact JSON.

    Raises:
        TypeError: the value has no JSON form.
        ValueError: likewise, for a circular one.
    """
    try:
        return orjson.dumps(value)
    except TypeError:  # keys that are numbers, integers beyond 64 bits, or not JSON at all
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def to_form(pairs: Pairs) -> bytes:
    """A form's fields, URL-encoded."""
    return encode(pairs).encode()


async def to_body(content: Any, data: Any, files: Files | None) -> Body:
    """The body of a request that is not JSON.

    Args:
        content: bytes, text, or an iterator of bytes, plain or asynchronous.
        data: a form's fields; bytes and text count as `content`.
        files: see `to_multipart`.

    Raises:
        TypeError: of another kind; one line.
    """
    if files is not None:
        from pytest_rtmedload.clients.multipart import to_multipart  # noqa: PLC0415 - only where files are sent

        return Body(*to_multipart(data, files))
    if content is None:
        if not isinstance(data, bytes | str):
            return Body(to_form(data), FORM) if data else NOTHING
        content = data
    if isinstance(content, str):
        return Body(content.encode(), None)
    if isinstance(content, bytes | bytearray | memoryview):
        return Body(bytes(content), None)
    if hasattr(content, "__aiter__"):
        return Body(b"".join([bytes(chunk) async for chunk in content]), None)
    if hasattr(content, "__iter__"):
        return Body(b"".join(map(bytes, content)), None)
    raise TypeError(f"content={type(content).__name__}: give bytes, text, or an iterator of bytes; json= takes objects")


def to_headers(headers: HeaderItems) -> HeaderMap:
    """Headers as they are sent.

    Raises:
        ValueError: HTTP does not allow one of them, which is named.
    """
    sent = HeaderMap()
    for name, value in headers.items() if isinstance(headers, Mapping) else headers:
        try:
            sent.append(name, value)
        except (ValueError, TypeError):  # its text holds the value
            raise ValueError(f"header {name!r} has a name or a value that HTTP does not allow") from None
    return sent
