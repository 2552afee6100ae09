"""Names of the WebSocket metrics, for all clients."""

from __future__ import annotations

from typing import Final

HANDSHAKE: Final = "ws.handshake"
PING: Final = "ws.ping"
MESSAGE: Final = "ws.message"
DROPPED: Final = "ws.dropped"
"""Counter of connections that did not end as they should."""
