"""Names of metrics that several parts must agree on."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

ITERATION: Final = "iteration"
"""One run of a test body by one user, think time taken out."""
PARTS: Final = frozenset({"llm.ttft", "llm.inter_token", "stt.first_partial", "tts.first_byte"})
"""Metrics of how an answer begins and goes on, of which another metric measures the whole."""

NEVER_SENT: Final = "failed before anything was sent"
"""In the reason of a test that is INVALID because the load generator met one of its own limits."""

_NUMBERED: Final = re.compile(r"#\d+$")


def item_of(nodeid: str) -> str:
    """The pytest test that a result belongs to: a second `load_run` of the same test has `#2` at the end of its own."""
    return _NUMBERED.sub("", nodeid)


class OwnLimit(StrEnum):
    """What the load generator itself can run out of: its failures, and not the agent's."""

    OPEN_FILES = "open files"
    """Of one process (EMFILE)."""
    OPEN_FILES_OF_MACHINE = "open files of the machine"
    PORTS = "ports"
    """Local ports for new connections (EADDRNOTAVAIL)."""
    MEMORY = "memory"
    """Or buffers of the network stack (ENOMEM, ENOBUFS)."""
    THREADS = "threads"
    NAMES = "name service"
    """It did not answer (EAI_AGAIN): the host may well exist."""


def wholes(metrics: Iterable[str]) -> list[str]:
    """The metrics whose samples are operations, to be counted as ended well or not.

    A reply of forty tokens that breaks is one failure, and not one of forty; where only parts were measured, they are
    all there is to count.
    """
    operations = [metric for metric in metrics if metric != ITERATION]
    return [metric for metric in operations if metric not in PARTS] or operations
