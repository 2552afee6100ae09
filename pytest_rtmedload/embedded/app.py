"""The agent as an ASGI application: routes requests, and delays or breaks the answers of the REST API as configured.

The rule: work first, then wait for the planned moment, then answer; `Server-Timing` states in every response what was
drawn (`model`) and what the request really took until just before it was handed to the transport (`total`), both in
milliseconds. No framework: routing five fixed paths costs less than a framework's middleware, and more requests fit on
the core.
"""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Final

import orjson

from pytest_rtmedload.dialects import Operation
from pytest_rtmedload.embedded import ground_truth as truth_module
from pytest_rtmedload.embedded.asgi import read_body, received_ns, reset_connection
from pytest_rtmedload.embedded.calls import ground_truth as calls_truth_module
from pytest_rtmedload.embedded.ground_truth import Truth
from pytest_rtmedload.embedded.latency import LatencyModel, Plan, RequestFault
from pytest_rtmedload.embedded.rest import RestApi, RestReply
from pytest_rtmedload.embedded.valkey import ValkeyError

if TYPE_CHECKING:
    from pytest_rtmedload.dialects import Dialect
    from pytest_rtmedload.embedded.asgi import Receive, Scope, Send
    from pytest_rtmedload.embedded.calls.sockets import Sockets
    from pytest_rtmedload.embedded.deadlines import ServiceDeadlines

_INJECTED_ERROR: Final = RestReply(503, {"detail": "Service Unavailable (injected by http.error_rate)"})
_NOT_FOUND: Final = RestReply(404, {"detail": "Not Found"})
_WRONG_METHOD: Final = RestReply(405, {"detail": "Method Not Allowed"})


class Routes:
    """Path → operation and the id in the path."""

    def __init__(self, dialect: Dialect) -> None:
        self._exact = {dialect.path_of(op): op for op in Operation if op is not Operation.CALL_METRICS}
        self._prefix, _, self._suffix = dialect.paths.call_metrics.partition("{id}")

    def find(self, path: str) -> tuple[Operation | None, str]:
        """The operation served under a path (None: nothing), and the call it names."""
        operation = self._exact.get(path)
        if operation is None and path.startswith(self._prefix) and path.endswith(self._suffix):
            name = path[len(self._prefix) : len(path) - len(self._suffix)]
            if name and "/" not in name:
                return Operation.CALL_METRICS, name
        return operation, ""


class AgentApp:
    """The ASGI callable."""

    def __init__(
        self, routes: Routes, api: RestApi, model: LatencyModel, deadlines: ServiceDeadlines, sockets: Sockets
    ) -> None:
        self._routes = routes
        self._handlers = api.handlers
        self._model = model
        self._deadlines = deadlines
        self._sockets = sockets
        self._truth = Truth()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or one WebSocket."""
        if scope["type"] == "websocket":
            await self._sockets(scope, receive, send)
            return
        body = await read_body(receive)
        received = received_ns(scope)
        operation, name = self._routes.find(scope["path"])
        if operation is None:
            await _respond(send, self._unrouted(scope["method"], scope["path"]), 0, received)
        elif scope["method"] != operation.method:
            allow = (b"allow", operation.method.encode())
            await _respond(send, _WRONG_METHOD, 0, received, allow)
        else:
            await self._serve(operation, body, name, scope, receive, send, received)

    async def _serve(
        self, operation: Operation, body: bytes, name: str, scope: Scope, receive: Receive, send: Send, received: int
    ) -> None:
        plan = self._model.plan(operation, received)
        if plan.fault is RequestFault.DEATH:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = await self._answer(plan, operation, body, name)
        await self._deadlines.until(plan.due)
        record = self._truth.operations[operation]
        if plan.fault is RequestFault.CUT:
            record.cut += 1
            await reset_connection(scope, receive)
            return
        total = await _respond(send, answer, plan.drawn, received)
        record.add(plan.drawn, total, answer.status)

    async def _answer(self, plan: Plan, operation: Operation, body: bytes, name: str) -> RestReply:
        if plan.fault is not None:
            return _INJECTED_ERROR
        try:
            return await self._handlers[operation](body, name)
        except ValkeyError as error:
            return RestReply(503, {"detail": str(error)})

    def _unrouted(self, method: str, path: str) -> RestReply:
        if (method, path) == ("GET", truth_module.PATH):
            return RestReply(200, self._truth.to_json())
        if (method, path) == ("GET", calls_truth_module.PATH):
            return RestReply(200, self._sockets.truth.to_json())
        if (method, path) == ("POST", truth_module.RESET_PATH):
            self._truth.reset()
            self._sockets.truth.reset()
            self._model.restart_clock()
            return RestReply(200, {"reset": True})
        return _NOT_FOUND


async def _respond(send: Send, answer: RestReply, drawn: int, received: int, *headers: tuple[bytes, bytes]) -> int:
    """Send an answer; returns the nanoseconds from `received` until it was handed over."""
    content = orjson.dumps(answer.body)
    total = time.perf_counter_ns() - received
    timing = b"model;dur=%.3f, total;dur=%.3f" % (drawn / 1e6, total / 1e6)
    head = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(content)),
        (b"server-timing", timing),
        *headers,
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": head})
    await send({"type": "http.response.body", "body": content})
    return total
