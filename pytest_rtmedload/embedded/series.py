"""Times that a service records about itself: the delays its model drew and the actual times.

The rule: they are sent as base64 of little-endian unsigned 32-bit microseconds (up to 71 minutes a value), because a
million JSON numbers would stop the service for a tenth of a second.
"""

from __future__ import annotations

import base64
import sys
from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_VALUES = 2_000_000
"""Values kept per series (16 MB); later ones are counted but not kept."""
LONGEST_US = 2**32 - 1


@dataclass(slots=True)
class Series:
    """Drawn and actual times in microseconds, in order; elements at the same index belong together."""

    drawn_us: array[int] = field(default_factory=lambda: array("I"))
    total_us: array[int] = field(default_factory=lambda: array("I"))
    count: int = 0
    """Number of times recorded, including those not kept."""

    def add(self, drawn_ns: int, total_ns: int) -> None:
        """Record one time."""
        self.count += 1
        if self.count <= MAX_VALUES:
            self.drawn_us.append(min(drawn_ns // 1000, LONGEST_US))
            self.total_us.append(min(total_ns // 1000, LONGEST_US))

    def to_json(self) -> dict[str, Any]:
        """The wire form."""
        return {"count": self.count, "drawn_us": encode(self.drawn_us), "total_us": encode(self.total_us)}

    @classmethod
    def from_json(cls, wire: Mapping[str, Any]) -> Series:
        """The inverse of `to_json`."""
        return cls(decode(wire["drawn_us"]), decode(wire["total_us"]), wire["count"])


def encode(values: array[int]) -> str:
    """Base64 of little-endian unsigned 32-bit numbers."""
    little = values if sys.byteorder == "little" else _swapped(values)
    return base64.b64encode(little.tobytes()).decode("ascii")


def decode(text: str) -> array[int]:
    """The inverse of `encode`."""
    values = array("I", base64.b64decode(text))
    return values if sys.byteorder == "little" else _swapped(values)


def _swapped(values: array[int]) -> array[int]:
    copy = values[:]
    copy.byteswap()
    return copy
