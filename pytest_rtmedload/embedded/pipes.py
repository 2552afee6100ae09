"""How the processes of the embedded agent communicate and end: one line of JSON each way, then end of file.

The rule: the starter of a process keeps the other end of its standard input open. After the configuration it writes
only what the process accepts: the supervisor accepts requests, the others nothing. End of file, or anything else, means
*end now*; end of file arrives even when the starter was killed.
Descriptors are read directly; a buffered reader blocked in a thread would abort the interpreter at its exit.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def read_config() -> dict[str, Any]:
    """The first line of standard input, which is a JSON object; blocks until it is there."""
    line = _read_line()
    if not line:
        raise EOFError("standard input ended before the configuration line")
    config: dict[str, Any] = json.loads(line)
    return config


def on_end_of_input(callback: Callable[[], object]) -> None:
    """Call back, from a thread, when standard input ends or further input arrives."""

    def watch() -> None:
        os.read(0, 1)
        callback()

    threading.Thread(target=watch, name="rtmedload-stdin", daemon=True).start()


def on_requests(take: Callable[[dict[str, Any]], object], end: Callable[[], object]) -> None:
    """Pass on, from a thread, each further line that is a JSON object; then report the end."""

    def watch() -> None:
        while (request := _request(_read_line())) is not None:
            take(request)
        end()

    threading.Thread(target=watch, name="rtmedload-stdin", daemon=True).start()


def say(message: Mapping[str, object]) -> None:
    """Write one line of JSON to standard output; a closed reader is not an error."""
    try:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        return


class LineReader:
    """Reads a process's output in a thread, so that it never blocks on a full pipe; remembers the last line."""

    def __init__(
        self,
        stream: IO[bytes],
        on_line: Callable[[str], object] | None = None,
        on_end: Callable[[], object] | None = None,
    ) -> None:
        self.last = ""
        self._stream = stream
        self._on_line = on_line
        self._on_end = on_end
        self._thread = threading.Thread(target=self._read, name="rtmedload-output", daemon=True)
        self._thread.start()

    def join(self, timeout: float) -> None:
        """Wait (seconds) until the writer has closed its end and everything was read."""
        self._thread.join(timeout)

    def _read(self) -> None:
        with self._stream:
            for raw in self._stream:
                line = raw.decode("utf-8", "replace").strip()
                if line:
                    self.last = line
                    if self._on_line is not None:
                        self._on_line(line)
        if self._on_end is not None:
            self._on_end()


def _read_line() -> bytes:
    """A line, or the bytes before the end; read byte by byte, because what follows is for another reader."""
    line = bytearray()
    while not line.endswith(b"\n") and (byte := os.read(0, 1)):
        line += byte
    return bytes(line)


def _request(line: bytes) -> dict[str, Any] | None:
    try:
        request = json.loads(line)
    except ValueError:
        return None
    return request if isinstance(request, dict) else None
