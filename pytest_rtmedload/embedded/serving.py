"""The life of a process that serves something of the embedded agent: a loopback socket, one worker, no access log.

The rule: it reads one line of configuration, prints one line when it answers requests (or why it cannot), and ends at
once when its standard input does. It ignores Ctrl-C, which the starter handles, and has no state that would have to be
saved.

    {"pairs": [...], "seed": 0, "port": 0}  →  {"ready": true, "url": …, "key": …, "pid": …, "details": {…}}
                                               {"ready": false, "error": "…"}

A service's process module is `main = lambda: run(serve)` with its own `async def serve(order)`, which ends in
`serve_http(app, order, key=…)`, or listens on `order.listener` itself and prints `order.ready(…)`.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import signal
import socket
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from pytest_rtmedload.embedded.asgi import RECEIVED, TRANSPORT
from pytest_rtmedload.embedded.pipes import on_end_of_input, read_config, say
from pytest_rtmedload.embedded.settings import EmbeddedSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Mapping

HOST = "127.0.0.1"
KEEP_ALIVE_S = 75
"""uvicorn's 5 s would close the pooled connections of users with a longer think time, sometimes during a request."""


class CannotServe(Exception):  # noqa: N818 - a one-line message for the user
    """The service cannot start; the text is one line with what to do."""


class Order(NamedTuple):
    """The configuration of a service process: what it serves, and where."""

    config: Mapping[str, Any]
    """The configuration line as it came."""
    settings: EmbeddedSettings
    listener: socket.socket

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://{HOST}:{self.listener.getsockname()[1]}"

    def ready(self, key: str = "", details: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The line that reports that it is ready. `details` are for reports: name → text."""
        return {"ready": True, "url": self.url, "key": key, "pid": os.getpid(), "details": dict(details or {})}


class StampingProtocol(HttpToolsProtocol):
    """Records when a request was fully received, before it waits for its turn in the event loop."""

    def on_message_begin(self) -> None:
        """Hand the application the transport, so that it can cut the connection."""
        super().on_message_begin()
        self.scope["state"][TRANSPORT] = self.transport

    def on_message_complete(self) -> None:
        """The last byte has arrived: the time of the answer starts here."""
        self.scope["state"][RECEIVED] = time.perf_counter_ns()
        super().on_message_complete()


class ReadyServer(uvicorn.Server):
    """Reports when it is ready and does not handle signals: the supervisor decides when it ends."""

    def __init__(self, config: uvicorn.Config, ready: Mapping[str, Any]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then report it."""
        await super().startup(sockets)
        settle()
        say(self._ready)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def run(serve: Callable[[Order], Coroutine[Any, Any, None]]) -> int:
    """Serve until standard input ends; returns the exit status, 1 when it could not start."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    config = read_config()
    on_end_of_input(lambda: os._exit(0))
    try:
        settings = _settings(config)
        with listen(config.get("port", 0)) as listener:
            uvloop.run(serve(Order(config, settings, listener)))
    except CannotServe as error:
        say({"ready": False, "error": str(error)})
        return 1
    return 0


async def serve_http(
    app: Any,  # an ASGI callable
    order: Order,
    server_header: str,
    key: str = "",
    details: Mapping[str, str] | None = None,
    **options: Any,
) -> None:
    """Serve an ASGI application on the order's socket with uvicorn, which takes `options`."""
    config = uvicorn.Config(
        app,
        http=StampingProtocol,
        lifespan="off",
        log_level="error",
        access_log=False,
        server_header=False,
        headers=[("Server", server_header)],
        timeout_keep_alive=KEEP_ALIVE_S,
        **{"ws": "none"} | options,
    )
    await ReadyServer(config, order.ready(key, details)).serve([order.listener])


def listen(port: int) -> socket.socket:
    """A bound socket on the loopback address.

    Raises:
        CannotServe: the port is not available.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        why = "is in use: free it, or leave the port out for a free one"
        taken = error.errno == errno.EADDRINUSE
        raise CannotServe(f"port {port} on {HOST} {why if taken else f'cannot be used: {error.strerror}'}") from None
    return listener


def _settings(config: Mapping[str, Any]) -> EmbeddedSettings:
    try:
        return EmbeddedSettings.parse(config["pairs"], config["seed"])
    except ValueError as error:
        raise CannotServe(str(error)) from None


def settle() -> None:
    """Exclude permanent objects from garbage collection, so that collections pause requests for less time."""
    gc.collect()
    gc.freeze()
