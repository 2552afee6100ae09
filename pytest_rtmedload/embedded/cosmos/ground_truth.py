"""The embedded Cosmos DB's record of itself: the time and the charge of every answer.

The rule: times run from *request fully received* to *answer handed to the transport* on the service's clock; a client's
measurement of the same requests can only be longer. Throttled requests are answered at once and cost nothing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pytest_rtmedload.embedded.cosmos.operations import CosmosOperation
from pytest_rtmedload.embedded.series import Series

if TYPE_CHECKING:
    from collections.abc import Mapping

PATH: Final = "/_truth"
RESET_PATH: Final = "/_truth/reset"


@dataclass(slots=True)
class CosmosOperationTruth:
    """All requests of one kind since the last reset."""

    times: Series = field(default_factory=Series)
    statuses: Counter[int] = field(default_factory=Counter)
    charge: float = 0.0
    """Request units, including those of refused requests."""
    throttled: int = 0
    """Answered 429 because the budget was used up."""
    cut: int = 0
    """Requests whose connection was reset instead."""

    def to_json(self) -> dict[str, Any]:
        """The wire form."""
        return {
            "times": self.times.to_json(),
            "statuses": {str(status): n for status, n in sorted(self.statuses.items())},
            "charge": round(self.charge, 2),
            "throttled": self.throttled,
            "cut": self.cut,
        }

    @classmethod
    def from_json(cls, wire: Mapping[str, Any]) -> CosmosOperationTruth:
        """The inverse of `to_json`."""
        statuses = Counter({int(status): n for status, n in wire["statuses"].items()})
        return cls(Series.from_json(wire["times"]), statuses, wire["charge"], wire["throttled"], wire["cut"])


class CosmosTruth:
    """The truth of all operations."""

    def __init__(self) -> None:
        self.operations = {operation: CosmosOperationTruth() for operation in CosmosOperation}

    def to_json(self) -> dict[str, Any]:
        """The body of `GET /_truth`."""
        return {"operations": {operation.value: truth.to_json() for operation, truth in self.operations.items()}}


def read_truth(wire: Mapping[str, Any]) -> dict[CosmosOperation, CosmosOperationTruth]:
    """Decode the body of `GET /_truth`."""
    return {CosmosOperation(name): CosmosOperationTruth.from_json(part) for name, part in wire["operations"].items()}
