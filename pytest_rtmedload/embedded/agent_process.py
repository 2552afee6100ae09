"""The process that serves the embedded agent: uvicorn on a loopback socket, one worker, no access log.

The rule: it reads one line of configuration, prints one line when it answers requests (or why it cannot), and ends at
once when its standard input does. It holds nothing that would have to be saved.

    {"pairs": [...], "seed": 0, "store": "/path/valkey.sock"}  →  {"ready": true, "url": …, "pid": …, "store": {…}}
"""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING, Any

import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from pytest_rtmedload.embedded.app import RECEIVED, TRANSPORT, AgentApp, Routes
from pytest_rtmedload.embedded.deadlines import Deadlines
from pytest_rtmedload.embedded.latency import LatencyModel
from pytest_rtmedload.embedded.pipes import on_end_of_input, read_config, say
from pytest_rtmedload.embedded.rest import RestApi
from pytest_rtmedload.embedded.sessions import SessionStore
from pytest_rtmedload.embedded.settings import EmbeddedSettings
from pytest_rtmedload.embedded.valkey import ValkeyConnection, ValkeyError

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST = "127.0.0.1"
SERVER_HEADER = "rtmedload-embedded-agent"
KEEP_ALIVE_S = 75
"""uvicorn's 5 s would close the pooled connections of users who think for longer, now and then under a request."""


class PortError(Exception):
    """The port that was asked for cannot be had."""


class StampingProtocol(HttpToolsProtocol):
    """Notes when a request was fully received, before it waits for its turn in the event loop."""

    def on_message_begin(self) -> None:
        """Hand the application the transport, so that it can cut the connection."""
        super().on_message_begin()
        self.scope["state"][TRANSPORT] = self.transport

    def on_message_complete(self) -> None:
        """The last byte is here: the clock of the answer starts."""
        self.scope["state"][RECEIVED] = time.perf_counter_ns()
        super().on_message_complete()


class AgentServer(uvicorn.Server):
    """Says when it is ready and leaves signals alone: the supervisor decides when the agent ends."""

    def __init__(self, config: uvicorn.Config, ready: dict[str, Any]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        gc.collect()
        gc.freeze()  # what lives for ever is not looked at again, so that collections pause requests for less
        say(self._ready)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def main() -> int:
    """Serve until standard input ends; returns the exit status."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    config = read_config()
    on_end_of_input(lambda: os._exit(0))
    settings = EmbeddedSettings.parse(config["pairs"], config["seed"])
    try:
        with _listen(settings.port) as listener:
            uvloop.run(_serve(settings, config["store"], listener))
    except (PortError, ValkeyError) as error:
        say({"ready": False, "error": str(error)})
        return 1
    return 0


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        why = "is in use: free it, or leave port= out for a free one"
        taken = error.errno == errno.EADDRINUSE
        raise PortError(f"port {port} on {HOST} {why if taken else f'cannot be used: {error.strerror}'}") from None
    return listener


async def _serve(settings: EmbeddedSettings, store: str, listener: socket.socket) -> None:
    connection = await ValkeyConnection.connect(store)
    sessions = SessionStore(connection)
    ready = {
        "ready": True,
        "url": f"http://{HOST}:{listener.getsockname()[1]}",
        "pid": os.getpid(),
        "store": await sessions.about(),
    }
    deadlines = Deadlines()
    app = AgentApp(Routes(settings.dialect), RestApi(settings.dialect, sessions), LatencyModel(settings), deadlines)
    config = uvicorn.Config(
        app,
        http=StampingProtocol,
        ws="none",
        lifespan="off",
        log_level="error",
        access_log=False,
        server_header=False,
        headers=[("Server", SERVER_HEADER)],
        timeout_keep_alive=KEEP_ALIVE_S,
    )
    try:
        await AgentServer(config, ready).serve([listener])
    finally:
        deadlines.close()
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
