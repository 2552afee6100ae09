"""One HTTP client in a process and on a core of its own, sending requests when told to.

Arguments: client, event loop, core, port. Each line of standard input is a method and a number of requests; each line
of standard output the seconds they took and the processor microseconds of one.
"""

# ruff: noqa: PLC0415 - a process imports the client it runs and no other

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Ask = Callable[[], Awaitable[None]]

USERS = 50
BODY = {"target_number": "+15550100000", "notes": "x" * 282}  # 330 bytes as JSON


class Rows:
    """A recorder that appends to a list."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, int, int, str]] = []

    def add(self, metric: str, start_ns: int, end_ns: int, outcome: str = "ok") -> None:
        """Keep an operation."""
        self.rows.append((metric, start_ns, end_ns, outcome))

    def error(self, message: str, example: str = "") -> None:
        """No request of a benchmark fails."""
        raise AssertionError(message, example)


def ours(url: str, rows: Rows) -> tuple[Ask, Ask]:
    """`load.http`, measured and named."""
    from pytest_rtmedload.clients.http.client import HttpClient

    http = HttpClient(rows, base_url=url)

    async def get() -> None:
        assert (await http.get("/health")).status_code == 200

    async def post() -> None:
        assert (await http.post("/api/call", json=BODY)).status_code == 200

    return get, post


def bare(url: str, _: Rows) -> tuple[Ask, Ask]:
    """The HTTP library below as its documentation shows it, in a process that `load.http` prepared."""
    from pytest_rtmedload.clients.http.native import prepare

    prepare()
    return unprepared(url, _)


def unprepared(url: str, _: Rows) -> tuple[Ask, Ask]:
    """The HTTP library below as its documentation shows it."""
    import orjson
    from pyreqwest.client import ClientBuilder

    client = ClientBuilder().danger_accept_invalid_certs(True).no_proxy().build()

    async def get() -> None:
        assert (await client.get(f"{url}/health").build().send()).status == 200

    async def post() -> None:
        request = client.post(f"{url}/api/call").header("content-type", "application/json")
        assert (await request.body_bytes(orjson.dumps(BODY)).build().send()).status == 200

    return get, post


def httpx2(url: str, _: Rows) -> tuple[Ask, Ask]:
    """httpx2 with its own transport and no limits; a client per user is its faster way."""
    import httpx2

    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None)
    client = httpx2.AsyncClient(base_url=url, limits=limits)

    async def get() -> None:
        assert (await client.get("/health")).status_code == 200

    async def post() -> None:
        assert (await client.post("/api/call", json=BODY)).status_code == 200

    return get, post


async def send(ask: list[Ask], requests: int) -> None:
    """All users together send this many requests."""
    share = requests // USERS

    async def user(one: Ask) -> None:
        for _ in range(share):
            await one()

    await asyncio.gather(*(user(one) for one in ask))


async def obey(make: Callable[[str, Rows], tuple[Ask, Ask]], url: str) -> None:
    """Run rounds until standard input closes."""
    rows = Rows()
    users = [make(url, rows) for _ in range(USERS)]
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        method, number = line.split()
        ask = [user[method == "POST"] for user in users]
        rows.rows.clear()
        began, worked = time.perf_counter(), time.process_time()
        await send(ask, int(number))
        took, worked = time.perf_counter() - began, time.process_time() - worked
        assert len(rows.rows) in (0, int(number))
        print(took, worked / int(number) * 1e6, flush=True)


def main(client: str, loop: str, core: str, port: str) -> None:
    """Run one client."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(core)})  # before any thread is started
    factory: Any = None
    if loop == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(obey(globals()[client], f"http://127.0.0.1:{port}"))


if __name__ == "__main__":
    main(*sys.argv[1:])
