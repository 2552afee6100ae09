"""Finds out if a broken connection had been idle: servers close idle connections, some after as little as 5 s.

The rule: report only what is known. A request that is the first one after a pause of a second or more most likely went
over a connection that was kept open, and such a connection that ends before any answer was most likely closed by
the server's keep-alive time-out. The HTTP library tries again by itself where nothing was sent yet.
"""

from __future__ import annotations

from typing import Final

from pytest_rtmedload.clients.errors import ConnectError

SHORTEST_S: Final = 1.0
"""Servers that close connections sooner are hardly configured for keep-alive."""
_CLOSED: Final = ("connection closed before message completed", "connection reset by peer", "broken pipe")


class LastAnswer:
    """When one origin last answered one client."""

    __slots__ = ("ns",)

    def __init__(self) -> None:
        self.ns = 0
        """On `time.perf_counter_ns`; 0 for never or unknown."""


def with_pause(reason: str, kind: type[Exception], last: LastAnswer, start_ns: int) -> str:
    """The reason of a failure, with a note if its connection had been idle.

    Args:
        reason: what the connection ended with.
        kind: the exception that says so.
        last: the last answer from there.
        start_ns: when the request was handed over.
    """
    idle_s = (start_ns - last.ns) / 1e9
    if not last.ns or idle_s < SHORTEST_S or kind is ConnectError or reason not in _CLOSED:
        return reason
    return f"{reason} on a connection idle for {idle_s:.0f} s, probably by the server's keep-alive time-out"
