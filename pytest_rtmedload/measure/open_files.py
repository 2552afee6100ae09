"""Open files of this process: whether its users have room, before they start.

The rule: what can be raised is raised, and said. A process that cannot give each user one connection does not begin:
it would blame the agent for what this process lacks.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

FILES_AT_REST: Final = 100
"""Open files of a process that has no users: pytest, the event loop, logs."""
FILES_PER_USER: Final = 4
"""What a user may need: a connection each for HTTP, WebSocket and a backend, and one that is being closed."""
_DESCRIPTORS: Final = Path("/proc/self/fd")


class Room(NamedTuple):
    """What was done, or cannot be done."""

    note: str | None = None
    """The limit was raised."""
    refusal: str | None = None
    """There is no room."""


def make_room(users: int, *, certain: bool = True) -> Room:
    """Raise the limit of this process as far as it helps.

    Args:
        users: most users active at once in this process.
        certain: whether that many will be active; if not, nothing is refused.
    """
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return Room()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    wanted = FILES_AT_REST + FILES_PER_USER * users
    if soft == unlimited or soft >= wanted:
        return Room()
    raised = wanted if hard == unlimited else min(wanted, hard)
    note = None
    if raised > soft:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
        except (OSError, ValueError):  # a sandbox may forbid it
            raised = soft
        else:
            note = f"open files of this process: limit raised from {soft:,} to {raised:,} for {users:,} users"
    needed = _open_now() + users
    if certain and raised < needed:
        return Room(
            note,
            f"{users:,} users need at least {needed:,} open files in this process, which may have {raised:,}: "
            f"raise the limit with 'ulimit -n {max(wanted, 4096)}', use fewer users, or more processes with -n",
        )
    return Room(note)


def _open_now() -> int:
    try:
        return sum(1 for _ in _DESCRIPTORS.iterdir()) - 1  # the folder itself was open meanwhile
    except OSError:
        return 0
