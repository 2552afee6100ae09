"""Limits: their arithmetic on a clock of the test's own, and what the client sees of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import openai
import pytest

from pytest_rtmedload.embedded.llm.limits import Limits
from pytest_rtmedload.embedded.llm.settings import LlmSettings
from pytest_rtmedload.embedded.settings import EmbeddedSettings
from tests.embedded.llm.service import ASKED, Llm, finish_of, stream

if TYPE_CHECKING:
    from collections.abc import Callable

SECOND = 1_000_000_000


def limits(*pairs: str) -> Limits:
    return Limits(EmbeddedSettings.parse(pairs).part(LlmSettings))


@pytest.mark.parametrize("rpm", [1, 6, 10, 60, 601])
def test_requests_a_minute_are_kept_and_spread(rpm: int) -> None:
    kept = limits(f"llm.rpm={rpm}")
    minutes = 30
    admitted = [second for second in range(60 * minutes) for _ in range(20) if kept.admit(second * SECOND, 1) is None]
    assert abs(len(admitted) - rpm * minutes) <= rpm / 6 + 1
    assert len([second for second in admitted if second < 10]) <= rpm / 6 + 1


def test_tokens_are_those_of_a_minute_and_a_refusal_costs_none() -> None:
    kept = limits("llm.tpm=100")
    assert kept.admit(0, 60) is None
    refusal = kept.admit(20 * SECOND, 50)
    assert refusal is not None
    assert (refusal.unit, refusal.limit, refusal.wait_ns) == ("tokens", 100, 40 * SECOND)
    assert refusal.headers == [(b"retry-after", b"40"), (b"retry-after-ms", b"40000")]
    assert kept.admit(20 * SECOND, 40) is None
    assert dict(kept.headers(59 * SECOND)) == {
        b"x-ratelimit-limit-tokens": b"100",
        b"x-ratelimit-remaining-tokens": b"0",
        b"x-ratelimit-reset-tokens": b"1000ms",
    }
    assert kept.admit(60 * SECOND, 100) is None
    assert kept.admit(150 * SECOND, 101) is not None  # more than there ever is


def test_without_limits_nothing_is_refused_or_told() -> None:
    kept = limits()
    assert all(kept.admit(0, 10**9) is None for _ in range(1000))
    assert kept.headers(0) == []


@pytest.mark.asyncio
async def test_requests_at_a_time_and_a_client_that_hangs_up(start_llm: Callable[..., Llm]) -> None:
    llm = start_llm("llm.concurrency=2", "llm.rpm=24", "llm.inter_token=30ms")
    async with llm.client() as client:
        running = [await client.chat.completions.create(**ASKED, stream=True) for _ in range(2)]
        with pytest.raises(openai.RateLimitError, match="Limit 2") as caught:
            await stream(client)
        assert caught.value.type == "concurrency"
        assert caught.value.response.headers["retry-after-ms"] == "1000"
        for answer in running:
            await answer.close()  # in the middle of it
        async with openai.AsyncOpenAI(base_url=f"{llm.url}/v1", api_key=llm.key, max_retries=3) as patient:
            assert (
                finish_of(await stream(patient, max_tokens=1)) == "length"
            )  # there is room again, at the latest when it asks again
        assert finish_of(await stream(client, max_tokens=1)) == "length"
        with pytest.raises(openai.RateLimitError, match=r"requests per min \(RPM\): Limit 24") as caught:
            await stream(client)
    headers = caught.value.response.headers
    assert caught.value.code == "rate_limit_exceeded"
    assert 0 < int(headers["retry-after-ms"]) <= 10_000
    assert 0 < int(headers["retry-after"]) <= 10
    assert headers["x-ratelimit-limit-requests"] == "24"
    assert headers["x-ratelimit-remaining-requests"] == "0"
    async with llm.client("azure deployment") as azure:
        with pytest.raises(openai.RateLimitError, match="limit of 24 requests per min") as caught:
            await stream(azure)
    assert caught.value.code == "429"
    assert llm.truth().statuses["429"] >= 3
