"""The processes of the embedded agent that can be requested by name, and the description of a running one.

The rule: only the session store and the agent run before a test requests a service, so that a run without backend tests
has no cost for them.
"""

from __future__ import annotations

from typing import Final, TypedDict

AGENT: Final = "agent"
REDIS: Final = "redis"
"""The agent's own session store: a Valkey, which Redis clients talk to."""
MODULES: Final = {
    AGENT: "pytest_rtmedload.embedded.agent_process",
    "llm": "pytest_rtmedload.embedded.llm.process",
    "cosmos": "pytest_rtmedload.embedded.cosmos.process",
    "speech": "pytest_rtmedload.embedded.speech.process",
}
"""Name → the module that serves it; `serving` describes how to write such a module."""
SERVICES: Final = (*MODULES, REDIS)


class Service(TypedDict):
    """A running service; consists of builtin types, so that it can be sent to another process."""

    url: str
    """Such as `http://127.0.0.1:40123`, or `unix:///…/valkey.sock`."""
    key: str
    """The key its clients authenticate with; empty if none is needed."""
    pid: int
