"""The processes of the embedded agent that can be asked for by name, and what is told about each.

The rule: nothing but the session store and the agent runs before a test asks for it, so that a run without backend
tests pays nothing for them.
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
"""Name → the module that serves it; `serving` says how such a module is written."""
SERVICES: Final = (*MODULES, REDIS)


class Service(TypedDict):
    """A running service; made of builtin types, so that it goes over any link."""

    url: str
    """Such as `http://127.0.0.1:40123`, or `unix:///…/valkey.sock`."""
    key: str
    """What its clients authenticate with; empty where nothing is asked for."""
    pid: int
