"""The clients that measure, and how much one process can drive with each.

The rule: official clients saturate a process long before their service does, so beyond a client's own limit its numbers
are no longer the service's alone: the reader is told to shard, and a target missed while the process had no time left
is the generator's failure. Limits were measured on one core; see `benchmarks/` and docs/backend.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.results.model import Verdict
from pytest_rtmedload.results.recording import Outcome
from pytest_rtmedload.text.comparisons import number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_rtmedload.results.model import TargetResult
    from pytest_rtmedload.verdict.samples import Measured


@dataclass(frozen=True, slots=True)
class Client:
    """A measured client."""

    name: str
    prefixes: tuple[str, ...]
    """Of its metrics' names; `METHOD /path` is `load.http`'s."""
    users: int | None = None
    """Users at a time that one process keeps up with."""
    rate: int | None = None
    """Operations a second that one process keeps up with."""

    def uses(self, metric: str) -> bool:
        """True when the client records this metric."""
        return metric.startswith(self.prefixes) or (" /" in self.prefixes and " /" in metric)

    @property
    def heavy(self) -> bool:
        """True when it saturates before its service does."""
        return self.users is not None or self.rate is not None


CLIENTS: Final = (
    Client("load.http", (" /",)),
    Client("load.ws", ("ws.",)),
    Client("calls", ("voice.",)),
    Client("redis-py", ("redis.",), rate=3000),
    Client("openai", ("llm.",), users=60, rate=3000),
    Client("azure-cosmos", ("cosmos.",), rate=300),
    Client("the Speech SDK", ("stt.", "tts."), users=50),
)


def clients_of(measured: Measured) -> list[Client]:
    """Those that took part."""
    return [client for client in CLIENTS if any(client.uses(metric) for metric in measured.operations)]


def beyond_their_limits(measured: Measured) -> list[str]:
    """A note for each client that was asked for more than one process can do with it."""
    processes = max(1, sum(1 for part in measured.plan.parts if part.users))
    notes = []
    for client in clients_of(measured):
        for asked, limit, unit in _demands(client, measured):
            if limit is not None and asked > limit * processes:
                notes.append(
                    f"{client.name}: {number(asked)} {unit} in {_processes(processes)}, each of which keeps up with "
                    f"about {limit}: shard with -n {math.ceil(asked / limit)}, or the client is measured, too"
                )
    return notes


def failed_by_their_clients(judged: Sequence[tuple[str, TargetResult]], busy_percent: float) -> list[str]:
    """Why missed targets say nothing about a service when its client took all the time the process had.

    Args:
        judged: the targets' results, each with the name of the metric it was judged on.
        busy_percent: share of a core that the busiest event loop took.
    """
    return [
        f"{metric} {found.name} fails while {client.name} and the rest of this process were busy "
        f"{number(busy_percent)} % of the time: its own work is in the latency; shard with -n, or use fewer users"
        for metric, found in judged
        for client in CLIENTS
        if client.heavy and client.uses(metric) and found.unit == "ms" and found.verdict is Verdict.FAIL
    ]


def _demands(client: Client, measured: Measured) -> list[tuple[float, int | None, str]]:
    """What was asked of a client, its limit, and what is counted."""
    operations = sum(measured.count(metric, *Outcome) for metric in measured.operations if client.uses(metric))
    rate = operations / measured.duration_s if measured.duration_s else 0.0
    return [(measured.plan.users, client.users, "users"), (rate, client.rate, "operations/s")]


def _processes(count: int) -> str:
    return "one process" if count == 1 else f"{count} processes"
