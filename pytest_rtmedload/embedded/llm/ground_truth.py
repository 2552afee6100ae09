"""The embedded LLM's record of its own latency: every first token, every gap between tokens, every whole answer.

The rule: times run from *request fully received*, or from the previous token, to *handed to the transport*, on the
service's clock; a client's measurement of the same can only be longer, except for gaps, which the client's own delays
lengthen or shorten.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pytest_rtmedload.embedded.series import Series

if TYPE_CHECKING:
    from collections.abc import Mapping

PATH: Final = "/_truth"
RESET_PATH: Final = "/_truth/reset"


@dataclass(slots=True)
class LlmTruth:
    """Everything since the last reset."""

    first_token: Series = field(default_factory=Series)
    """Of streams: time until the first token was sent."""
    inter_token: Series = field(default_factory=Series)
    """Of streams: time from one token to the next."""
    completion: Series = field(default_factory=Series)
    """Of answers that are not streamed: time until the answer was sent."""
    statuses: Counter[str] = field(default_factory=Counter)
    """Answers by status, including streams that a fault hit later."""
    faults: Counter[str] = field(default_factory=Counter)
    """Requests hit by an injected fault, by fault."""
    tokens: Counter[str] = field(default_factory=Counter)
    """`prompt` tokens of admitted requests, and `completion` tokens that were sent."""

    def to_json(self) -> dict[str, Any]:
        """The body of `GET /_truth`."""
        return {
            "first_token": self.first_token.to_json(),
            "inter_token": self.inter_token.to_json(),
            "completion": self.completion.to_json(),
            "statuses": dict(self.statuses),
            "faults": dict(self.faults),
            "tokens": dict(self.tokens),
        }

    @classmethod
    def from_json(cls, wire: Mapping[str, Any]) -> LlmTruth:
        """The inverse of `to_json`."""
        return cls(
            first_token=Series.from_json(wire["first_token"]),
            inter_token=Series.from_json(wire["inter_token"]),
            completion=Series.from_json(wire["completion"]),
            statuses=Counter(wire["statuses"]),
            faults=Counter(wire["faults"]),
            tokens=Counter(wire["tokens"]),
        )
