"""Are the causes of lag told right? Each is injected 20 times into a loop that is watched as in a load test.

Must reach: at least 19 of 20 of each kind. What a busy machine adds to a delay by itself is waiting for a processor;
where that was not injected, it is left out of the count and printed beside it.

    python benchmarks/attribution.py [--times 20] [KIND ...]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_rtmedload.measure.health import HealthProbe
from pytest_rtmedload.measure.processes import Family
from pytest_rtmedload.results.causes import Cause
from pytest_rtmedload.verdict.causes import lag_result

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from pytest_rtmedload.results.recording import Health

LIMIT_NS: Final = 15_000_000
LONG_S: Final = 0.08
"""Length of an injected delay."""
GARBAGE: Final = 400_000
"""Objects in cycles; a collection of them takes about as long."""
CGROUP: Final = Path("/sys/fs/cgroup/cpu")
BURN: Final = "while True: pass"


def spin(seconds: float) -> None:
    """Use the processor for so long."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def blocking_body() -> None:
    time.sleep(LONG_S)


def computing_body() -> None:
    spin(LONG_S)


async def sleeps(_: HealthProbe) -> None:
    """A body that sleeps on the loop."""
    blocking_body()


async def computes(_: HealthProbe) -> None:
    """A body that computes in Python."""
    computing_body()


async def holds_the_lock(_: HealthProbe) -> None:
    """A body in one call of C that keeps Python's lock."""
    sum(range(6_000_000))


