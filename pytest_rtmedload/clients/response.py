"""A response that is complete: the body was read before the sample ended, so nothing below waits.

Text, JSON and headers are decoded when asked for; most load tests look at the status alone.
"""

from __future__ import annotations

import json as stdlib_json
import re
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NoReturn

import orjson

from pytest_rtmedload.clients.errors import HTTPError
from pytest_rtmedload.clients.request import Request
from pytest_rtmedload.clients.urls import shown, without_credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyreqwest.http import Url
    from pyreqwest.response import Response as Raw

_CLASSES = {1: "Informational response", 3: "Redirect response", 4: "Client error", 5: "Server error"}
_EXAMPLE_SHOWN = 500
_EXAMPLE_READ = 4_000  # more is redacted than shown: a secret that is cut in half is not recognised
_CHARSET = re.compile(r";\s*charset=[\"']?([^\s;\"']+)", re.IGNORECASE)
_LONG_INTEGER = re.compile(rb"[0-9]{19}")
_UNREADABLE = "\N{REPLACEMENT CHARACTER}"


class Headers(Mapping[str, str]):
    """The headers of an answer: names in any case, repeated ones joined by a comma, as httpx has them.

    A value that is not ASCII reads as U+FFFD: the HTTP library below does not hand it out.
    """

    def __init__(self, raw: Raw) -> None:
        self._pairs: list[tuple[str, str]] = []
        for name in dict.fromkeys(raw.headers):
            try:
                self._pairs += ((name, value) for value in raw.headers.getall(name))
            except ValueError:
                self._pairs.append((name, _UNREADABLE))

    def __getitem__(self, name: str) -> str:
        values = self.get_list(name)
        if not values:
            raise KeyError(name)
        return ", ".join(values)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(self.get_list(name))

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for name, _ in self._pairs))

    def __len__(self) -> int:
        return len({name for name, _ in self._pairs})

    def __repr__(self) -> str:
        return f"<Headers {', '.join(self)}>"  # names only: values may be secret

    def get_list(self, name: str) -> list[str]:
        """All values of a header, in order; empty when there is none."""
        lower = name.lower()
        return [value for key, value in self._pairs if key == lower]

    def multi_items(self) -> list[tuple[str, str]]:
        """All headers, repeated ones repeated."""
        return list(self._pairs)


