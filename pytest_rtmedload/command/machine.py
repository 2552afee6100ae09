"""The machine: cores, memory, open files, ports, the session store's program, the event loop, the clock.

The rule: the limits of a container count, not those of the machine; what the platform does not report is left out.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.command.findings import Finding, limit, stop, well
from pytest_rtmedload.embedded.valkey_server import ServerMissingError, find_server
from pytest_rtmedload.measure.open_files import FILES_AT_REST, FILES_PER_USER

if TYPE_CHECKING:
    from collections.abc import Iterator

CGROUP: Final = Path("/sys/fs/cgroup")
PORTS: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
COARSE_NS: Final = 100_000
"""A clock with longer steps than this cannot measure a tenth of a millisecond."""
_READINGS: Final = 1_000


def look_at_machine(users: int, *, embedded: bool, uvloop: bool) -> Iterator[Finding]:
    """The findings.

    Args:
        users: largest number of users of a test.
        embedded: whether the embedded agent would be used.
        uvloop: whether the options select it.
    """
    yield _cores(embedded=embedded)
    yield from _memory()
    yield from _files(users)
    yield _ports(users)
    yield _session_store(embedded=embedded)
    yield _event_loop(asked_for=uvloop)
    yield _clock()


def _cores(*, embedded: bool) -> Finding:
    ours, all_of_them, quota = usable_cores(), os.cpu_count() or 1, cpu_quota()
    found = f"{ours} of {all_of_them} for this process" + (f", limited to {quota:g} by its cgroup" if quota else "")
    if min(ours, quota or ours) < (2 if embedded else 1):
        return limit("cores", found, "load generator and embedded agent need one each: results may be INVALID")
    return well("cores", found)


def usable_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cpu_quota(cgroup: Path = CGROUP) -> float | None:
    """Cores that the cgroup allows; None without a limit or without a cgroup."""
    for quota, period, *_ in ([*_words(cgroup / "cpu.max"), "", ""], _version_1(cgroup)):
        if quota.isdecimal() and period.isdecimal() and int(period):
            return int(quota) / int(period)
    return None


def _version_1(cgroup: Path) -> list[str]:
    names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
    return [next(iter(_words(cgroup / "cpu" / name)), "") for name in names]


def _words(path: Path) -> list[str]:
    try:
        return path.read_text("ascii", "replace").split()
    except OSError:
        return []


def _memory() -> Iterator[Finding]:
    most = next(iter(_words(CGROUP / "memory.max")), "")
    if most.isdecimal():
        yield well("memory", f"limited to {int(most) / 2**20:,.0f} MB by its cgroup")


def _files(users: int) -> Iterator[Finding]:
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = FILES_AT_REST + FILES_PER_USER * users
    found = f"{_limit_of(soft)} (ulimit -n), {users:,} users may need {needed:,}"
    if soft != resource.RLIM_INFINITY and soft < needed:
        most = _limit_of(hard)
        yield stop("open files", found, f"ulimit -n {max(needed, 4096)} (allowed: {most}), or fewer users")
    else:
        yield well("open files", found)


def _limit_of(value: int) -> str:
    return "unlimited" if value < 0 or value >= 2**62 else f"{value:,}"


def _ports(users: int) -> Finding:
    try:
        socket.create_server(("127.0.0.1", 0)).close()
    except OSError as error:
        return stop(
            "ports", f"none can be opened on 127.0.0.1: {error.strerror or error}", "allow loopback connections"
        )
    first, last, *_ = [int(word) for word in _words(PORTS) if word.isdecimal()] + [0, 0]
    if not last:
        return well("ports", "can be opened on 127.0.0.1")
    found = f"{last - first + 1:,} for connections to one address"
    if last - first < FILES_PER_USER * users:
        return limit("ports", found, "widen net.ipv4.ip_local_port_range, or fewer users")
    return well("ports", found)


def _session_store(*, embedded: bool) -> Finding:
    try:
        program, origin = find_server()
    except ServerMissingError as error:
        return stop("Valkey", str(error), "or name an agent with --host") if embedded else limit("Valkey", str(error))
    return well("Valkey", f"{program} ({origin})")


def _event_loop(*, asked_for: bool) -> Finding:
    there = importlib.util.find_spec("uvloop") is not None
    if asked_for:
        return well("event loop", "uvloop") if there else stop("event loop", "uvloop is missing", "pip install uvloop")
    return well("event loop", "asyncio's own; load_uvloop = true would use uvloop, which needs less processor time")


def _clock() -> Finding:
    step = clock_step_ns()
    found = f"moves in steps of {step:,} ns"
    return (
        well("clock", found)
        if step <= COARSE_NS
        else limit("clock", found, "short latencies are no more precise than that")
    )


def clock_step_ns() -> int:
    """The smallest step between two readings of the clock that measures."""
    smallest, last = 10**9, time.perf_counter_ns()
    for _ in range(_READINGS):
        now = time.perf_counter_ns()
        if now > last:
            smallest, last = min(smallest, now - last), now
    return smallest
