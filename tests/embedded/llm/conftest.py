"""One LLM serves all tests that do not spoil it; whoever does starts one of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import openai
import pytest
import pytest_asyncio

from pytest_rtmedload.embedded.settings import EmbeddedSettings
from pytest_rtmedload.embedded.supervised import Supervised
from tests.embedded.llm.service import FAST, SEED, Llm

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator


@pytest.fixture(scope="session")
def llm() -> Iterator[Llm]:
    with Supervised.launch(EmbeddedSettings.parse(FAST, SEED)) as running:
        yield Llm(running.service("llm"))


@pytest.fixture
def start_llm() -> Iterator[Callable[..., Llm]]:
    """Starts an LLM with settings of one's own."""
    running: list[Supervised] = []

    def start(*pairs: str) -> Llm:
        running.append(Supervised.launch(EmbeddedSettings.parse([*FAST, *pairs], SEED)))
        return Llm(running[-1].service("llm"))

    yield start
    for supervised in running:
        supervised.stop()


@pytest_asyncio.fixture(params=["openai", "azure deployment", "azure v1"])
async def client(request: pytest.FixtureRequest, llm: Llm) -> AsyncIterator[openai.AsyncOpenAI]:
    """The official client on each of the routes."""
    async with llm.client(request.param) as client:
        yield client
