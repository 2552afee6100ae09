"""The embedded Cosmos DB as an ASGI application: delays or breaks the service's answers as configured.

The rule: work first, then wait for the planned moment, then answer; `Server-Timing` states in every response what was
drawn (`model`) and what the request really took until just before it was handed to the transport (`total`), both in
milliseconds. Throttled and unauthorised requests are answered at once.
"""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Final

import orjson

from pytest_rtmedload.embedded.asgi import read_body, received_ns, reset_connection
from pytest_rtmedload.embedded.cosmos import ground_truth as truth_module
from pytest_rtmedload.embedded.cosmos.faults import FateModel
from pytest_rtmedload.embedded.cosmos.ground_truth import CosmosTruth
from pytest_rtmedload.embedded.cosmos.operations import CosmosOperation, operation_of
from pytest_rtmedload.embedded.cosmos.resources import Account
from pytest_rtmedload.embedded.cosmos.service import CosmosService
from pytest_rtmedload.embedded.cosmos.wire import CosmosAnswer, CosmosRequest
from pytest_rtmedload.embedded.latency import RequestFault

if TYPE_CHECKING:
    from pytest_rtmedload.embedded.asgi import Receive, Scope, Send
    from pytest_rtmedload.embedded.cosmos.settings import CosmosSettings
    from pytest_rtmedload.embedded.deadlines import ServiceDeadlines

_INJECTED_ERROR: Final = CosmosAnswer(
    503, orjson.dumps({"code": "ServiceUnavailable", "message": "injected by cosmos.error_rate"})
)
_AT_ONCE: Final = (401, 429)


class CosmosApp:
    """The ASGI callable."""

    def __init__(self, settings: CosmosSettings, seed: int, key: str, deadlines: ServiceDeadlines) -> None:
        self._service = CosmosService(key, Account(settings.rus))
        self._model = FateModel(settings, seed)
        self._deadlines = deadlines
        self._truth = CosmosTruth()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        body = await read_body(receive)
        received = received_ns(scope)
        request = CosmosRequest.of(scope["method"], scope["path"], dict(scope["headers"]), body)
        told = self._about(request)
        if told is not None:
            await _respond(send, request, told, "", 0, received)
        else:
            await self._serve(operation_of(request), request, scope, receive, send, received)

    async def _serve(
        self,
        operation: CosmosOperation,
        request: CosmosRequest,
        scope: Scope,
        receive: Receive,
        send: Send,
        received: int,
    ) -> None:
        plan = self._model.plan(operation, received)
        answer, session = _INJECTED_ERROR, ""
        if plan.fault is not RequestFault.ERROR:
            answer, session = await self._service.answer(operation, request, received)
        if answer.status not in _AT_ONCE:
            await self._deadlines.until(plan.due)
        record = self._truth.operations[operation]
        record.charge += answer.charge
        if plan.fault is RequestFault.CUT:
            record.cut += 1
            await reset_connection(scope, receive)
            return
        total = await _respond(send, request, answer, session, plan.drawn, received)
        record.times.add(plan.drawn, total)
        record.statuses[answer.status] += 1
        record.throttled += answer.status == 429

    def _about(self, request: CosmosRequest) -> CosmosAnswer | None:
        """The answer to a request about the service itself; None for any other request."""
        match request.method, request.path:
            case "GET", truth_module.PATH:
                return CosmosAnswer(200, orjson.dumps(self._truth.to_json()))
            case "POST", truth_module.RESET_PATH:
                self._truth = CosmosTruth()
                self._model.restart_clock()
                return CosmosAnswer(200, b'{"reset":true}')
        return None


async def _respond(
    send: Send, request: CosmosRequest, answer: CosmosAnswer, session: str, drawn: int, received: int
) -> int:
    """Send an answer; returns the nanoseconds from `received` until it was handed over."""
    activity = request.headers.get(b"x-ms-activity-id") or str(uuid.uuid4()).encode()
    headers = answer.wire_headers(activity, session)
    total = time.perf_counter_ns() - received
    headers.append((b"server-timing", b"model;dur=%.3f, total;dur=%.3f" % (drawn / 1e6, total / 1e6)))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
    return total
