"""Prints what the embedded agent can serve, and how exactly it keeps its delays (run it as a script).

Requests per second depend on who else uses the machine, and on this client, which shares it; requests per second *of
the agent's processor time* do not.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import psutil
import uvloop

from pytest_rtmedload.dialects import RTMEDAGENT, Operation, call_connected, participants_updated, validation_event
from pytest_rtmedload.embedded.launcher import EmbeddedAgent
from pytest_rtmedload.embedded.settings import EmbeddedSettings

CONNECTIONS = 32
SECONDS = 4.0


class Client(asyncio.Protocol):
    """Sends the same request again as soon as it was answered; keeps what each took, in nanoseconds."""

    def __init__(self, request: bytes, pause_s: float = 0.0) -> None:
        self.request = request
        self.pause_s = pause_s
        self.took: list[int] = []
        self.head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.send()

    def send(self) -> None:
        self.begun = time.perf_counter_ns()
        self.transport.write(self.request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self.head += data
        head, blank, body = self.head.partition(b"\r\n\r\n")
        if not blank or len(body) < int(head.split(b"content-length: ")[1].split(b"\r\n")[0]):
            return
        self.took.append(time.perf_counter_ns() - self.begun)
        self.head = b""
        if self.pause_s:
            asyncio.get_running_loop().call_later(self.pause_s, self.send)
        else:
            self.send()


async def drive(url: str, request: bytes, connections: int, seconds: float, pause_s: float = 0.0) -> list[int]:
    loop = asyncio.get_running_loop()
    host, port = url.removeprefix("http://").split(":")
    made = [await loop.create_connection(lambda: Client(request, pause_s), host, int(port)) for _ in range(connections)]
    await asyncio.sleep(seconds)
    for transport, _ in made:
        transport.close()
    return [took for _, client in made for took in client.took]


def request_of(operation: Operation, call_id: str) -> bytes:
    body: object = {
        Operation.START_CALL: RTMEDAGENT.start_call_body("+15550100000"),
        Operation.INBOUND: [validation_event()],
        Operation.CALLBACKS: [call_connected(call_id), participants_updated(call_id, ["+15550100000"])],
    }.get(operation, "")
    content = json.dumps(body).encode() if body else b""
    path = RTMEDAGENT.path_of(operation, call_id)
    head = f"{operation.method} {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    return head.encode() + b"content-length: %d\r\n\r\n" % len(content) + content


def start_call(url: str) -> str:
    async def once() -> str:
        host, port = url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(request_of(Operation.START_CALL, ""))
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r\n")[0]))
        writer.close()
        return str(json.loads(body)["call_id"])

    return uvloop.run(once())


def show_throughput() -> None:
    with EmbeddedAgent.start(EmbeddedSettings.parse(["http.delay=0ms"])) as agent:
        call_id = start_call(agent.url)
        process = psutil.Process(agent.services["agent"]["pid"])
        for operation in Operation:
            before = sum(process.cpu_times()[:2])
            took = uvloop.run(drive(agent.url, request_of(operation, call_id), CONNECTIONS, SECONDS))
            cpu = sum(process.cpu_times()[:2]) - before
            print(f"{operation:13} {len(took) / SECONDS:7.0f} req/s   {len(took) / cpu:7.0f} req per second of its CPU")


def show_accuracy(delay: str) -> None:
    with EmbeddedAgent.start(EmbeddedSettings.parse([f"http.delay={delay}"])) as agent:
        for operation in (Operation.HEALTH, Operation.START_CALL):
            agent.reset_truth()
            took = uvloop.run(drive(agent.url, request_of(operation, "x"), 4, SECONDS, pause_s=0.005))
            truth = agent.truth()[operation]
            late = sorted(total - drawn for total, drawn in zip(truth.total_us, truth.drawn_us, strict=True))
            totals = sorted(truth.total_us)
            seen = sorted(took)

            def at(values: list[int], share: float) -> int:
                return values[int(share * (len(values) - 1))]

            print(
                f"{operation:11} {delay}: total - drawn: min {late[0]} p50 {at(late, 0.5)} p99 {at(late, 0.99)} us;"
                f" client p50 - total p50: {at(seen, 0.5) / 1000 - at(totals, 0.5):.0f} us; n = {len(late)}"
            )


if __name__ == "__main__":
    print(sys.version.split()[0], psutil.getloadavg())
    show_throughput()
    for delay in ("fixed(2500us)", "fixed(10ms)"):
        show_accuracy(delay)
