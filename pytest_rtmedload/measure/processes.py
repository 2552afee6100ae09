"""Who used the processors of this machine: this run, the embedded agent in it, or other processes.

The rule: others' share is measured as what all processes used less what those of this run did, so nothing needs to be
known about them. A process belongs to the run when the process in which the run began is it or an ancestor of it.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from pytest_rtmedload.measure.kernel import CLOCK_TICK_NS, PROC

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_rtmedload.measure.kernel import Kernel

_PARENT, _TIMES = 1, slice(11, 15)
"""Fields of `/proc/PID/stat` after the name: parent; user and system time of the process and its ended children."""


class Family(NamedTuple):
    """The processes of a run."""

    run: int
    """Process id of the one in which the run began."""
    agent: int | None = None
    """Process id of the embedded agent's first; None without one."""


class Usage(NamedTuple):
    """Nanoseconds of processor time, up to a moment of `time.perf_counter_ns`."""

    at_ns: int
    machine: int
    run: int
    """The agent included."""
    agent: int


def usage(kernel: Kernel, family: Family, proc: Path = PROC) -> Usage | None:
    """Processor time until now; some 20 µs for each process of the machine. None where it is not told."""
    machine = kernel.machine()
    known = _processes(proc)
    run = _descendants(known, family.run)
    if machine is None or os.getpid() not in run:  # the run began on another machine
        return None
    agent = _descendants(known, family.agent) if family.agent is not None else set()
    return Usage(time.perf_counter_ns(), machine.busy, _spent(known, run), _spent(known, agent))


def _processes(proc: Path) -> dict[int, tuple[int, int]]:
    """Process id → parent and processor time in nanoseconds."""
    found = {}
    for folder in proc.iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_bytes().rpartition(b")")[2].split()
            except OSError:  # it has ended
                continue
            found[int(folder.name)] = (int(fields[_PARENT]), sum(map(int, fields[_TIMES])) * CLOCK_TICK_NS)
    return found


def _descendants(known: Mapping[int, tuple[int, int]], of: int) -> set[int]:
    """A process and all that it started, directly or not."""
    children = defaultdict(list)
    for process, (parent, _) in known.items():
        children[parent].append(process)
    found, new = set[int](), [of] if of in known else []
    while new:
        process = new.pop()
        found.add(process)
        new += [child for child in children[process] if child not in found]
    return found


def _spent(known: Mapping[int, tuple[int, int]], processes: set[int]) -> int:
    return sum(known[process][1] for process in processes)
