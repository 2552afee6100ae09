"""The official client, unmodified, on every route."""

from __future__ import annotations

import re
import time

import openai
import pytest

from tests.embedded.llm.service import ASKED, Llm, finish_of, stream, text_of, tokens_of

pytestmark = pytest.mark.asyncio
PROMPT = 26
"""Tokens of the question: 7 and 8 of its texts, 4 around each, 3 before the reply."""


async def test_a_stream_says_what_the_whole_answer_says(client: openai.AsyncOpenAI) -> None:
    whole = await client.chat.completions.create(**ASKED)
    chunks = await stream(client, stream_options={"include_usage": True})
    assert text_of(chunks) == whole.choices[0].message.content
    assert "pain" in text_of(chunks)
    assert "911" in text_of(chunks)
    assert finish_of(chunks) == whole.choices[0].finish_reason == "stop"
    assert whole.model == tokens_of(chunks)[0].model == "gpt-4o"
    assert chunks[-1].usage == whole.usage
    assert whole.usage is not None
    assert whole.usage.completion_tokens == len(tokens_of(chunks))
    assert whole.usage.prompt_tokens == PROMPT
    assert whole.usage.total_tokens == PROMPT + len(tokens_of(chunks))
    assert whole._request_id is not None


async def test_usage_comes_only_when_it_is_asked_for(client: openai.AsyncOpenAI) -> None:
    assert all(chunk.usage is None for chunk in await stream(client))


async def test_a_limit_cuts_the_reply_and_says_so(client: openai.AsyncOpenAI) -> None:
    chunks = await stream(client, max_completion_tokens=5)
    assert len(tokens_of(chunks)) == 5
    assert finish_of(chunks) == "length"
    whole = await client.chat.completions.create(**ASKED, max_tokens=1)
    assert whole.choices[0].finish_reason == "length"
    assert whole.choices[0].message.content == text_of(tokens_of(chunks)[:1])


async def test_every_token_tells_when_it_was_sent(client: openai.AsyncOpenAI) -> None:
    begin = time.perf_counter_ns()
    chunks = await stream(client)
    sent = [chunk.model_extra["x_sent_ns"] for chunk in tokens_of(chunks) if chunk.model_extra]
    assert len(sent) == len(tokens_of(chunks)) > 20
    assert sent == sorted(sent)
    assert begin + 2_000_000 <= sent[0]
    assert sent[-1] <= time.perf_counter_ns()


async def test_the_first_chunk_on_azure_has_no_choices_as_azures_has(llm: Llm) -> None:
    async with llm.client("azure deployment") as client:
        first, second, *_ = await stream(client)
    assert first.choices == []
    assert first.model_extra is not None
    assert first.model_extra["prompt_filter_results"][0]["prompt_index"] == 0
    assert second.choices[0].delta.role == "assistant"


async def test_the_truth_is_told(llm: Llm) -> None:
    llm.reset_truth()
    async with llm.client() as client:
        begin = time.perf_counter_ns()
        answer = await client.chat.completions.with_raw_response.create(**ASKED)
        seen_ms = (time.perf_counter_ns() - begin) / 1e6
        tokens = len(tokens_of(await stream(client)))
    truth = llm.truth()
    timing = re.fullmatch(r"model;dur=(\d+\.\d{3}), total;dur=(\d+\.\d{3})", answer.headers["server-timing"])
    assert timing is not None
    assert float(timing[1]) == 2.0  # the first token; those that follow cost nothing here
    assert list(truth.completion.drawn_us) == [2000]
    assert abs(truth.completion.total_us[0] / 1000 - float(timing[2])) <= 0.001
    assert 2.0 <= float(timing[2]) <= seen_ms
    assert list(truth.first_token.drawn_us) == [2000]
    assert truth.first_token.total_us[0] >= 2000
    assert truth.inter_token.count == len(truth.inter_token.total_us) == tokens - 1
    assert truth.statuses == {"200": 2}
    assert truth.tokens == {"prompt": 2 * PROMPT, "completion": 2 * tokens}


async def test_bearer_tokens_of_azure_are_taken(llm: Llm) -> None:
    async with openai.AsyncAzureOpenAI(
        azure_endpoint=llm.url, azure_ad_token_provider=lambda: llm.key, api_version="2024-10-21", max_retries=0
    ) as client:
        assert finish_of(await stream(client)) == "stop"


async def test_models_are_listed(client: openai.AsyncOpenAI) -> None:
    assert [model.id async for model in client.models.list()] == ["gpt-4o", "gpt-4o-mini"]
    assert (await client.models.retrieve("gpt-4o")).id == "gpt-4o"


async def test_the_blocking_client_works_too(llm: Llm) -> None:
    with openai.OpenAI(base_url=f"{llm.url}/v1", api_key=llm.key, max_retries=0) as client:
        assert client.chat.completions.create(**ASKED).choices[0].finish_reason == "stop"
