"""What the agent knows about its own latency: every answer, exactly.

The rule: `total` is the time from *request fully received* to *answer handed to the transport* on the agent's clock; a
client's measurement of the same requests can only be longer. `series` describes the wire format.
"""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_rtmedload.dialects import Operation
from pytest_rtmedload.embedded.series import LONGEST_US, decode, encode

if TYPE_CHECKING:
    from collections.abc import Mapping

PATH = "/_truth"
RESET_PATH = "/_truth/reset"
MAX_ANSWERS = 2_000_000
"""Answers kept per operation (16 MB); later ones are counted but not kept."""


@dataclass(slots=True)
class OperationTruth:
    """All answers to one operation since the last reset, in the order they left; times in microseconds."""

    drawn_us: array[int] = field(default_factory=lambda: array("I"))
    """The delays of the latency model."""
    total_us: array[int] = field(default_factory=lambda: array("I"))
    """The actual times of the requests inside the agent."""
    statuses: Counter[int] = field(default_factory=Counter)
    cut: int = 0
    """Requests whose connection was reset instead."""

    @property
    def count(self) -> int:
        """Answers given, kept or not."""
        return self.statuses.total()

    def add(self, drawn_ns: int, total_ns: int, status: int) -> None:
        """Record one answer."""
        self.statuses[status] += 1
        if len(self.total_us) < MAX_ANSWERS:
            self.drawn_us.append(min(drawn_ns // 1000, LONGEST_US))
            self.total_us.append(min(total_ns // 1000, LONGEST_US))

    def to_json(self) -> dict[str, Any]:
        """The wire form."""
        return {
            "count": self.count,
            "statuses": {str(status): n for status, n in sorted(self.statuses.items())},
            "cut": self.cut,
            "drawn_us": encode(self.drawn_us),
            "total_us": encode(self.total_us),
        }

    @classmethod
    def from_json(cls, wire: Mapping[str, Any]) -> OperationTruth:
        """The inverse of `to_json`."""
        statuses = Counter({int(status): n for status, n in wire["statuses"].items()})
        return cls(decode(wire["drawn_us"]), decode(wire["total_us"]), statuses, wire["cut"])


class Truth:
    """The truth of all operations."""

    def __init__(self) -> None:
        self.operations = {operation: OperationTruth() for operation in Operation}

    def reset(self) -> None:
        """Forget everything."""
        self.operations = {operation: OperationTruth() for operation in Operation}

    def to_json(self) -> dict[str, Any]:
        """The body of `GET /_truth`."""
        return {"operations": {operation.value: truth.to_json() for operation, truth in self.operations.items()}}


def read_truth(wire: Mapping[str, Any]) -> dict[Operation, OperationTruth]:
    """Decode the body of `GET /_truth`."""
    return {Operation(name): OperationTruth.from_json(part) for name, part in wire["operations"].items()}
