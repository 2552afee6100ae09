"""Names of the groups of load tests; this is their only place."""

from __future__ import annotations

from typing import Final

API: Final = "api"
BACKEND: Final = "backend"
WS: Final = "ws"
FLOWS: Final = "flows"
GROUPS: Final = (API, BACKEND, WS, FLOWS)
"""Groups of the standard suite; a test belongs to the group of its marker, else of its folder."""
CUSTOM_GROUP: Final = "custom"
"""Group of tests outside these folders; it has the sizes of `api`."""
