"""A running embedded LLM as tests see it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx2
import openai

from pytest_rtmedload.embedded.llm.ground_truth import PATH, RESET_PATH, LlmTruth

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionChunk

    from pytest_rtmedload.embedded.services import Service

SEED = 7
FAST = ("llm.ttft=2ms", "llm.inter_token=0ms")
CHEST_PAIN: list[Any] = [
    {"role": "system", "content": "You are a medical assistant."},
    {"role": "user", "content": "I have a pain in my chest."},
]
ASKED: dict[str, Any] = {"model": "gpt-4o", "messages": CHEST_PAIN}


class Llm:
    """Its address, its clients and its truth."""

    def __init__(self, service: Service) -> None:
        self.url, self.key = service["url"], service["key"]

    def client(self, route: str = "openai", key: str | None = None, **options: Any) -> openai.AsyncOpenAI:
        """An official client without hidden retries."""
        options = {"api_key": key or self.key, "max_retries": 0, "timeout": 20, **options}
        if route == "azure deployment":
            return openai.AsyncAzureOpenAI(azure_endpoint=self.url, api_version="2024-10-21", **options)
        base = "/v1" if route == "openai" else "/openai/v1"
        return openai.AsyncOpenAI(base_url=self.url + base, **options)

    def raw(self) -> httpx2.Client:
        """For what the official client would not send."""
        return httpx2.Client(base_url=self.url, headers={"api-key": self.key}, trust_env=False, timeout=20)

    def truth(self) -> LlmTruth:
        with self.raw() as client:
            return LlmTruth.from_json(client.get(PATH).json())

    def reset_truth(self) -> None:
        with self.raw() as client:
            client.post(RESET_PATH)


async def stream(client: openai.AsyncOpenAI, **options: Any) -> list[ChatCompletionChunk]:
    """All chunks of a streamed completion."""
    answer = await client.chat.completions.create(**ASKED | options, stream=True)
    return [chunk async for chunk in answer]


def text_of(chunks: list[ChatCompletionChunk]) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def tokens_of(chunks: list[ChatCompletionChunk]) -> list[ChatCompletionChunk]:
    return [chunk for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]


def finish_of(chunks: list[ChatCompletionChunk]) -> str | None:
    reasons = [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices]
    return reasons[-1] if reasons else None


def error_of(response: httpx2.Response) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(response.content)
    return body["error"]