async def collects(_: HealthProbe) -> None:
    """Garbage in cycles, collected by Python when it thinks fit."""
    gc.disable()
    for _ in range(40):
        for _ in range(GARBAGE // 40):
            cycle: list[Any] = []
            cycle.append(cycle)
        await asyncio.sleep(0)
    gc.collect()
    gc.enable()


async def is_busy(_: HealthProbe) -> None:
    """Many users whose bodies each take little."""

    async def user() -> None:
        for _ in range(3):
            spin(0.002)
            await asyncio.sleep(0)

    await asyncio.gather(*(user() for _ in range(30)))


async def keeps_books(probe: HealthProbe) -> None:
    """The tool's own work."""
    with probe.bookkeeping():
        spin(LONG_S)


async def waits_for_threads(_: HealthProbe) -> None:
    """Plain bodies that compute on threads of their own."""
    threads = [threading.Thread(target=spin, args=(0.1,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):  # noqa: ASYNC110 - a thread sets no event of the loop
        await asyncio.sleep(0.01)


async def waits_for_a_processor(_: HealthProbe) -> None:
    """Other processes on the same core."""
    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(mine)})
    others = [await asyncio.create_subprocess_exec(sys.executable, "-S", "-c", BURN) for _ in range(8)]
    try:
        end = time.monotonic() + 1.0
        while time.monotonic() < end:
            spin(0.001)
            await asyncio.sleep(0.005)
    finally:
        os.sched_setaffinity(0, mine)
        for other in others:
            other.kill()
            await other.wait()


async def is_stopped(_: HealthProbe) -> None:
    """Stopped from outside, and continued."""
    me = os.getpid()
    stop = await asyncio.create_subprocess_exec("sh", "-c", f"kill -STOP {me}; sleep {LONG_S}; kill -CONT {me}")
    await stop.wait()


async def is_throttled(_: HealthProbe) -> None:
    """A limit on processor time: `limited`."""
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        spin(0.002)
        await asyncio.sleep(0)


@contextlib.contextmanager
def limited() -> Iterator[None]:
    """In a cgroup that may use a twentieth of a core; only where such of version 1 can be made."""
    group = CGROUP / f"attribution-{os.getpid()}"
    group.mkdir(exist_ok=True)
    try:
        (group / "cpu.cfs_quota_us").write_text("5000")
        (group / "cgroup.procs").write_text(str(os.getpid()))
        yield
    finally:
        (CGROUP / "cgroup.procs").write_text(str(os.getpid()))
        group.rmdir()


Injection = tuple["Callable[[HealthProbe], Awaitable[None]]", Cause, str]
KINDS: Final[dict[str, Injection]] = {
    "sleeps": (sleeps, Cause.BODY, "blocking_body"),
    "computes": (computes, Cause.BODY, "spin"),
    "holds the lock": (holds_the_lock, Cause.BODY, "holds_the_lock"),
    "collects garbage": (collects, Cause.COLLECTION, ""),
    "is busy": (is_busy, Cause.BUSY, ""),
    "keeps books": (keeps_books, Cause.TOOL, ""),
    "waits for threads": (waits_for_threads, Cause.THREADS, "spin"),
    "waits for a processor": (waits_for_a_processor, Cause.PROCESSOR, ""),
    "is stopped": (is_stopped, Cause.STOPPED, ""),
    "is throttled": (is_throttled, Cause.THROTTLED, ""),
}
"""Kind → how it is injected, the cause and the place that must be told."""


async def inject(how: Callable[[HealthProbe], Awaitable[None]]) -> Health:
    """What the probe saw of one injection."""
    gc.collect()
    gc.freeze()
    probe = HealthProbe(asyncio.get_running_loop(), LIMIT_NS, lambda _begin, _end: None, Family(os.getpid()))
    probe.start()
    probe.measure(on=True)
    await asyncio.sleep(0.05)
    await asyncio.create_task(how(probe))
    await asyncio.sleep(0.05)
    probe.stop()
    return probe.take()


def told(health: Health, expected: Cause) -> dict[str, Any]:
    """What was told, waiting for a processor left out where it was not injected."""
    waited = sum(ns for (cause, _), ns in health.lag_causes.items() if cause == Cause.PROCESSOR)
    if expected is not Cause.PROCESSOR:
        health.lag_causes = {key: ns for key, ns in health.lag_causes.items() if key[0] != Cause.PROCESSOR}
    lag = lag_result(health, None)
    assert lag is not None
    return {"cause": lag.cause, "text": lag.text, "others": lag.others, "waited_ms": waited / 1e6}


def right(said: dict[str, Any], kind: str) -> bool:
    """Whether that is what was injected."""
    _, cause, place = KINDS[kind]
    return said["cause"] == cause and place in said["text"]


def run(kind: str, times: int) -> list[dict[str, Any]]:
    """Inject this kind so often; what was told each time."""
    how, cause, _ = KINDS[kind]
    with limited() if kind == "is throttled" else contextlib.nullcontext():
        return [told(asyncio.run(inject(how)), cause) for _ in range(times)]


def main() -> int:
    """Print the table; 1 when a kind was told wrong more than once in twenty times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--json", action="store_true", help="what was told, in this process")
    asked = parser.parse_args()
    kinds = asked.kinds or [kind for kind in KINDS if possible(kind)]
    if asked.json:
        print(json.dumps({kind: run(kind, asked.times) for kind in kinds}))
        return 0
    failed = False
    print(f"{'injected':<24}{'right':>8}{'waited':>10}  told")
    for kind in kinds:  # each in a process of its own
        command = [sys.executable, __file__, "--json", "--times", str(asked.times), kind]
        every = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)[kind]
        hits = sum(right(said, kind) for said in every)
        failed |= hits < 0.95 * asked.times
        waited = sum(said["waited_ms"] for said in every) / len(every)
        shown = next((said for said in every if not right(said, kind)), every[0])
        print(f"{kind:<24}{hits:>4}/{asked.times}{waited:>7.0f} ms  {shown['text']}{said_others(shown)}", flush=True)
    return int(failed)


def said_others(said: dict[str, Any]) -> str:
    return f" ({said['others']})" if said["others"] else ""


def possible(kind: str) -> bool:
    """Whether this machine lets us inject it."""
    if kind == "is throttled":
        return (CGROUP / "cpu.cfs_quota_us").exists() and os.access(CGROUP / "cgroup.procs", os.W_OK)
    return hasattr(os, "sched_setaffinity") or kind != "waits for a processor"


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(main())
