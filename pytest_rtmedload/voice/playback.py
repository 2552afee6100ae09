"""The caller's loudspeaker: when what has arrived is heard.

Agents deliver faster than real time. What arrives sounds when it is there and what came before has sounded; a stop
message empties what has not sounded yet. All times are nanoseconds of one monotonic clock.
"""

from __future__ import annotations


class Playback:
    """A queue of audio that plays in real time."""

    __slots__ = ("arrived_ns", "end_ns")

    def __init__(self) -> None:
        self.end_ns = 0
        """When everything received so far has sounded."""
        self.arrived_ns = 0
        """When audio last arrived."""

    def place(self, arrival_ns: int, duration_ns: int) -> int:
        """Take audio that arrives now; returns when it begins to sound."""
        begin = max(arrival_ns, self.end_ns)
        self.end_ns = begin + duration_ns
        self.arrived_ns = arrival_ns
        return begin

    def flush(self, at_ns: int) -> int:
        """What has not sounded by now never will; returns when the last of it sounded."""
        self.end_ns = min(self.end_ns, at_ns)
        return self.end_ns

    def silent(self, at_ns: int, for_ns: int = 0) -> bool:
        """True when nothing has sounded or arrived for this long."""
        return at_ns >= max(self.end_ns, self.arrived_ns) + for_ns
