"""The clients that measure, and the load that one process can make with each.

The rule: official clients saturate a process long before their service does. Above a client's own limit its latencies
contain its own work: a note asks for more processes, and a target missed while the process had no time left counts
against the load generator. The limits were measured on one core; see `benchmarks/` and docs/backend.md.
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
    """How the names of its metrics begin; " /" stands for `METHOD /path`."""
    users: int | None = None
    """Most concurrent users in one process; None: not limited by the client."""
    rate: int | None = None
    """Most operations a second in one process; None: not limited by the client."""

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
    """The clients whose metrics were recorded."""
    return [client for client in CLIENTS if any(client.uses(metric) for metric in measured.operations)]


def beyond_their_limits(measured: Measured) -> list[str]:
    """A note for each client whose load was above what its processes can make."""
    processes = max(1, sum(1 for part in measured.plan.parts if part.users))
    notes = []
    for client in clients_of(measured):
        for asked, limit, unit in _demands(client, measured):
            if limit is not None and asked > limit * processes:
                notes.append(
                    f"{client.name}: {number(asked)} {unit} in {_processes(processes)}, and one process can do about "
                    f"{limit}: the client's own work is in the latency; use -n {math.ceil(asked / limit)}"
                )
    return notes


def failed_by_their_clients(judged: Sequence[tuple[str, TargetResult]], busy_percent: float) -> list[str]:
    """Reasons why missed targets say nothing about a service: its client took all the time of the process.

    Args:
        judged: the targets' results, each with the name of the metric it was judged on.
        busy_percent: share of a core that the busiest event loop took.
    """
    return [
        f"{metric} {found.name} fails while {client.name} and the rest of this process were busy "
        f"{number(busy_percent)} % of the time: the client's own work is in the latency; use -n, or fewer users"
        for metric, found in judged
        for client in CLIENTS
        if client.heavy and client.uses(metric) and found.unit == "ms" and found.verdict is Verdict.FAIL
    ]


def _demands(client: Client, measured: Measured) -> list[tuple[float, int | None, str]]:
    """Load on a client, the client's limit, and the unit of both."""
    operations = sum(measured.count(metric, *Outcome) for metric in measured.operations if client.uses(metric))
    rate = operations / measured.duration_s if measured.duration_s else 0.0
    return [(measured.plan.users, client.users, "users"), (rate, client.rate, "operations/s")]


def _processes(count: int) -> str:
    return "one process" if count == 1 else f"{count} processes"
