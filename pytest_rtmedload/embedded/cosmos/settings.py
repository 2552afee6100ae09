"""The settings of the embedded Cosmos DB.

The rule: the P99 of every default is at most the P99 that the real service promises: 10 ms for reads and writes of a
single item in its own region.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Self

from pytest_rtmedload.embedded.cosmos.operations import CosmosOperation
from pytest_rtmedload.embedded.distributions import DelayModel
from pytest_rtmedload.embedded.keys import Key, Variants, number, share, stall

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_rtmedload.embedded.keys import Given, Pause

_READ: Final = DelayModel.parse("lognormal(3ms, 0.4)")
_WRITE: Final = DelayModel.parse("lognormal(4ms, 0.35)")
_QUERY: Final = DelayModel.parse("lognormal(6ms, 0.4)")
DEFAULT_DELAYS: Final = dict.fromkeys(CosmosOperation, _WRITE) | {
    CosmosOperation.READ: _READ,
    CosmosOperation.QUERY: _QUERY,
    CosmosOperation.METADATA: _READ,
}
_OPERATIONS: Final = Variants("OPERATION", tuple(CosmosOperation))


@dataclass(frozen=True, slots=True)
class CosmosSettings:
    """The behaviour of the embedded Cosmos DB."""

    KEYS: ClassVar[tuple[Key, ...]] = (
        Key("cosmos.delay", "one per operation", "distribution of the time to answer", _OPERATIONS),
        Key("cosmos.rus", "none", "request units a second of each container; more are answered 429", fault=True),
        Key("cosmos.error_rate", "0", "share of requests answered 503", _OPERATIONS, fault=True),
        Key("cosmos.cut_rate", "0", "share of requests whose connection is reset, unanswered", _OPERATIONS, fault=True),
        Key("cosmos.stall", "none", "LENGTH@START: everything waits; START counts from the first request", fault=True),
    )

    delays: Mapping[CosmosOperation, DelayModel]
    rus: int | None
    error_rates: Mapping[CosmosOperation, float]
    cut_rates: Mapping[CosmosOperation, float]
    stall: Pause | None

    @classmethod
    def parse(cls, given: Given) -> Self:
        """Read the `cosmos.*` pairs.

        Raises:
            ValueError: one line that names the key and what is allowed.
        """
        return cls(
            delays=given.each("cosmos.delay", DelayModel.parse, DEFAULT_DELAYS),
            rus=given.one("cosmos.rus", number(1), None),
            error_rates=given.each("cosmos.error_rate", share, dict.fromkeys(CosmosOperation, 0.0)),
            cut_rates=given.each("cosmos.cut_rate", share, dict.fromkeys(CosmosOperation, 0.0)),
            stall=given.one("cosmos.stall", stall, None),
        )

    @property
    def model(self) -> str:
        """The delays and the budget, in one line for reports."""
        delays = ", ".join(f"{operation} {delay}" for operation, delay in self.delays.items())
        return f"{delays}{f', at most {self.rus} RU/s a container' if self.rus is not None else ''}"
