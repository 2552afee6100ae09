"""One measured operation as it is appended: a plain tuple, because that is the hot path."""

from __future__ import annotations

Row = tuple[int, int, int, int]
"""Intended start, start and end, in nanoseconds of one monotonic clock, and the index of the user."""
