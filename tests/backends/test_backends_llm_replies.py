"""Replies without text: each names its cause, through the official client, whole and streamed."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from pytest_rtmedload.backends import llm_client
from pytest_rtmedload.backends.errors import ServiceError
from pytest_rtmedload.backends.llm_replies import Budget, Reply
from pytest_rtmedload.spec.endpoints import Endpoint, NamedServices
from tests.backends.notebook import Notebook

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

REASONING = 64
"""Tokens that the model spends before its first word."""


def usage(spent: int, reasoning: int) -> dict[str, Any]:
    return {
        "prompt_tokens": 20,
        "completion_tokens": spent,
        "total_tokens": 20 + spent,
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }


def reasoned(asked: dict[str, Any]) -> tuple[dict[str, Any], str, dict[str, Any]]:
    """What a reasoning model says: nothing, when the tokens do not last."""
    budget, needed = asked["max_completion_tokens"], 8 if asked.get("reasoning_effort") == "low" else REASONING
    if budget <= needed:
        return {"content": ""}, "length", usage(budget, budget)
    return {"content": "Please call 911."}, "stop", usage(needed + 8, needed)


def tool_call(asked: dict[str, Any]) -> tuple[dict[str, Any], str, dict[str, Any]]:
    call = {"id": "t1", "type": "function", "index": 0, "function": {"name": "hand_off", "arguments": "{}"}}
    return {"content": None, "tool_calls": [call]}, "tool_calls", usage(9, 0)


class Model:
    """An endpoint that speaks OpenAI's protocol; every request it was sent is kept."""

    def __init__(self, says: Any) -> None:
        self.says = says
        self.asked: list[dict[str, Any]] = []

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = next(line for line in head.split(b"\r\n") if line.startswith(b"content-length"))
                asked = json.loads(await reader.readexactly(int(length.partition(b":")[2])))
                self.asked.append(asked)
                body, kind = self._body(asked)
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\ncontent-length: %d\r\n\r\n" % (kind, len(body)))
                writer.write(body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _body(self, asked: dict[str, Any]) -> tuple[bytes, bytes]:
        message, finish, spent = self.says(asked)
        base = {"id": "c1", "created": 1, "model": asked["model"]}
        if not asked.get("stream"):
            choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
            return json.dumps(base | {"object": "chat.completion", "choices": [choice], "usage": spent}).encode(), (
                b"application/json"
            )
        piece = base | {"object": "chat.completion.chunk", "usage": None}
        first = {"index": 0, "delta": message, "finish_reason": None}
        last = {"index": 0, "delta": {}, "finish_reason": finish}
        chunks = [piece | {"choices": [first]}, piece | {"choices": [last]}, piece | {"choices": [], "usage": spent}]
        events = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)
        return events + b"data: [DONE]\n\n", b"text/event-stream"


def asking(
    model: Model, ask: Callable[[llm_client.LlmUser], Awaitable[object]], options: dict[str, str] | None = None
) -> Notebook:
    """What a user has written down who asked the model."""
    load = Notebook()

    async def go() -> None:
        server = await asyncio.start_server(model.answer, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        endpoint = Endpoint("llm", url, "OPENAI_BASE_URL", options={"model": "gpt-5", **(options or {})})
        async with server:
            await llm_client.ask(endpoint, 5)
            async with llm_client.llm_user(load, endpoint) as user:
                with contextlib.suppress(ServiceError):
                    await ask(user)

    asyncio.run(go())
    return load


EMPTY = "the reply is empty: "
CAUSES = [
    (
        reasoned,
        f"{EMPTY}all 60 tokens went into reasoning (finish_reason length); set OPENAI_MAX_COMPLETION_TOKENS higher, ",
    ),
    (lambda _: ({"content": None}, "length", usage(60, 0)), f"{EMPTY}its tokens were used up (finish_reason length); "),
    (
        lambda _: ({"content": ""}, "content_filter", usage(0, 0)),
        f"{EMPTY}the content filter withheld it (finish_reason content_filter)",
    ),
    (
        lambda _: ({"content": None, "refusal": "I can't help."}, "stop", usage(5, 0)),
        "the model refused to answer: I can't help.",
    ),
    (tool_call, "the reply has no text: the model asks to call hand_off (finish_reason tool_calls)"),
    (lambda _: ({"content": ""}, "stop", usage(0, 0)), "the reply is empty (finish_reason stop)"),
]
NAMES = ["reasoning", "length", "content filter", "refusal", "tool call", "nothing"]


@pytest.mark.parametrize(("says", "cause"), CAUSES, ids=NAMES)
def test_a_whole_reply_without_text_says_why(says: Any, cause: str) -> None:
    load = asking(Model(says), lambda user: user.complete("I have a sharp pain."))
    (error,) = load.errors
    assert error.startswith(f"llm.completion: {cause}")
    assert load.outcomes("llm.connect") == {"ok": 1}


@pytest.mark.parametrize(("says", "cause"), CAUSES, ids=NAMES)
def test_a_streamed_reply_without_text_says_why(says: Any, cause: str) -> None:
    load = asking(Model(says), lambda user: user.stream("I have a sharp pain."))
    (error,) = load.errors
    assert error.startswith(f"llm.stream: {cause}")
    assert load.outcomes("llm.ttft") == {"failed": 1}


@pytest.mark.parametrize("options", [{"max_tokens": "400"}, {"reasoning_effort": "low"}])
def test_the_budget_is_the_project_s(options: dict[str, str]) -> None:
    model = Model(reasoned)
    load = asking(model, lambda user: user.complete("I have a sharp pain."), options)
    assert not load.errors
    assert load.outcomes("llm.completion") == {"ok": 1}
    assert [asked["max_completion_tokens"] for asked in model.asked] == [16, 16, int(options.get("max_tokens", 60))]
    assert all(asked.get("reasoning_effort") == options.get("reasoning_effort") for asked in model.asked)


def test_reasoning_is_no_part_of_the_rate_of_tokens() -> None:
    assert Reply(tokens=72, reasoning=64, pieces_ns=[0, 10**9]).tokens_per_s == 7


def test_the_variables_of_the_budget() -> None:
    named = NamedServices.from_environment(
        {
            "OPENAI_BASE_URL": "http://127.0.0.1:1/v1",
            "OPENAI_MAX_COMPLETION_TOKENS": " 400 ",
            "OPENAI_REASONING_EFFORT": "low",
        }
    ).endpoint("llm")
    assert named is not None
    assert Budget.of(named) == Budget(400, "low")


@pytest.mark.parametrize("tokens", ["many", "0", "-5", "1.5"])
def test_a_wrong_budget_is_one_line(tokens: str) -> None:
    endpoint = Endpoint("llm", "http://127.0.0.1:1", "OPENAI_BASE_URL", options={"max_tokens": tokens})
    with pytest.raises(ServiceError, match=f"OPENAI_MAX_COMPLETION_TOKENS={tokens}: a whole number of tokens"):
        Budget.of(endpoint)
