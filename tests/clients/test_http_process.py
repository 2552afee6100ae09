"""The HTTP library's thread: it keeps its state, and the interpreter survives it."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from datetime import timedelta
from typing import Any

import pytest
from pyreqwest.cookie import CookieStore
from pyreqwest.exceptions import ConnectError as LibraryConnectError
from pyreqwest.exceptions import RequestError as LibraryRequestError
from pyreqwest.exceptions import RequestTimeoutError

from pytest_rtmedload.clients.errors import ConnectError, TransportError
from pytest_rtmedload.clients.failures import explain
from pytest_rtmedload.clients.native import plain_client, prepare

ENDS_IN_A_HURRY = """
import asyncio

from pytest_rtmedload.clients.http import HttpClient

class Rows:
    def add(self, *sample): pass
    def error(self, *error): pass

async def answer(reader, writer):
    try:
        while await reader.readuntil(b"\\r\\n\\r\\n"):
            writer.write(b"HTTP/1.1 200 OK\\r\\ncontent-length: 0\\r\\n\\r\\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()

async def main():
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    users = [HttpClient(Rows(), base_url=url) for _ in range(10)]

    async def ask(http):
        while True:
            await http.get("/")

    asking = [asyncio.create_task(ask(http)) for http in users]
    await asyncio.sleep(0.05)
    for task in asking:
        task.cancel()
    print(len(await asyncio.wait_for(asyncio.gather(*asking, return_exceptions=True), 10)))

asyncio.run(main())
"""


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
        client = plain_client({}, CookieStore())
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


@pytest.mark.parametrize("attempt", range(3))
def test_interpreter_ends_in_order_right_after_requests(attempt: int) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", ENDS_IN_A_HURRY], capture_output=True, text=True, timeout=30, check=False
    )
    assert (ended.returncode, ended.stdout.strip()) == (0, "10"), ended.stderr


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
    assert explain(error) == (kind, reason)
