"""The messages of the Speech SDK's WebSocket protocol: headers, a blank line or a length, and a body.

The rule: a text message is `Name:Value` lines, an empty line and a body; a binary message is the length of its headers
(two bytes, big-endian), the headers, and a body. Names match in any case. The client's request id is returned
unchanged: the SDK ignores an answer whose id differs even in case, and keeps waiting.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

_LENGTH: Final = struct.Struct(">H")
_LINE: Final = "\r\n"
TICKS_PER_MS: Final = 10_000
"""Offsets and durations are in units of 100 ns, from the first sample of the turn."""


class ProtocolError(ValueError):
    """A message that breaks the protocol; the text says how."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message from the client."""

    headers: Mapping[str, str]
    """Names in lower case."""
    body: str | bytes
    """Text of a text message, bytes of a binary one."""

    @property
    def path(self) -> str:
        """The kind of the message, in lower case: `speech.context`, `audio`."""
        return self.headers.get("path", "").lower()

    @property
    def request_id(self) -> str:
        """The turn it belongs to; empty when it belongs to the connection."""
        return self.headers.get("x-requestid", "")

    @property
    def audio(self) -> bytes:
        """The body of a binary message.

        Raises:
            ProtocolError: it is a text message.
        """
        if isinstance(self.body, str):
            raise ProtocolError(f"{self.path or 'a message'} has to be binary")
        return self.body

    @property
    def text(self) -> str:
        """The body of a text message.

        Raises:
            ProtocolError: it is a binary message.
        """
        if isinstance(self.body, bytes):
            raise ProtocolError(f"{self.path or 'a message'} has to be text")
        return self.body

    def json(self) -> dict[str, Any]:
        """The body as a JSON object.

        Raises:
            ProtocolError: it is something else.
        """
        try:
            value = orjson.loads(self.text)
        except orjson.JSONDecodeError as error:
            raise ProtocolError(f"{self.path} is not JSON: {error}") from None
        if not isinstance(value, dict):
            raise ProtocolError(f"{self.path} is not a JSON object")
        return value


def parse(data: str | bytes) -> Message:
    """Read one WebSocket message.

    Raises:
        ProtocolError: a binary message shorter than its headers, or headers that are not UTF-8.
    """
    if isinstance(data, str):
        head, _, text = data.partition(_LINE * 2)
        return Message(_headers(head), text)
    if len(data) < _LENGTH.size:
        raise ProtocolError("a binary message needs two bytes for the length of its headers")
    end = _LENGTH.size + _LENGTH.unpack_from(data)[0]
    if len(data) < end:
        raise ProtocolError(f"a binary message of {len(data)} bytes announces headers up to byte {end}")
    try:
        return Message(_headers(data[_LENGTH.size : end].decode()), data[end:])
    except UnicodeDecodeError:
        raise ProtocolError("the headers of a binary message are not UTF-8") from None


def text_message(path: str, request_id: str, body: Mapping[str, object]) -> str:
    """A JSON message to the client."""
    lines = [f"X-RequestId:{request_id}", "Content-Type:application/json; charset=utf-8", f"Path:{path}", "", ""]
    return _LINE.join(lines) + orjson.dumps(body).decode()


def audio_message(request_id: str, stream_id: str, pcm: bytes) -> bytes:
    """Audio to the client; no samples mean the end of the stream."""
    lines = [f"X-RequestId:{request_id}", "Path:audio", f"X-StreamId:{stream_id}", ""]
    if pcm:
        lines.insert(2, "Content-Type:audio/x-wav")
    head = _LINE.join(lines).encode()
    return _LENGTH.pack(len(head)) + head + pcm


def _headers(head: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in head.split(_LINE))
    return {name.strip().lower(): value.strip() for name, colon, value in pairs if colon}
