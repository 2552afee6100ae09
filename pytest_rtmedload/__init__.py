"""A pytest plugin that load-tests real-time voice agents, with performance assertions."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pytest_rtmedload.results.model import Verdict
    from pytest_rtmedload.results.recording import Phase
    from pytest_rtmedload.schedule.conductors import Command, Conductor
    from pytest_rtmedload.spec.load_config import LoadConfig
    from pytest_rtmedload.users.user_fixture import user_fixture

__all__ = ["Command", "Conductor", "LoadConfig", "Phase", "Verdict", "user_fixture"]

_HOMES: Final = {
    "Command": "schedule.conductors",
    "Conductor": "schedule.conductors",
    "LoadConfig": "spec.load_config",
    "Phase": "results.recording",
    "Verdict": "results.model",
    "user_fixture": "users.user_fixture",
}


def __getattr__(name: str) -> object:
    """Import public names where they are used: pytest imports this package in every run."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
