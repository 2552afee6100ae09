"""The process that serves the embedded agent; see `serving` for how it starts and ends.

{"pairs": [...], "seed": 0, "port": 0, "store": "/path/valkey.sock"}  →  {"ready": true, "url": …, "pid": …, …}
"""

from __future__ import annotations

import sys

from pytest_rtmedload.embedded.app import AgentApp, Routes
from pytest_rtmedload.embedded.calls.connection import OPTIONS, CallProtocol
from pytest_rtmedload.embedded.calls.settings import VoiceSettings
from pytest_rtmedload.embedded.calls.sockets import Sockets
from pytest_rtmedload.embedded.deadlines import ServiceDeadlines
from pytest_rtmedload.embedded.latency import LatencyModel
from pytest_rtmedload.embedded.rest import RestApi
from pytest_rtmedload.embedded.serving import CannotServe, Order, run, serve_http
from pytest_rtmedload.embedded.sessions import SessionStore
from pytest_rtmedload.embedded.valkey import ValkeyConnection, ValkeyError

SERVER_HEADER = "rtmedload-embedded-agent"


async def serve(order: Order) -> None:
    """Serve the agent until the process is ended.

    Raises:
        CannotServe: its session store does not answer.
    """
    settings = order.settings
    try:
        connection = await ValkeyConnection.connect(order.config["store"])
    except ValkeyError as error:
        raise CannotServe(str(error)) from None
    sessions = SessionStore(connection)
    api = RestApi(settings.dialect, sessions)
    deadlines = ServiceDeadlines()
    sockets = Sockets(settings, sessions, deadlines)
    app = AgentApp(Routes(settings.dialect), api, LatencyModel(settings), deadlines, sockets)
    details = {
        "stand-in": "embedded agent, not RTMedAgent itself",
        "latency model": settings.latency,
        "voice model": settings.part(VoiceSettings).model,
        "faults": settings.faults,
        "seed": str(settings.seed),
    }
    try:
        await serve_http(app, order, SERVER_HEADER, details=details, ws=CallProtocol, **OPTIONS)
    finally:
        deadlines.close()
        connection.close()


if __name__ == "__main__":
    sys.exit(run(serve))
