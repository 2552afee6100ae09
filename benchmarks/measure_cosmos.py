"""Prints what the embedded Cosmos DB can serve over 20,000 items, and how much memory it takes (run it as a script).

Bare HTTP over keep-alive connections: the official client needs 1.3–2.1 ms of processor time per operation, which would
be all that is measured. The server gets one core and this client the other, where the system lets them be chosen.
Operations per second depend on who else uses the machine; those *per second of the server's processor time* much less.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import os
import sys
import time
from email.utils import formatdate
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

import psutil
import uvloop

from pytest_rtmedload.embedded.settings import EmbeddedSettings
from pytest_rtmedload.embedded.supervised import Supervised

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_rtmedload.embedded.services import Service

ITEMS, PARTITIONS, TEXT = 20_000, 200, 330
"""With the system properties an item has about 500 bytes; a partition has 100."""
CONNECTIONS = 16
SECONDS = 4.0
COLLECTION = "dbs/bench/colls/items"
ACTIVITY = "00000000-0000-4000-8000-000000000000"


class Measured(NamedTuple):
    """What one kind of request reached."""

    rate: float
    per_cpu_second: float
    p50_ms: float
    p99_ms: float


class Client(asyncio.Protocol):
    """Sends the next request as soon as the last was answered; keeps what each took, in nanoseconds."""

    def __init__(self, requests: Iterator[bytes], done: Callable[[], object]) -> None:
        self.requests, self.done = requests, done
        self.took: list[int] = []
        self.data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.send()

    def send(self) -> None:
        request = next(self.requests, None)
        if request is None:
            self.transport.close()
            self.done()
            return
        self.begun = time.perf_counter_ns()
        self.transport.write(request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self.data += data
        head, blank, body = self.data.partition(b"\r\n\r\n")
        if not blank or len(body) < int(head.split(b"content-length: ")[1].split(b"\r\n")[0]):
            return
        assert head.startswith(b"HTTP/1.1 20"), self.data
        self.took.append(time.perf_counter_ns() - self.begun)
        self.data = b""
        self.send()


class Requests:
    """Builds signed requests; a signature holds for all requests of one kind to one resource."""

    def __init__(self, service: Service) -> None:
        self.key = base64.b64decode(service["key"])
        self.date = formatdate(usegmt=True)

    def __call__(self, method: str, path: str, body: object = None, **headers: str) -> bytes:
        parts = path.split("/")
        kind, link = (parts[-1], "/".join(parts[:-1])) if len(parts) % 2 else (parts[-2], path)
        text = f"{method.lower()}\n{kind}\n{link}\n{self.date.lower()}\n\n"
        signature = base64.b64encode(hmac.digest(self.key, text.encode(), hashlib.sha256)).decode()
        content = b"" if body is None else json.dumps(body).encode()
        named = {"host": "x", "content-length": str(len(content)), "x-ms-date": self.date, "x-ms-activity-id": ACTIVITY}
        named["authorization"] = quote(f"type=master&ver=1.0&sig={signature}", safe="")
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
        return f"{method} /{path} HTTP/1.1\r\n{lines}\r\n".encode() + content

    def read(self, n: int) -> bytes:
        return self("GET", f"{COLLECTION}/docs/{n}", x_ms_documentdb_partitionkey=f'["p{n % PARTITIONS}"]')

    def write(self, n: int) -> bytes:
        item = {"id": str(n), "pk": f"p{n % PARTITIONS}", "n": n, "text": "x" * TEXT}
        return self(
            "POST",
            f"{COLLECTION}/docs",
            item,
            x_ms_documentdb_partitionkey=f'["{item["pk"]}"]',
            x_ms_documentdb_is_upsert="True",
        )

    def query(self, text: str, **parameters: object) -> bytes:
        body = {"query": text, "parameters": [{"name": f"@{name}", "value": v} for name, v in parameters.items()]}
        return self(
            "POST",
            f"{COLLECTION}/docs",
            body,
            x_ms_documentdb_isquery="true",
            content_type="application/query+json",
            x_ms_documentdb_query_enablecrosspartition="true",
        )


async def drive(url: str, requests: Iterator[bytes]) -> list[int]:
    """Send all requests over the connections; returns what each took."""
    loop = asyncio.get_running_loop()
    host, port = url.removeprefix("http://").split(":")
    ended = [asyncio.Event() for _ in range(CONNECTIONS)]
    clients = [Client(requests, event.set) for event in ended]
    for client in clients:
        await loop.create_connection(lambda client=client: client, host, int(port))  # type: ignore[misc]
    for event in ended:
        await event.wait()
    return [took for client in clients for took in client.took]


def repeated(requests: list[bytes]) -> Iterator[bytes]:
    """These again and again until the time is over."""
    end = time.perf_counter() + SECONDS
    while True:
        for request in requests:
            if time.perf_counter() > end:
                return
            yield request


def kinds_of(make: Requests) -> dict[str, list[bytes]]:
    """Name → requests over many of the items."""
    some = range(0, ITEMS, 97)
    keys = [f"p{n % PARTITIONS}" for n in some]
    by_id, by_key = "SELECT * FROM c WHERE c.id = @id", "SELECT * FROM c WHERE c.pk = @pk AND c.n < @n"
    count = "SELECT VALUE COUNT(1) FROM c WHERE c.pk = @pk AND c.n < @n"
    ordered = "SELECT TOP 10 * FROM c WHERE c.pk = @pk ORDER BY c.n DESC"
    return {
        "point read": [make.read(n) for n in some],
        "upsert": [make.write(n) for n in some],
        "query, id, 1 result": [make.query(by_id, id=str(n)) for n in some],
        "query, key, 100 results": [make.query(by_key, pk=key, n=ITEMS) for key in keys],
        "query, key, count": [make.query(count, pk=key, n=9000) for key in keys],
        "query, key, TOP 10 sorted": [make.query(ordered, pk=key) for key in keys],
        "query, all items scanned": [make.query("SELECT VALUE COUNT(1) FROM c WHERE c.n < 10")],
    }


def measure(service: Service, requests: list[bytes]) -> Measured:
    process = psutil.Process(service["pid"])
    before, begun = sum(process.cpu_times()[:2]), time.perf_counter()
    took = sorted(uvloop.run(drive(service["url"], repeated(requests))))
    seconds, cpu = time.perf_counter() - begun, sum(process.cpu_times()[:2]) - before
    p50, p99 = (took[int(share * (len(took) - 1))] / 1e6 for share in (0.5, 0.99))
    return Measured(len(took) / seconds, len(took) / cpu, p50, p99)


def pin(service: Service) -> str:
    """One core each; returns what was done."""
    if not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2:
        return "not pinned"
    ours, theirs = sorted(os.sched_getaffinity(0))[:2]
    os.sched_setaffinity(0, {ours})
    os.sched_setaffinity(service["pid"], {theirs})
    return f"server on core {theirs}, client on core {ours}"


def main() -> None:
    with Supervised.launch(EmbeddedSettings.parse(["cosmos.delay=0ms"])) as supervised:
        service = supervised.service("cosmos")
        make = Requests(service)
        process = psutil.Process(service["pid"])
        print(sys.version.split()[0], psutil.getloadavg(), pin(service))
        print(f"RSS empty {process.memory_info().rss / 1e6:.0f} MB")
        container = {"id": "items", "partitionKey": {"paths": ["/pk"]}}
        setup = [make("POST", "dbs", {"id": "bench"}), make("POST", "dbs/bench/colls", container)]
        for request in setup:
            uvloop.run(drive(service["url"], iter([request])))
        uvloop.run(drive(service["url"], map(make.write, range(ITEMS))))
        print(f"RSS with {ITEMS} items {process.memory_info().rss / 1e6:.0f} MB")
        kinds = kinds_of(make)
        for name, requests in kinds.items():
            found = measure(service, requests)
            print(
                f"{name:26} {found.rate:7.0f}/s   {found.per_cpu_second:7.0f} per second of its CPU"
                f"   p50 {found.p50_ms:.2f} ms   p99 {found.p99_ms:.2f} ms"
            )
        print(f"RSS at the end {process.memory_info().rss / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
