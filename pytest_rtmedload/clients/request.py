"""What was asked, as an answer or an error tells it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked."""

    method: str
    url: str
    """Without credentials."""
