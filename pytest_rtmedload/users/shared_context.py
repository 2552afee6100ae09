"""What all virtual users of a load test share in one process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_rtmedload.spec.load_config import LoadConfig
    from pytest_rtmedload.voice.pacer import Pacer


@dataclass(slots=True)
class SharedContext:
    """Settings and state common to all users of a load test."""

    settings: LoadConfig
    seed: int
    timeout: float
    """Seconds one operation may take."""
    agent_url: str | None = None
    nodeid: str = ""
    pacer: Pacer | None = None
    """Sends the audio of all calls; created with the first call."""
    kept_calls: int = 0
    """Calls that were recorded to files so far."""
