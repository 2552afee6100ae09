"""What a live view knows of a load test under way. What is not known yet is None; whatever it says holds *so far*."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Standing = Literal["met", "missed", "open"]
"""How a target stands: it would PASS or FAIL if the test ended now, or neither."""


@dataclass(frozen=True, slots=True)
class TargetSoFar:
    """One limit against what was measured until now."""

    text: str
    """`POST /api/call p95 181 ms > 150 ms`; without samples what is asked for."""
    standing: Standing | None
    """None without samples."""
    n: int = 0
    """Samples."""


@dataclass(frozen=True, slots=True)
class Generator:
    """How the load generator does, over all shards, in the measured time."""

    lag_p99_ms: float | None = None
    """Lateness of its ticker."""
    cpu_percent: float | None = None
    """Of a core, of the event loop's thread."""
    frames_late_ms: float | None = None
    """Lateness of sent audio, P99; None without calls."""
    troubled: bool = False
    """The test would be INVALID if it ended now."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a test is, over all its shards."""

    nodeid: str
    phase: str
    elapsed_s: float
    """Seconds since the start line."""
    total_s: float | None = None
    """Planned length of all phases; None when the test ends by itself."""
    stage: str | None = None
    """The part of the shape it is in: `20 users (2 of 5)`."""
    users: int = 0
    open: bool = False
    """In the open model users are iterations in flight."""
    iterations: int = 0
    rate: float | None = None
    """Iterations per second between the last two shipments."""
    failed_share: float | None = None
    """Failed and censored iterations as a fraction of all."""
    error: str | None = None
    """The most frequent error with its count before it."""
    targets: tuple[TargetSoFar, ...] = ()
    """What needs attention first."""
    generator: Generator = Generator()
