"""A small HTTP server on plain sockets: what it answers is known beforehand."""

from __future__ import annotations

import socket
import threading
import time
from typing import Self

ANSWERS = {"/ok": (200, 0.0), "/slow": (200, 0.06), "/wrong": (500, 0.0), "/missing": (404, 0.0)}


class PlainServer:
    """Answers `GET` by path, each connection in a thread."""

    def __enter__(self) -> Self:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as lines:
            while line := lines.readline():
                while lines.readline().strip():
                    pass
                status, wait = ANSWERS.get(line.split()[1].decode().partition("?")[0], (404, 0.0))
                time.sleep(wait)
                try:
                    connection.sendall(f"HTTP/1.1 {status} X\r\nContent-Length: 2\r\n\r\n{{}}".encode())
                except OSError:
                    return
