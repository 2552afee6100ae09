"""Suites: named defaults for the size of every load test, by group.

A suite has the lowest precedence: marker, ini file, environment and command line override it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pytest_rtmedload.results.plan import Evidence
from pytest_rtmedload.spec.groups import API, GROUPS

DEFAULT_SUITE: Final = "quick"


@dataclass(frozen=True, slots=True)
class Suite:
    """Defaults of one suite. Durations are seconds."""

    name: str
    users: dict[str, int]
    duration: dict[str, float]
    """Measured time; unused if `iterations` is set."""
    ramp: float
    warmup: float
    think: float
    evidence: Evidence
    iterations: int | None = None

    def users_of(self, group: str) -> int:
        """Virtual users of a group."""
        return self.users[group if group in self.users else API]

    def duration_of(self, group: str) -> float:
        """Measured seconds of a group."""
        return self.duration[group if group in self.duration else API]


def _suite(
    name: str,
    users: tuple[int, int, int, int],
    measured: tuple[float, float, float, float],
    settle: tuple[float, float],
    think: float,
    evidence: Evidence,
    iterations: int | None = None,
) -> Suite:
    return Suite(
        name=name,
        users=dict(zip(GROUPS, users, strict=True)),
        duration=dict(zip(GROUPS, measured, strict=True)),
        ramp=settle[0],
        warmup=settle[1],
        think=think,
        evidence=evidence,
        iterations=iterations,
    )


SUITES: Final[dict[str, Suite]] = {
    suite.name: suite
    for suite in (
        _suite("smoke", (1, 1, 1, 1), (4, 5, 10, 60), (0, 0), 0.0, Evidence.NONE, iterations=1),
        _suite("quick", (15, 8, 5, 24), (3, 4, 4, 60), (0.3, 0.3), 0.1, Evidence.PROVISIONAL),
        _suite("standard", (25, 20, 15, 10), (30, 30, 60, 120), (5, 5), 0.1, Evidence.STRICT),
        _suite("comprehensive", (50, 40, 25, 20), (300, 300, 300, 300), (60, 10), 0.1, Evidence.STRICT),
    )
}


def suite_named(name: str) -> Suite:
    """The suite with this name.

    Raises:
        ValueError: it does not exist; the message lists those that do.
    """
    try:
        return SUITES[name]
    except KeyError:
        raise ValueError(f"unknown suite {name!r}: choose one of {', '.join(SUITES)}") from None
