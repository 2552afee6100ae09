"""The causes of lag in words: what was measured, and what to do about it.

The largest cause is named, with how much of the lag it explains; all of them are in the result as numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_rtmedload.results.causes import Cause
from pytest_rtmedload.results.details import LagCause, LagResult
from pytest_rtmedload.text.comparisons import number

if TYPE_CHECKING:
    from pytest_rtmedload.results.recording import Health

LESS_LOAD: Final = "use fewer users or a lower rate"
MOST_CAUSES: Final = 10
"""Causes and places that a result lists."""


class Words(NamedTuple):
    """How a cause is told."""

    what: str
    where: str
    """Put after that where a place is known; `{}` stands for it."""
    remedy: str


WORDS: Final = {
    Cause.PROCESSOR: Words(
        "the load generator waited for a processor",
        "",
        f"end other work on this machine, take one with more cores, or {LESS_LOAD}",
    ),
    Cause.STOLEN: Words(
        "the host of this virtual machine took its processors (steal)", "", "use a machine with processors of its own"
    ),
    Cause.THROTTLED: Words(
        "the processor limit of its cgroup stopped the load generator",
        "",
        f"raise the CPU limit of the container, or {LESS_LOAD}",
    ),
    Cause.COLLECTION: Words(
        "Python collected garbage",
        "",
        "keep fewer objects that refer to each other in the tests, or call gc.freeze() after their setup",
    ),
    Cause.BODY: Words(
        "one piece of code blocked the event loop",
        ": {}",
        "move blocking calls out of 'async def' bodies, or make the body a plain 'def'",
    ),
    Cause.BUSY: Words(
        "the users together had more work than one core can do", "", f"{LESS_LOAD}, or add processes with -n"
    ),
    Cause.THREADS: Words(
        "other threads held Python's global lock (GIL)",
        ", as in {}",
        "add processes with -n, or move long computations out of the bodies",
    ),
    Cause.TOOL: Words(
        "the load generator was busy with its own records",
        ": {}",
        "use fewer metrics and tags, or add processes with -n",
    ),
    Cause.STOPPED: Words(
        "the process neither ran nor waited for a processor: it was stopped or swapped out, or its machine paused",
        "",
        "run it again on a machine that does not sleep and has enough memory",
    ),
    Cause.UNKNOWN: Words(
        "the cause is unknown, as this system does not tell how long a thread waits for a processor",
        "; the loop was in {}",
        f"end other work on this machine, move blocking calls out of 'async def' bodies, or {LESS_LOAD}",
    ),
}


def lag_result(health: Health, lost_percent: float | None) -> LagResult | None:
    """The lag above the limit and its causes; None where nothing was measured."""
    if not health.measured_ns:
        return None
    watched = health.watched_ns
    others_ns = min(max(0, health.machine_ns - health.run_ns), health.cores_ns)
    return LagResult(
        total_ms=health.lagging_ns / 1e6,
        lost_percent=lost_percent,
        cause=None if (main := main_cause(health)) is None else str(main),
        text="" if main is None else _told(health, main),
        remedy="" if main is None else WORDS[main].remedy,
        causes=_causes(health),
        cores=round(health.cores_ns / watched) if watched else None,
        other_cores=others_ns / watched if watched else None,
        agent_cores=health.agent_ns / watched if watched else None,
    )


def main_cause(health: Health) -> Cause | None:
    """The cause that explains most of the lag; None without lag."""
    by_cause = _by_cause(health)
    return max(by_cause, key=lambda cause: by_cause[cause], default=None)


def share_of(health: Health, cause: Cause) -> float:
    """Which share of the lag a cause explains; 0 without lag."""
    by_cause = _by_cause(health)
    return by_cause.get(cause, 0) / sum(by_cause.values()) if by_cause else 0.0


def explained(health: Health) -> str:
    """The main cause as the rest of a sentence, with what to do; what to do alone where there was no lag."""
    lag = lag_result(health, None)
    if lag is None or lag.cause is None:
        return f"; {LESS_LOAD}"
    beside = f" ({lag.others})" if lag.cause == Cause.PROCESSOR and lag.others else ""
    return f": {lag.text}{beside}; {lag.remedy}"


def _told(health: Health, cause: Cause) -> str:
    """The cause, how much of the lag it explains, and where in the code."""
    by_cause, words = _by_cause(health), WORDS[cause]
    spent, total = by_cause[cause] / 1e9, sum(by_cause.values()) / 1e9
    places = {place: ns for (name, place), ns in health.lag_causes.items() if name == cause and place}
    where = words.where.format(max(places, key=lambda place: places[place])) if places else ""
    return f"{number(spent)} of {number(total)} s of lag because {words.what}{where}"


def _by_cause(health: Health) -> dict[Cause, int]:
    found: dict[Cause, int] = {}
    for (cause, _), ns in health.lag_causes.items():
        found[Cause(cause)] = found.get(Cause(cause), 0) + ns
    return found


def _causes(health: Health) -> list[LagCause]:
    """Largest first."""
    largest = sorted(health.lag_causes.items(), key=lambda item: -item[1])[:MOST_CAUSES]
    return [LagCause(cause, place, ns / 1e6) for (cause, place), ns in largest]
