"""Each fault is seen by the official client as what it is, and counted by the service."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import httpx2
import openai
import pytest

from pytest_rtmedload.embedded.llm.settings import FAULTS
from tests.embedded.llm.service import ASKED, Llm, finish_of, stream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

pytestmark = pytest.mark.asyncio
REQUESTS = 60
PATIENCE_S = 1.5
"""How long the client waits for the next byte; answers that go on have theirs in milliseconds."""


async def seen_of(answer: Callable[[], Awaitable[str]]) -> str:
    """The fault, by what the client makes of it."""
    try:
        return await answer()
    except (httpx2.ReadTimeout, openai.APITimeoutError):
        return "hang"
    except openai.InternalServerError as error:
        return {500: "error", 503: "unavailable"}[error.status_code]
    except (httpx2.ReadError, httpx2.RemoteProtocolError, openai.APIConnectionError):
        return "cut"
    except ValueError:  # json.JSONDecodeError
        return "malformed"


@pytest.mark.timing
@pytest.mark.slow
async def test_in_a_stream(start_llm: Callable[..., Llm]) -> None:
    llm = start_llm(*(f"llm.{fault}_rate=0.15" for fault in FAULTS))
    async with llm.client(timeout=PATIENCE_S) as client:

        async def ask() -> str:
            return "none" if finish_of(await stream(client)) == "stop" else "unfinished"

        seen = Counter(await asyncio.gather(*(seen_of(ask) for _ in range(REQUESTS))))
    fine = seen.pop("none")
    truth = llm.truth()
    assert seen == truth.faults
    assert seen.keys() == FAULTS.keys()
    assert truth.statuses == {"200": REQUESTS - seen["error"] - seen["unavailable"]} | {
        "500": seen["error"],
        "503": seen["unavailable"],
    }
    assert truth.first_token.count == truth.statuses["200"] >= fine


async def test_in_a_whole_answer(start_llm: Callable[..., Llm]) -> None:
    llm = start_llm("llm.cut_rate=0.5", "llm.malformed_rate=0.5")
    async with llm.client() as client:

        async def ask() -> str:
            answer = await client.chat.completions.create(**ASKED)
            return "none" if answer.choices[0].finish_reason == "stop" else "unfinished"

        seen = Counter(await asyncio.gather(*(seen_of(ask) for _ in range(REQUESTS // 3))))
    assert seen.pop("none") > 0
    assert seen == llm.truth().faults
    assert seen.keys() == {"cut", "malformed"}


async def test_a_stall_holds_every_token(start_llm: Callable[..., Llm]) -> None:
    llm = start_llm("llm.stall=300ms@0ms")
    async with llm.client() as client:
        await asyncio.gather(stream(client), stream(client))
    truth = llm.truth()
    assert list(truth.first_token.drawn_us) == [2000, 2000]
    # the second request may come while the first one waits, but not after the stall
    assert truth.first_token.total_us[0] >= 302_000
