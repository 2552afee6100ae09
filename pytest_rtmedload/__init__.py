"""A pytest plugin that load-tests real-time voice agents, with performance assertions."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pytest_rtmedload.config import LoadConfig
    from pytest_rtmedload.results.model import Verdict
    from pytest_rtmedload.results.recording import Phase
    from pytest_rtmedload.workload.conductors import Command, Conductor
    from pytest_rtmedload.workload.user_fixture import user_fixture

__all__ = ["Command", "Conductor", "LoadConfig", "Phase", "Verdict", "user_fixture"]

_HOMES: Final = {
    "Command": "workload.conductors",
    "Conductor": "workload.conductors",
    "LoadConfig": "config",
    "Phase": "results.recording",
    "Verdict": "results.model",
    "user_fixture": "workload.user_fixture",
}


def __getattr__(name: str) -> object:
    """Import public names where they are used: pytest imports this package in every run."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
