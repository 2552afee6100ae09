"""One agent per dialect serves all tests that do not spoil it; whoever does starts one of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2
import pytest
import redis

from pytest_rtmedload.dialects import DIALECTS, Dialect, dialect_named
from pytest_rtmedload.embedded.launcher import EmbeddedAgent
from pytest_rtmedload.embedded.settings import EmbeddedSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

SEED = 7


@pytest.fixture(scope="session", params=list(DIALECTS))
def dialect(request: pytest.FixtureRequest) -> Dialect:
    return dialect_named(request.param)


@pytest.fixture(scope="session")
def settings(dialect: Dialect) -> EmbeddedSettings:
    return EmbeddedSettings.parse([f"dialect={dialect.name}", "http.delay=lognormal(2ms, 0.5)"], SEED)


@pytest.fixture(scope="session")
def embedded(settings: EmbeddedSettings) -> Iterator[EmbeddedAgent]:
    with EmbeddedAgent.start(settings) as agent:
        yield agent


@pytest.fixture(scope="session")
def client(embedded: EmbeddedAgent) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=embedded.url, trust_env=False) as client:
        yield client


@pytest.fixture(scope="session")
def stored(embedded: EmbeddedAgent) -> Iterator[redis.Redis]:
    """The agent's Valkey, seen by an ordinary client."""
    with redis.from_url(embedded.store_url, decode_responses=True) as client:
        yield client
