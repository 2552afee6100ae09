"""How an admitted request is answered: at once or as a stream, on schedule, and with its fault if one was drawn.

The rule: a stream's status and headers are sent together with its first token, as by the real service, so that a client
which waits for headers waits for the first token; work on a request stops when its client has closed the connection.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.embedded.llm.errors import injected
from pytest_rtmedload.embedded.llm.replies import prompt_tokens
from pytest_rtmedload.embedded.llm.wire import MALFORMED, TokenUsage, Writer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_rtmedload.embedded.deadlines import ServiceDeadlines
    from pytest_rtmedload.embedded.llm.exchange import LlmExchange
    from pytest_rtmedload.embedded.llm.ground_truth import LlmTruth
    from pytest_rtmedload.embedded.llm.limits import Headers
    from pytest_rtmedload.embedded.llm.pace import Fate, Step
    from pytest_rtmedload.embedded.llm.requests import ChatRequest

_STREAM: Final = (b"content-type", b"text/event-stream; charset=utf-8")


class LlmReply:
    """The reply, token by token."""

    def __init__(self, request: ChatRequest, tokens: list[str], writer: Writer) -> None:
        self.request = request
        self.tokens = tokens if request.limit is None else tokens[: request.limit]
        self.finish = "stop" if len(self.tokens) == len(tokens) else "length"
        self.usage = TokenUsage(prompt_tokens(request.turns), len(self.tokens))
        self.middle = max(1, len(self.tokens) // 2)
        """How many tokens are sent before a fault."""
        self.writer = writer


class Speaker:
    """Answers one request."""

    def __init__(self, exchange: LlmExchange, deadlines: ServiceDeadlines, truth: LlmTruth, headers: Headers) -> None:
        self._exchange = exchange
        self._until = deadlines.until
        self._truth = truth
        self._headers = headers

    async def speak(self, reply: LlmReply, fate: Fate) -> None:
        """Answer, with the drawn delays and fault.

        Raises:
            ApiError: the fault is an error response.
            HungUp: the client did not wait for the end.
        """
        steps = fate.steps(self._exchange.received)
        if fate.fault is not None:
            self._truth.faults[fate.fault] += 1
        if fate.fault in ("error", "unavailable"):
            await self._until(next(steps).due)
            raise injected(fate.fault)
        if reply.request.stream:
            await self._stream(reply, fate, steps)
        else:
            await self._complete(reply, fate, steps)

    async def _complete(self, reply: LlmReply, fate: Fate, steps: Iterator[Step]) -> None:
        turns = [next(steps) for _ in reply.tokens]
        await self._until(turns[-1].due)
        if fate.fault in ("cut", "hang"):
            await self._break_off(fate)
            return
        content = reply.writer.completion("".join(reply.tokens), reply.finish, reply.usage)
        if fate.fault == "malformed":
            content = content[: len(content) // 2]
        now = time.perf_counter_ns()
        drawn, total = sum(turn.drawn for turn in turns), now - self._exchange.received
        await self._exchange.answer(content, self._head(drawn, total))
        self._truth.statuses["200"] += 1
        self._truth.tokens["completion"] += len(reply.tokens)
        self._truth.completion.add(drawn, total)

    async def _stream(self, reply: LlmReply, fate: Fate, steps: Iterator[Step]) -> None:
        sent = await self._say_first(reply, next(steps))
        sent = await self._say(reply, reply.tokens[1 : reply.middle], steps, sent)
        if fate.fault == "malformed":
            await self._exchange.write(MALFORMED)
        elif fate.fault is not None:
            await self._break_off(fate)
            return
        await self._say(reply, reply.tokens[reply.middle :], steps, sent)
        usage = reply.usage if reply.request.include_usage else None
        await self._exchange.end(reply.writer.closing(reply.finish, usage))

    async def _say_first(self, reply: LlmReply, step: Step) -> int:
        await self._until(step.due)
        writer, now = reply.writer, time.perf_counter_ns()
        total = now - self._exchange.received
        await self._exchange.begin([_STREAM, *self._head(step.drawn, total)])
        await self._exchange.write(writer.opening() + writer.token(reply.tokens[0], now))
        self._truth.statuses["200"] += 1
        self._truth.tokens["completion"] += 1
        self._truth.first_token.add(step.drawn, total)
        return now

    async def _say(self, reply: LlmReply, pieces: Sequence[str], steps: Iterator[Step], sent: int) -> int:
        """Send tokens; `sent` is when the previous one was sent; returns when the last of them was sent."""
        for piece, step in zip(pieces, steps, strict=False):
            await self._until(step.due)
            before, sent = sent, time.perf_counter_ns()
            await self._exchange.write(reply.writer.token(piece, sent))
            self._truth.tokens["completion"] += 1
            self._truth.inter_token.add(step.drawn, sent - before)
        return sent

    async def _break_off(self, fate: Fate) -> None:
        match fate.fault:
            case "cut":
                await self._exchange.cut()
            case "hang":
                await self._exchange.hang()
            case _:  # unfinished: the body ends regularly, the reply does not
                await self._exchange.end()

    def _head(self, drawn: int, total: int) -> Headers:
        return [(b"server-timing", b"model;dur=%.3f, total;dur=%.3f" % (drawn / 1e6, total / 1e6)), *self._headers]
