"""Why the load generator's event loop was late."""

from __future__ import annotations

from enum import StrEnum


class Cause(StrEnum):
    """What caused a delay, as far as it was measured."""

    PROCESSOR = "processor"
    """The loop's thread was ready to run and waited for a processor."""
    STOLEN = "stolen"
    """The host of this virtual machine gave the processor to others."""
    THROTTLED = "throttled"
    """The cgroup had used up its processor time."""
    COLLECTION = "garbage_collection"
    BODY = "body"
    """One piece of code blocked the loop."""
    BUSY = "busy"
    """Many pieces of code, each of them short: more than one core can do."""
    THREADS = "threads"
    """Other threads of the process held Python's global lock (GIL)."""
    TOOL = "bookkeeping"
    """The load generator's own processing of its measurements."""
    STOPPED = "stopped"
    """The process neither ran nor waited for a processor, and no code kept it."""
    UNKNOWN = "unknown"
    """The operating system does not report how long a thread waited for a processor."""
