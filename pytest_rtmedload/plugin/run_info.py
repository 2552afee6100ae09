"""Where, when and how a result was measured."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.results.model import AgentInfo, RunInfo
from pytest_rtmedload.text.redaction import redact_command

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from pytest_rtmedload.spec.load_config import LoadConfig

PACKAGES: Final = ("pytest-rtmedload", "pytest", "pytest-asyncio", "numpy", "pyreqwest")
"""Packages whose versions a result records."""


def run_info(
    config: LoadConfig,
    agent: AgentInfo,
    started: datetime,
    arguments: Sequence[str],
    machine: Mapping[str, str] = MappingProxyType({}),
) -> RunInfo:
    """The run's own description, without secrets.

    Args:
        config: the options.
        agent: the system under test.
        started: local time with offset.
        arguments: pytest's command line.
        machine: further facts about the machine.
    """
    return RunInfo(
        started=started.isoformat(timespec="seconds"),
        suite=config.suite.name,
        agent=agent,
        seed=config.seed,
        versions={"python": platform.python_version()} | {name: _version(name) for name in PACKAGES},
        machine={**machine, **_machine()},
        command=" ".join(["pytest", redact_command(list(arguments), config.secrets)]).strip(),
    )


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _machine() -> dict[str, str]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"system": f"{platform.system()} {platform.release()}", "machine": platform.machine(), "cores": str(cores)}
