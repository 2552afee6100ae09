"""The request that a response or an error belongs to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked."""

    method: str
    url: str
    """Without credentials."""
