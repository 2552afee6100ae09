"""The embedded LLM as an ASGI application.

The rule: a request is checked in the service's own order (path, key, body, model, limits) before it is answered; a
refused request does not count towards any limit, and every response states how much of each limit is left.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import orjson

from pytest_rtmedload.embedded.asgi import read_body, received_ns
from pytest_rtmedload.embedded.llm import ground_truth as truth_module
from pytest_rtmedload.embedded.llm.errors import ApiError, no_such_model, too_many
from pytest_rtmedload.embedded.llm.exchange import HungUp, LlmExchange
from pytest_rtmedload.embedded.llm.ground_truth import LlmTruth
from pytest_rtmedload.embedded.llm.limits import Limits
from pytest_rtmedload.embedded.llm.pace import PaceModel
from pytest_rtmedload.embedded.llm.replies import compose
from pytest_rtmedload.embedded.llm.requests import CHAT, ChatRequest, Route, authenticate, is_azure, route
from pytest_rtmedload.embedded.llm.speaking import LlmReply, Speaker
from pytest_rtmedload.embedded.llm.wire import DEFAULT_MODELS, Writer, model_entry, model_list

if TYPE_CHECKING:
    from pytest_rtmedload.embedded.asgi import Receive, Scope, Send
    from pytest_rtmedload.embedded.deadlines import ServiceDeadlines
    from pytest_rtmedload.embedded.llm.settings import LlmSettings


class LlmApp:
    """The ASGI callable."""

    def __init__(self, settings: LlmSettings, seed: int, key: str, deadlines: ServiceDeadlines) -> None:
        self._settings = settings
        self._seed = seed
        self._key = key
        self._deadlines = deadlines
        self._model = PaceModel(settings, seed)
        self._limits = Limits(settings)
        self._truth = LlmTruth()
        self._count = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        body = await read_body(receive)
        exchange = LlmExchange(scope, receive, send, received_ns(scope))
        told = self._about(exchange)
        if told is not None:
            await exchange.answer(orjson.dumps(told), [])
            return
        self._count += 1
        try:
            with contextlib.suppress(HungUp):
                await self._serve(exchange, body, f"{self._seed}-{self._count}")
        except ApiError as error:
            self._truth.statuses[str(error.status)] += 1
            content = orjson.dumps(error.body(is_azure(exchange.path)))
            await exchange.answer(content, [*error.headers, *self._limits.headers(exchange.received)], error.status)

    def _about(self, exchange: LlmExchange) -> dict[str, Any] | None:
        """The answer to a request about the service itself; None for any other request."""
        match exchange.method, exchange.path:
            case "GET", truth_module.PATH:
                return self._truth.to_json()
            case "POST", truth_module.RESET_PATH:
                self._truth = LlmTruth()
                self._model.clock.restart()
                return {"reset": True}
        return None

    async def _serve(self, exchange: LlmExchange, body: bytes, request_id: str) -> None:
        scope = exchange.scope
        where = route(exchange.method, exchange.path, scope["query_string"])
        authenticate(scope["headers"], self._key)
        if where.what is not CHAT:
            await exchange.answer(self._models(where.name), [_id_header(request_id)])
            self._truth.statuses["200"] += 1
            return
        reply = self._reply(where, body, request_id)
        refusal = self._limits.admit(exchange.received, sum(reply.usage))
        if refusal is not None:
            raise too_many(refusal, reply.request.model)
        headers = [_id_header(request_id), *self._limits.headers(exchange.received)]
        self._truth.tokens["prompt"] += reply.usage.prompt
        try:
            await Speaker(exchange, self._deadlines, self._truth, headers).speak(reply, self._model.fate())
        finally:
            self._limits.leave()

    def _reply(self, where: Route, body: bytes, request_id: str) -> LlmReply:
        request = ChatRequest.parse(body, where.name)
        self._check_model(request.model)
        tokens = compose(self._seed, request.turns, self._settings.tokens)
        return LlmReply(request, tokens, Writer(request_id, request.model, where.azure))

    def _models(self, name: str | None) -> bytes:
        if name is None:
            return orjson.dumps(model_list(self._settings.models or DEFAULT_MODELS))
        self._check_model(name)
        return orjson.dumps(model_entry(name))

    def _check_model(self, name: str) -> None:
        if self._settings.models and name not in self._settings.models:
            raise no_such_model(name)


def _id_header(request_id: str) -> tuple[bytes, bytes]:
    return b"x-request-id", request_id.encode()
