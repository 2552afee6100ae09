"""The same work by this plugin and its peers, against the same server, one core for the tool and one for the server.

The referee measures, not the tools: requests are counted by the server and processor time is read from the operating
system, both over the same few seconds in the middle of each run. A second, light run with known delays shows how far
each tool's own P99 is from the server's. Of calls, 50 frames of audio a second and each sent back, a request is a
frame and the truth is how far from 20 ms apart the frames arrive.

`make bench-peers` prints the table; seconds differ between machines, the ratios hold.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil

from benchmarks.peers.peers import HERE, PEERS, Job, Peer

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVER_CORE, TOOL_CORE = 0, 1
SETTLE_S: Final = 1.5
"""From the first request on: connections are open and caches warm."""
WINDOW_S: Final = 4.0
SECONDS: Final = 8
BUSY: Final = 0.95
"""Share of its core above which the server, not the tool, limits the rate."""
FULL, LIGHT = 50, 10
CALLS: Final = 40
MEAN_MS: Final = 20.0


class Server:
    """The server, as the referee talks to it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        http, ws = self._line().split()
        self.environment = {"PEERS_HTTP": f"http://127.0.0.1:{http}", "PEERS_WS": f"ws://127.0.0.1:{ws}/"}

    def ask(self, order: str = "stats") -> dict[str, float]:
        """Send an order and return the count."""
        assert self._process.stdin is not None
        self._process.stdin.write(order + "\n")
        self._process.stdin.flush()
        answer: dict[str, float] = json.loads(self._line())
        return answer

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@dataclass(frozen=True)
class Measured:
    """One row of the table."""

    rate: float
    cpu_us: float
    server_busy: float
    p99_ms: float | None
    """As the tool says."""
    truth_ms: float


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    """A server of its own process."""
    command = [sys.executable, str(HERE / "server.py"), str(SERVER_CORE)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Server(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()


@contextlib.contextmanager
def running(peer: Peer, job: Job, server: Server) -> Iterator[subprocess.Popen[str]]:
    """The tool at work, on its core."""
    environment = os.environ | server.environment | {"PEERS_WORK": job.work, "PEERS_SECONDS": str(job.seconds)}
    with (job.folder / "output").open("w+") as output:
        process = subprocess.Popen(
            [part.format_map(server.environment) for part in peer.command(job)],
            env=environment,
            cwd=job.folder,
            stdout=output,
            stderr=output,
            text=True,
        )
        with process:
            if hasattr(os, "sched_setaffinity"):
                os.sched_setaffinity(process.pid, {TOOL_CORE})  # at once: what it starts inherits that
            try:
                yield process
            finally:
                process.kill()


def cpu_s(process: subprocess.Popen[str]) -> float:
    """Processor seconds of a tool and its children."""
    root = psutil.Process(process.pid)
    return sum(sum(one.cpu_times()[:2]) for one in [root, *root.children(recursive=True)])


def full_speed(peer: Peer, job: Job, server: Server) -> tuple[float, float, float]:
    """Requests per second, processor microseconds of one, and the share of its core that the server was busy."""
    server.ask("delay 0")
    with running(peer, job, server) as process:
        while not server.ask()["answered"]:
            if process.poll() is not None:
                raise SystemExit(f"{peer.name} made no request: {(job.folder / 'output').read_text()}")
            time.sleep(0.05)
        time.sleep(SETTLE_S)
        begin, spent = server.ask(), cpu_s(process)
        time.sleep(WINDOW_S)
        end, spent = server.ask(), cpu_s(process) - spent
        process.wait(60)
    took, done = end["now_s"] - begin["now_s"], end["answered"] - begin["answered"]
    return done / took, spent / done * 1e6, (end["cpu_s"] - begin["cpu_s"]) / took


def known_delays(peer: Peer, job: Job, server: Server) -> tuple[float | None, float]:
    """The tool's P99 and the server's, of all requests of a light run; of audio, how far frames are out of place."""
    if peer.p99_ms is None:
        return None, server.ask()["p99_ms"]
    server.ask(f"delay {MEAN_MS}")
    with running(peer, job, server) as process:
        process.wait(60)
    return peer.p99_ms(job, (job.folder / "output").read_text()), server.ask()["p99_ms"]


def measure(peer: Peer, python: Path, server: Server) -> Measured:
    """Both runs of one tool."""
    with tempfile.TemporaryDirectory() as folder:
        job = Job(peer.work, CALLS if peer.work == "calls" else FULL, SECONDS, Path(folder), python)
        (job.folder / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
        speed = full_speed(peer, job, server)
        return Measured(*speed, *known_delays(peer, replace(job, users=LIGHT), server))


def row(peer: Peer, found: Measured, first: Measured) -> tuple[str, ...]:
    """A line of the table; ratios are to this plugin, by processor time, as a rate may be the server's."""
    bound = "≥ " if found.server_busy > BUSY else ""
    p99 = error = "–"
    if found.p99_ms is not None:
        p99, error = f"{found.p99_ms:.1f}", f"{(found.p99_ms / found.truth_ms - 1) * 100:+.1f} %"
    return (
        peer.work,
        peer.name,
        f"{bound}{found.rate:,.0f}",
        f"{found.cpu_us:,.0f}",
        f"{found.cpu_us / first.cpu_us:.1f} ×",
        f"{found.server_busy:.0%}",
        p99,
        f"{found.truth_ms:.1f}",
        error,
    )


HEAD = ("work", "tool", "requests/s", "CPU µs each", "to ours", "server busy", "P99 ms", "truth ms", "error")


def table(rows: list[tuple[str, ...]]) -> str:
    """Markdown, readable as it is."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "| "
        + " | ".join(f"{c:<{w}}" if i < 2 else f"{c:>{w}}" for i, (c, w) in enumerate(zip(r, widths, strict=True)))
        + " |"
        for r in rows
    ]
    rule = "|" + "|".join("-" * (w + 1) + ("-" if i < 2 else ":") for i, w in enumerate(widths)) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def main() -> None:
    """Measure all that are here and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", type=Path, required=True, help="the Python of the environment with the peers")
    parser.add_argument("--only", choices=("http", "ws", "calls"), help="one kind of work")
    options = parser.parse_args()
    rows: list[tuple[str, ...]] = [HEAD]
    ours: dict[str, Measured] = {}
    with serving() as server:
        for peer in PEERS:
            if options.only in (None, peer.work) and peer.here:
                found = measure(peer, options.python.absolute(), server)
                first = ours.setdefault(peer.work, found)
                rows.append(row(peer, found, first))
                print(" ".join(rows[-1]), file=sys.stderr)
    print(table(rows))
    missing = sorted({peer.name for peer in PEERS if not peer.here})
    if missing:
        print(f"not installed here: {', '.join(missing)}")


if __name__ == "__main__":
    main()
