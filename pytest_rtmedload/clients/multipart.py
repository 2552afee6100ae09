"""`files=` as `multipart/form-data` (RFC 7578), as httpx writes it. Files are read whole before they are sent."""

from __future__ import annotations

import mimetypes
import secrets
from pathlib import PurePath
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    Content = bytes | str | IO[bytes] | IO[str]
    File = Content | tuple[str | None, Content] | tuple[str | None, Content, str | None]
    Files = Mapping[str, File] | Iterable[tuple[str, File]]

_IN_NAME = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})
_NO_TYPE = "application/octet-stream"


def to_multipart(data: Any, files: Files, boundary: str | None = None) -> tuple[bytes, str]:
    """The body and its Content-Type.

    Args:
        data: form fields, a mapping of names to values or lists of values; None for none.
        files: name → content, or `(filename, content)`, or `(filename, content, content type)`; content is bytes, text
            or an open file.
        boundary: separates the parts; random unless given.

    Raises:
        TypeError: a file of another form; the message names the field.
    """
    boundary = boundary or secrets.token_hex(16)
    parts = [*_fields(data), *(_file(name, file) for name, file in _pairs(files))]
    body = b"".join(b"--" + boundary.encode() + b"\r\n" + part + b"\r\n" for part in parts)
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def _pairs(files: Files) -> Iterable[tuple[str, Any]]:
    return files.items() if hasattr(files, "items") else files


def _fields(data: Any) -> Iterator[bytes]:
    for name, values in (data or {}).items():
        for value in values if isinstance(values, list | tuple) else (values,):
            yield _head(name) + b"\r\n\r\n" + _text(value)


def _file(name: str, file: Any) -> bytes:
    filename, content, kind = (*file, None)[:3] if isinstance(file, tuple) and len(file) > 1 else (None, file, None)
    if filename is None and not isinstance(file, tuple):
        filename = PurePath(str(getattr(content, "name", "upload"))).name
    if hasattr(content, "read"):
        content = content.read()
    if not isinstance(content, bytes | str):
        raise TypeError(
            f"files={{{name!r}: …}}: content is bytes, text or an open file, not {type(content).__name__}; "
            "or give (filename, content, content type)"
        )
    head = _head(name)
    if filename is not None:
        head += f'; filename="{filename.translate(_IN_NAME)}"'.encode()
        head += f"\r\nContent-Type: {kind or mimetypes.guess_type(filename)[0] or _NO_TYPE}".encode()
    elif kind is not None:
        head += f"\r\nContent-Type: {kind}".encode()
    return head + b"\r\n\r\n" + (content.encode() if isinstance(content, str) else content)


def _head(name: str) -> bytes:
    return f'Content-Disposition: form-data; name="{name.translate(_IN_NAME)}"'.encode()


def _text(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if value is None:
        return b""
    return (str(value).lower() if isinstance(value, bool) else str(value)).encode()
