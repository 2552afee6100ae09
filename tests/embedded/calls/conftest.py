"""One quick agent per dialect for all tests of the sockets that do not spoil it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from pytest_rtmedload.dialects import ARTAGENT_V1, DIALECTS, RTMEDAGENT, Dialect, dialect_named
from pytest_rtmedload.embedded.launcher import EmbeddedAgent
from pytest_rtmedload.embedded.settings import EmbeddedSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

QUICK = ["voice.greeting=1ms", "voice.stt=5ms", "voice.llm=10ms", "voice.tts=5ms"]


@pytest.fixture(scope="session")
def agents() -> Iterator[Callable[[Dialect], EmbeddedAgent]]:
    running: dict[str, EmbeddedAgent] = {}

    def agent_of(dialect: Dialect) -> EmbeddedAgent:
        if dialect.name not in running:
            running[dialect.name] = EmbeddedAgent.start(EmbeddedSettings.parse([*QUICK, f"dialect={dialect.name}"]))
        return running[dialect.name]

    yield agent_of
    for agent in running.values():
        agent.stop()


@pytest.fixture(params=list(DIALECTS))
def wire(request: pytest.FixtureRequest) -> Dialect:
    return dialect_named(request.param)


@pytest.fixture
def quick(agents: Callable[[Dialect], EmbeddedAgent], wire: Dialect) -> EmbeddedAgent:
    """An agent that answers within 20 ms of the end of speech; it speaks `wire`."""
    return agents(wire)


@pytest.fixture
def brief(agents: Callable[[Dialect], EmbeddedAgent]) -> EmbeddedAgent:
    return agents(RTMEDAGENT)


@pytest.fixture
def v1(agents: Callable[[Dialect], EmbeddedAgent]) -> EmbeddedAgent:
    return agents(ARTAGENT_V1)


_calls = itertools.count()


@pytest.fixture
def call() -> str:
    """A call nobody had before."""
    return f"call-{next(_calls)}"
