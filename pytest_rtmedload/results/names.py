"""Names of metrics that several parts must agree on."""

from __future__ import annotations

from typing import Final

ITERATION: Final = "iteration"
"""One run of a test body by one user, think time taken out."""
