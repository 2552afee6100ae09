"""Who takes part: how each tool is told to do the work, and where it says its P99."""

from __future__ import annotations

import csv
import json
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent
WORK = HERE / "work"


@dataclass(frozen=True)
class Job:
    """One run: what to do, by how many users, for how long, and a folder to write to."""

    work: str
    """`http`, `ws` or `calls`."""
    users: int
    seconds: int
    folder: Path
    peers: Path
    """The Python of the peers' environment."""


@dataclass(frozen=True)
class Peer:
    """A tool that does one kind of work."""

    name: str
    work: str
    command: Callable[[Job], list[str]]
    """`{PEERS_HTTP}` and `{PEERS_WS}`, also in its environment, are the server's addresses."""
    p99_ms: Callable[[Job, str], float] | None = None
    """From the job's folder or the tool's output; None where there is nothing to answer."""
    program: str | None = None
    """It takes part where this is installed."""

    @property
    def here(self) -> bool:
        """True when it can take part."""
        return self.program is None or shutil.which(self.program) is not None


def ours(job: Job) -> list[str]:
    sizes = [f"--load-users={job.users}", f"--load-duration={job.seconds}s", "--load-ramp=0", "--load-warmup=0"]
    quiet = ["-q", "-p", "no:cacheprovider", "--no-load-live", "--load-evidence=point", f"--rootdir={job.folder}"]
    where = ["-c", str(job.folder / "pytest.ini"), f"--load-report-dir={job.folder}"]
    agent = ["--load-host={PEERS_HTTP}", "--load-ws-host={PEERS_WS}", "--load-allow-calls", "--load-greeting=0"]
    whom = [*agent, "--load-call-number=+15550100001"] if job.work == "calls" else []
    test = f"{WORK / 'plugin_work.py'}::test_{job.work}"
    return [sys.executable, "-m", "pytest", *where, *quiet, *sizes, *whom, test]


def our_p99(job: Job, _output: str) -> float:
    report = json.loads((job.folder / "load_test_report_latest.json").read_text())
    metric = "GET /" if job.work == "http" else "ws.message"
    found: float = report["tests"][-1]["metrics"][metric]["p99_ms"]
    return found


def locust(user: str) -> Callable[[Job], list[str]]:
    def command(job: Job) -> list[str]:
        sizes = ["-u", str(job.users), "-r", str(job.users), "-t", f"{job.seconds}s"]
        report = ["--headless", "--only-summary", "--csv", str(job.folder / "locust")]
        return [str(job.peers), "-m", "locust", "-f", str(WORK / "locustfile.py"), *sizes, *report, user]

    return command


def locust_p99(job: Job, _output: str) -> float:
    with (job.folder / "locust_stats.csv").open(newline="") as file:
        return float(next(csv.DictReader(file))["99%"])


def httpx2(job: Job) -> list[str]:
    return [str(job.peers), str(WORK / "httpx2_loop.py"), str(job.users), str(job.seconds)]


def wrk(job: Job) -> list[str]:
    return ["wrk", "-t1", f"-c{job.users}", f"-d{job.seconds}s", "--latency", "{PEERS_HTTP}/health"]


def wrk_p99(_job: Job, output: str) -> float:
    found = re.search(r"99%\s+([\d.]+)(us|ms|s)\b", output)
    if found is None:
        raise ValueError(f"wrk printed no P99: {output}")
    return float(found[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[found[2]]


def k6(job: Job) -> list[str]:
    sizes = ["-u", str(job.users), "-d", f"{job.seconds}s", "--quiet"]
    return ["k6", "run", *sizes, "--summary-export", str(job.folder / "k6.json"), str(WORK / "k6.js")]


def k6_p99(job: Job, _output: str) -> float:
    metric = "http_req_duration" if job.work == "http" else "ws_asked"
    return float(json.loads((job.folder / "k6.json").read_text())["metrics"][metric]["p(99)"])


PEERS = [
    Peer("pytest-rtmedload", "http", ours, our_p99),
    Peer("httpx2, no tool", "http", httpx2, lambda _, output: float(output.split()[-1])),
    Peer("Locust FastHttpUser", "http", locust("FastHttp"), locust_p99),
    Peer("Locust HttpUser", "http", locust("Http"), locust_p99),
    Peer("k6", "http", k6, k6_p99, program="k6"),
    Peer("wrk", "http", wrk, wrk_p99, program="wrk"),
    Peer("pytest-rtmedload", "ws", ours, our_p99),
    Peer("Locust, websocket-client", "ws", locust("WebSocket"), locust_p99),
    Peer("k6", "ws", k6, k6_p99, program="k6"),
    Peer("pytest-rtmedload", "calls", ours),
    Peer("Locust, websocket-client", "calls", locust("Call")),
]
"""In the order of the table."""
