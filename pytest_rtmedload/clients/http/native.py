"""Makes pyreqwest's clients cheap, and its thread safe for this process.

pyreqwest answers from its own thread, one per process. Three costs of that are dealt with here:

- A foreign thread that enters Python gets a new thread state each time and loses it when it leaves. On asyncio's own
  event loop that is a third of the cost of a request (`benchmarks/test_http.py`: bare, unprepared). `prepare` lets this
  one thread keep its state, as Python's own do.
- An interpreter that ends while the thread is inside Python aborts (SIGABRT, exit status 134 of a run whose tests
  passed). A short pause at exit lets the thread leave first.
- A client that checks certificates reads all of the system's, about 10 ms each. Clients for plain http do without.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import ctypes
import importlib.metadata
import socket
import sys
import threading
import time
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVarTuple, Unpack

from pyreqwest.client import ClientBuilder
from pyreqwest.exceptions import PyreqwestError

from pytest_rtmedload.clients.encoding import to_headers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextvars import Context

    from pyreqwest.client import Client
    from pyreqwest.cookie import CookieStore

    Addresses = Mapping[tuple[str, int], str]

_EXIT_PAUSE = 0.02  # seconds; a quarter of it was enough on a busy core
_WAKE_AFTER = timedelta(milliseconds=2)
_ATTEMPTS = 5

_Ts = TypeVarTuple("_Ts")

_prepared = False
_preparing = threading.Lock()


def plain_client(headers: Mapping[str, str], cookies: CookieStore, addresses: Addresses) -> Client:
    """A client for http:// URLs only, in microseconds: it never sees a certificate, as redirects are not followed."""
    return _builder(headers, cookies, addresses).danger_accept_invalid_certs(True).build()


def secure_client(headers: Mapping[str, str], cookies: CookieStore, verify: bool | str, addresses: Addresses) -> Client:
    """A client for https:// URLs; about 10 ms, so not for the event loop's thread.

    Args:
        headers: sent with every request.
        cookies: kept between requests.
        verify: whether to check certificates, or a PEM file of further authorities to trust.
        addresses: host and port → the address to connect to.
    """
    builder = _builder(headers, cookies, addresses)
    if isinstance(verify, str):
        builder = builder.add_root_certificate_pem(Path(verify).read_bytes())
    return builder.danger_accept_invalid_certs(verify is False).build()


def prepare() -> None:
    """Set up pyreqwest once per process, in some milliseconds. Later calls do nothing."""
    global _prepared  # noqa: PLW0603 - the thread exists once per process
    if _prepared:
        return
    with _preparing:
        if not _prepared:
            atexit.register(time.sleep, _EXIT_PAUSE)
            if sys.implementation.name == "cpython":
                helper = threading.Thread(target=_keep_thread_state, name="rtmedload-prepare")  # no loop runs there
                helper.start()
                helper.join()
            _prepared = True


@cache
def user_agent() -> str:
    """The tool's User-Agent."""
    try:
        return f"pytest-rtmedload/{importlib.metadata.version('pytest-rtmedload')}"
    except importlib.metadata.PackageNotFoundError:  # run from a source tree
        return "pytest-rtmedload/0"


def _builder(headers: Mapping[str, str], cookies: CookieStore, addresses: Addresses) -> ClientBuilder:
    builder = (
        ClientBuilder()
        .user_agent(user_agent())
        .default_headers(to_headers(headers))
        .cookie_provider(cookies)
        .follow_redirects(False)
        .no_proxy()  # a proxy would be measured, and HTTP_PROXY is rarely meant for loopback
    )
    for (host, port), address in addresses.items():
        builder = builder.resolve(host, address, port)
    return builder


class _WokenLoop(asyncio.SelectorEventLoop):
    """Lets the first foreign thread that wakes it keep its thread state."""

    def __init__(self) -> None:
        super().__init__()
        self.kept = False
        self._own_thread = threading.get_ident()

    def call_soon_threadsafe(
        self, callback: Callable[[Unpack[_Ts]], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.Handle:
        if not self.kept and threading.get_ident() != self._own_thread:
            # Entered and deliberately never left: the state lives as long as pyreqwest's thread, which is the process.
            ctypes.pythonapi.PyGILState_Ensure()
            self.kept = True
        return super().call_soon_threadsafe(callback, *args, context=context)


def _keep_thread_state() -> None:
    loop = _WokenLoop()
    try:
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", 0)) as deaf:
            loop.run_until_complete(_wait_until_woken(loop, f"http://127.0.0.1:{deaf.getsockname()[1]}/"))
    finally:
        loop.close()


async def _wait_until_woken(loop: _WokenLoop, url: str) -> None:
    """Let a request time out; one that ends while it is being sent does not wake the loop, so try several times."""
    client = ClientBuilder().danger_accept_invalid_certs(True).no_proxy().timeout(_WAKE_AFTER).build()
    for _ in range(_ATTEMPTS):
        with contextlib.suppress(PyreqwestError):
            await client.get(url).build().send()
        if loop.kept:
            break
    await client.close()
