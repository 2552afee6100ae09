"""Wrong requests get the error the service would give, in the shape the client reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import openai
import pytest

from tests.embedded.llm.service import ASKED, Llm, error_of, stream

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.asyncio
@pytest.mark.parametrize(("route", "code"), [("openai", "invalid_api_key"), ("azure deployment", "401")])
async def test_a_wrong_key_is_refused_and_not_repeated(llm: Llm, route: str, code: str) -> None:
    async with llm.client(route, key="sk-wrong-0123456789") as client:
        with pytest.raises(openai.AuthenticationError) as caught:
            await stream(client)
    assert caught.value.code == code
    assert "wrong-0123" not in str(caught.value)
    assert "key" in caught.value.message


@pytest.mark.asyncio
async def test_a_model_that_does_not_exist_is_named(start_llm: Callable[..., Llm]) -> None:
    llm = start_llm("llm.models=gpt-4o, gpt-4o-mini", "llm.tokens=300", "llm.tpm=100000")
    async with llm.client() as client, llm.client("azure deployment") as azure:
        with pytest.raises(openai.NotFoundError, match="The model `gpt-5` does not exist") as caught:
            await stream(client, model="gpt-5")
        assert caught.value.code == "model_not_found"
        with pytest.raises(openai.NotFoundError) as refused:
            await stream(azure, model="gpt-5")
        assert refused.value.code == "DeploymentNotFound"
        answer = await client.chat.completions.with_raw_response.create(**ASKED)
    usage = answer.parse().usage
    assert usage is not None
    assert usage.completion_tokens == 300
    assert answer.headers["x-ratelimit-limit-tokens"] == "100000"
    assert answer.headers["x-ratelimit-remaining-tokens"] == str(100_000 - usage.total_tokens)


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("POST", "/v1/responses", 404, "Invalid URL: the embedded LLM serves chat completions and models"),
        ("POST", "/openai/deployments/gpt-4o/chat/completions", 404, "Resource not found"),
        ("POST", "/openai/chat/completions?api-version=1", 404, "Resource not found"),
        ("GET", "/openai/v1/chat/completions", 405, "Not allowed to GET on this path (only POST)"),
        ("GET", "/", 404, "Invalid URL"),
    ],
)
def test_wrong_paths_and_methods(llm: Llm, method: str, path: str, status: int, message: str) -> None:
    with llm.raw() as client:
        response = client.request(method, path)
    assert response.status_code == status
    assert error_of(response)["message"].startswith(message)


@pytest.mark.parametrize(
    ("body", "param", "message"),
    [
        (b"{", None, "could not parse the JSON body"),
        (b"[]", None, "must be an object"),
        ({"model": None}, "model", "must provide a model"),
        ({"messages": []}, "messages", "at least one message"),
        ({"messages": [{"content": "x"}]}, "messages[0].role", "Missing required parameter"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content", "expected a string"),
        ({"max_tokens": 0}, "max_tokens", "at least 1"),
        ({"stream": "yes"}, "stream", "Invalid type"),
        ({"stream_options": {"include_usage": True}}, "stream_options", "only allowed when 'stream' is enabled"),
        ({"n": 2}, "n", "does not serve n=2"),
        ({"response_format": {"type": "json_object"}}, "response_format", "answers text only"),
        ({"tool_choice": "required"}, "tool_choice", "does not serve tool_choice='required'"),
    ],
)
def test_a_body_that_is_not_served_is_refused_by_name(llm: Llm, body: Any, param: str | None, message: str) -> None:
    with llm.raw() as client:
        content = {"content": body} if isinstance(body, bytes) else {"json": ASKED | body}
        response = client.post("/v1/chat/completions", **content)
    assert response.status_code == 400
    error = error_of(response)
    assert message in error["message"]
    assert (error["type"], error["param"]) == ("invalid_request_error", param)


def test_parts_of_messages_are_read(llm: Llm) -> None:
    messages = [
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "user", "content": [{"type": "text", "text": "I need a refill"}, {"type": "image_url"}]},
    ]
    with llm.raw() as client:
        answer = client.post("/v1/chat/completions", json={"model": "m", "messages": messages}).json()
    said = answer["choices"][0]["message"]["content"]
    assert said.startswith(("I can help you with that refill.", "Let us renew your prescription."))
