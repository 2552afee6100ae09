"""Exit codes of the command."""

from __future__ import annotations

from typing import Final

WRONG: Final = 2
"""Wrong use: one line on standard error says what to do."""
