"""The HTTP library's thread: it keeps its state, and the interpreter survives it."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pyreqwest.cookie import CookieStore
from pyreqwest.exceptions import ConnectError as LibraryConnectError
from pyreqwest.exceptions import RequestError as LibraryRequestError
from pyreqwest.exceptions import RequestTimeoutError

from pytest_rtmedload.clients.errors import ConnectError, TransportError
from pytest_rtmedload.clients.failures import explain
from pytest_rtmedload.clients.http.native import plain_client, prepare

ENDS_IN_A_HURRY = """
import asyncio
import sys

from pytest_rtmedload.clients.http.client import HttpClient

class Rows:
    def add(self, *sample): pass
    def error(self, *error): pass

async def main():
    async def ask(http):
        while True:
            await http.get("/")

    asking = [asyncio.create_task(ask(HttpClient(Rows(), base_url=sys.argv[1]))) for _ in range(20)]
    await asyncio.sleep(0.1)
    for task in asking:
        task.cancel()
    await asyncio.wait(asking, timeout=10)
    print(sum(task.cancelled() for task in asking))

asyncio.run(main())
"""


class Empty(BaseHTTPRequestHandler):
    """Answers with nothing, quickly."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server_url() -> Iterator[str]:
    """A server on threads of this process."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Empty) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class Woken(asyncio.SelectorEventLoop):
    """Counts, in the memory of the thread that does it, how often it was woken."""

    def __init__(self) -> None:
        super().__init__()
        self.memory = threading.local()
        self.counts: list[int] = []

    def call_soon_threadsafe(self, callback: Any, *args: Any, context: Any = None) -> asyncio.Handle:
        self.memory.count = getattr(self.memory, "count", 0) + 1
        self.counts.append(self.memory.count)
        return super().call_soon_threadsafe(callback, *args, context=context)


def test_thread_keeps_its_state_between_requests() -> None:
    prepare()
    loop = Woken()

    async def ask(url: str) -> None:
        client = plain_client({}, CookieStore(), {})
        for _ in range(4):  # one that ends while it is being sent wakes nobody
            with pytest.raises(RequestTimeoutError):
                await client.get(url).timeout(timedelta(milliseconds=5)).build().send()
        await client.close()

    try:
        with socket.create_server(("127.0.0.1", 0)) as deaf:
            loop.run_until_complete(ask(f"http://127.0.0.1:{deaf.getsockname()[1]}/"))
    finally:
        loop.close()
    assert len(loop.counts) > 1
    assert loop.counts == list(range(1, len(loop.counts) + 1))  # a thread state of its own each time: always 1


@pytest.mark.parametrize("attempt", range(5))
def test_interpreter_ends_in_order_right_after_requests(server_url: str, attempt: int) -> None:
    command = [sys.executable, "-c", ENDS_IN_A_HURRY, server_url]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, ended.stdout.strip()) == (0, "20"), ended.stderr


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (
            LibraryConnectError(
                "connection error",
                {
                    "causes": [
                        {"message": "error sending request for url (http://nowhere.invalid/?key=1)"},
                        {"message": "client error (Connect)"},
                        {"message": "dns error"},
                        {"message": "failed to lookup address information: Name or service not known"},
                    ]
                },
            ),
            ConnectError,
            "host name not found",
        ),
        (
            LibraryRequestError("new in a later version", {"causes": [{"message": "Odd for url (http://x/?key=1)"}]}),
            TransportError,
            "odd",
        ),
        (LibraryRequestError("no causes", {"causes": None}), TransportError, "no causes"),
    ],
)
def test_failures_are_explained_without_their_url(error: Exception, kind: type[Exception], reason: str) -> None:
    assert explain(error)[:2] == (kind, reason)
