"""Where services of the agent come from."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_rtmedload.agent_provider import AgentProvider, AgentUnavailable
from pytest_rtmedload.dialects import RTMEDAGENT
from pytest_rtmedload.embedded.services import SERVICES


def provider(**config: Any) -> AgentProvider:
    defaults = {
        "host": None,
        "dialect": "rtmedagent",
        "wire": RTMEDAGENT,
        "embedded": (),
        "seed": 0,
        "verify": True,
        "addresses": {},
    }
    return AgentProvider(SimpleNamespace(**defaults | config))  # type: ignore[arg-type]


def test_a_service_comes_with_the_embedded_agent() -> None:
    agents = provider(embedded=("llm.rpm=60",))
    try:
        service = agents.service("llm")
        assert service == agents.service("llm")
        assert service["key"]
        info = dataclasses.asdict(agents.info())
        assert "at most 60 requests/min" in str(info)
        assert service["key"] not in str(info)
        with pytest.raises(AgentUnavailable, match=f"no embedded service 'llama': there are {', '.join(SERVICES)}"):
            agents.service("llama")
    finally:
        agents.stop()


def test_a_named_agent_has_no_embedded_services(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_rtmedload.agent_provider.ask", lambda *_, **__: None)  # it answers
    agents = provider(host="https://user:secret@agent.example/base")
    with pytest.raises(
        AgentUnavailable,
        match=r"^there is no embedded llm with the agent at https://agent\.example/base: configure the endpoint",
    ):
        agents.service("llm")