class Response:
    """An answer with its whole body, under httpx's names."""

    def __init__(self, raw: Raw, status: int, method: str, url: Url, took_ns: int) -> None:
        self.status_code = status
        self._raw = raw
        self._method = method
        self._url = url
        self._took_ns = took_ns
        self.counted = False
        """True when the status made the operation a failed one."""
        self.history: list[Response] = []
        """The redirects that led here, oldest first."""

    @property
    def elapsed(self) -> timedelta:
        """Service time: request handed over → body read."""
        return timedelta(microseconds=self._took_ns / 1000)

    @property
    def url(self) -> str:
        """What was asked, query included, without credentials."""
        return without_credentials(self._url)

    @property
    def request(self) -> Request:
        """What was asked."""
        return Request(self._method, self.url)

    @cached_property
    def headers(self) -> Headers:
        """The headers."""
        return Headers(self._raw)

    @cached_property
    def content(self) -> bytes:
        """The body, decompressed."""
        return body_of(self._raw)

    @property
    def encoding(self) -> str:
        """The charset of the Content-Type, else UTF-8."""
        named = _CHARSET.search(self.headers.get("content-type", ""))
        return named[1] if named else "utf-8"

    @cached_property
    def text(self) -> str:
        """The body as text; what cannot be decoded is replaced."""
        try:
            return self.content.decode(self.encoding, errors="replace")
        except LookupError:  # a charset unknown to Python
            return self.content.decode(errors="replace")

    def json(self, **options: Any) -> Any:
        """The body parsed as JSON.

        Args:
            options: for `json.loads`; without any the faster orjson parses, with the same result.

        Raises:
            json.JSONDecodeError: this is not JSON.
        """
        content = self.content
        if options or _LONG_INTEGER.search(content):  # which orjson reads as a float
            return stdlib_json.loads(content, **options)
        try:
            return orjson.loads(content)
        except orjson.JSONDecodeError:  # NaN, UTF-16 and half of a surrogate pair, which httpx reads
            return stdlib_json.loads(content)

    @property
    def reason_phrase(self) -> str:
        """The standard phrase of the status, empty for unknown ones; what the server wrote is not kept."""
        return _phrase(self.status_code)

    @property
    def http_version(self) -> str:
        """Such as `HTTP/1.1`."""
        return self._raw.version

    @cached_property
    def cookies(self) -> dict[str, str]:
        """The cookies that this answer sets."""
        pairs = (line.partition(";")[0].partition("=") for line in self.headers.get_list("set-cookie"))
        return {name.strip(): value.strip() for name, equals, value in pairs if equals}

    @property
    def is_informational(self) -> bool:
        """True if the status is 1xx."""
        return 100 <= self.status_code < 200

    @property
    def is_client_error(self) -> bool:
        """True if the status is 4xx."""
        return 400 <= self.status_code < 500

    @property
    def is_server_error(self) -> bool:
        """True if the status is 5xx."""
        return 500 <= self.status_code < 600

    @property
    def has_redirect_location(self) -> bool:
        """True if the response redirects to another URL."""
        return self.status_code in (301, 302, 303, 307, 308) and "location" in self.headers

    def iter_lines(self) -> Iterator[str]:
        """The lines of the text."""
        return iter(self.text.splitlines())

    @property
    def is_success(self) -> bool:
        """True if the status is 2xx."""
        return 200 <= self.status_code < 300

    @property
    def is_redirect(self) -> bool:
        """True if the status is 3xx; see `follow_redirects`."""
        return 300 <= self.status_code < 400

    @property
    def is_error(self) -> bool:
        """True if the status is 4xx or 5xx."""
        return 400 <= self.status_code < 600

    def raise_for_status(self) -> Response:
        """Raise unless the status is 2xx.

        Returns:
            This answer.

        Raises:
            HTTPStatusError: it is not.
        """
        if not self.is_success:
            raise_for(self.status_code, self._url, self.request, self, counted=self.counted)
        return self

    def __repr__(self) -> str:
        return f"<Response [{self.status_code} {self.reason_phrase}]>"


def raise_for(status: int, url: Url, request: Request, response: Any, *, counted: bool) -> NoReturn:
    """Raise for a status that is not 2xx.

    Raises:
        HTTPStatusError: always.
    """
    kind = _CLASSES.get(status // 100, "Unknown status")
    message = f"{kind} '{f'{status} {_phrase(status)}'.strip()}' for url '{shown(url)}'"
    raise HTTPStatusError(message, request=request, response=response, counted=counted)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def example_of(body: bytes, redact: Callable[[str], str]) -> str:
    """The beginning of an answer, for a report."""
    text = body[:_EXAMPLE_READ].decode(errors="replace")
    return redact(text)[:_EXAMPLE_SHOWN]


def body_of(raw: Raw) -> bytes:
    """The body of an answer that was read to its end before.

    pyreqwest hands it out through a coroutine that has nothing left to wait for: it ends at its first step.
    """
    reading = raw.bytes()
    try:
        reading.send(None)
    except StopIteration as done:
        return bytes(done.value)
    reading.close()
    raise RuntimeError("the body has not been read yet")


class HTTPStatusError(HTTPError):
    """Raised by `Response.raise_for_status`; `counted` when the status made the operation a failed one."""

    def __init__(self, message: str, *, request: Request, response: Any, counted: bool) -> None:
        super().__init__(message, request=request)
        self.response = response
        """The answer with that status."""
        self.counted = counted
