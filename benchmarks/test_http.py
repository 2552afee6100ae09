"""`load.http` beside httpx2, 50 users on one core, the server on another. Must reach: 8 times its requests per second.

Rounds of the clients alternate, each in a process of its own, so that a slow moment of the machine meets all of them;
the ratio is the median over the rounds.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from pyreqwest.cookie import CookieStore

from pytest_rtmedload.clients.http.client import HttpClient
from pytest_rtmedload.clients.http.native import plain_client, prepare

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_benchmark.fixture import BenchmarkFixture

SERVERS = Path(__file__).parent / "servers"
ROUNDS = 9
REQUESTS = {"ours": 4_000, "bare": 4_000, "unprepared": 4_000, "httpx2": 500}
MUST_REACH = 8


class Cost(NamedTuple):
    """What one round took."""

    rate: float
    """Requests per second."""
    cpu_us: float
    """Processor time per request, of all threads."""


class Child:
    """A process that answers one line with one line."""

    def __init__(self, script: str, *arguments: object) -> None:
        command = [sys.executable, str(SERVERS / script), *map(str, arguments)]
        environment = os.environ | {"PYTHONPATH": str(SERVERS.parent.parent)}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def read(self) -> list[str]:
        """The next line, in words."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().split()

    def round(self, method: str, requests: int) -> Cost:
        """Send requests."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{method} {requests}\n")
        self.process.stdin.flush()
        took, cpu = map(float, self.read())
        return Cost(requests / took, cpu)


@contextmanager
def child(script: str, *arguments: object) -> Iterator[Child]:
    started = Child(script, *arguments)
    try:
        yield started
    finally:
        started.process.communicate()  # closing its standard input ends it


def cores() -> tuple[int, int]:
    """One for the client, one for the server, where the platform tells them."""
    known = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0, 1]
    return known[0], known[-1]


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_requests_per_second(benchmark: BenchmarkFixture, method: str, loop: str) -> None:
    client_core, server_core = cores()
    costs: dict[str, list[Cost]] = {name: [] for name in REQUESTS}
    with ExitStack() as stack:
        port = stack.enter_context(child("canned_http.py", server_core)).read()[0]
        clients = {
            name: stack.enter_context(child("http_clients.py", name, loop, client_core, port)) for name in REQUESTS
        }
        for client in clients.values():
            client.round(method, 200)  # connections, imports

        def others() -> None:
            for name in ("httpx2", "bare", "unprepared"):
                costs[name].append(clients[name].round(method, REQUESTS[name]))

        def ours() -> None:
            costs["ours"].append(clients["ours"].round(method, REQUESTS["ours"]))

        benchmark.pedantic(ours, setup=others, rounds=ROUNDS)
    ratio = median(mine.rate / theirs.rate for mine, theirs in zip(costs["ours"], costs["httpx2"], strict=True))
    benchmark.extra_info["ratio_to_httpx2"] = ratio
    print(f"\n{method} on {loop}: {ratio:.1f} times httpx2 (must reach: {MUST_REACH})")
    for name, rounds in costs.items():
        rate, cpu = (median(values) for values in zip(*rounds, strict=True))
        print(f"  {name:10s} {rate:7.0f} requests/s   {cpu:6.1f} µs of processor a request")
    assert ratio >= MUST_REACH


class _Answer:
    status = 200


class _Request:
    async def send(self) -> _Answer:
        return _Answer()


class _Draft:
    """Builds the request for real and sends nothing."""

    def __init__(self, draft: Any) -> None:
        self.draft = draft

    def timeout(self, limit: Any) -> _Draft:
        self.draft = self.draft.timeout(limit)
        return self

    def build(self) -> _Request:
        self.draft.build()
        return _Request()


class _Unsent:
    def __init__(self) -> None:
        self.client = plain_client({}, CookieStore(), {})

    def request(self, method: str, url: Any) -> _Draft:
        return _Draft(self.client.request(method, url))


class _Rows(list[tuple[str, int, int, str]]):
    def add(self, metric: str, start_ns: int, end_ns: int, outcome: str = "ok") -> None:
        self.append((metric, start_ns, end_ns, outcome))

    def error(self, message: str, example: str = "") -> None:
        raise AssertionError(message, example)


async def _cost_of_wrapping(requests: int) -> tuple[float, float]:
    """Microseconds of this thread a request, through `load.http` and without it."""
    unsent, rows = _Unsent(), _Rows()
    http = HttpClient(rows, base_url="http://nowhere")
    http._plain = unsent  # type: ignore[assignment]  # noqa: SLF001
    began = time.thread_time()
    for _ in range(requests):
        assert (await http.get("/health")).status_code == 200
    wrapped, began = time.thread_time() - began, time.thread_time()
    for _ in range(requests):
        assert (await unsent.request("GET", "http://nowhere/health").build().send()).status == 200
    return wrapped / requests * 1e6, (time.thread_time() - began) / requests * 1e6


def test_cost_of_measuring(benchmark: BenchmarkFixture) -> None:
    prepare()
    added: list[float] = []

    def once() -> None:
        wrapped, plain = asyncio.run(_cost_of_wrapping(5_000))
        added.append(wrapped - plain)

    benchmark.pedantic(once, rounds=ROUNDS)
    benchmark.extra_info["us_per_request"] = median(added)
    print(f"\nmeasuring adds {median(added):.1f} µs to a request (must reach: 5 µs)")
    assert median(added) <= 5
