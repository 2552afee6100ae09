"""Prints how exactly the embedded LLM keeps its model at 50 concurrent streams (run it as a script).

First a client that costs next to nothing, so that the numbers are the service's own; then the official client, whose
own delay is what comes on top of the service's `x_sent_ns`. Others who use the machine show in every number.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx2
import openai
import psutil
import uvloop

from pytest_rtmedload.embedded.llm.ground_truth import PATH, RESET_PATH, LlmTruth
from pytest_rtmedload.embedded.settings import EmbeddedSettings
from pytest_rtmedload.embedded.supervised import Supervised

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from pytest_rtmedload.embedded.services import Service

STREAMS = 50
SECONDS = 10.0
ASKED = {"model": "gpt-4o", "messages": [{"role": "user", "content": "I have a pain in my chest."}], "stream": True}
SENT = re.compile(rb'"x_sent_ns":(\d+)')

Lags = list[int]


async def lean_stream(service: Service, lags: Lags) -> None:
    """One stream over a connection of its own; adds how late each chunk was read, in nanoseconds."""
    address = urlsplit(service["url"])
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    body = json.dumps(ASKED).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\napi-key: {service['key']}\r\nconnection: close\r\n"
    writer.write(head.encode() + b"content-length: %d\r\n\r\n" % len(body) + body)
    while data := await reader.read(65_536):
        now = time.perf_counter_ns()
        lags += [now - int(sent) for sent in SENT.findall(data)]
    writer.close()
    await writer.wait_closed()


async def official_stream(client: openai.AsyncOpenAI, lags: Lags) -> None:
    """One stream of the official client; adds how late it hands out each token, in nanoseconds."""
    async for chunk in await client.chat.completions.create(**ASKED):  # type: ignore[call-overload]
        if chunk.model_extra:
            lags.append(time.perf_counter_ns() - chunk.model_extra["x_sent_ns"])


async def keep_busy(stream: Callable[[Lags], Awaitable[None]]) -> Lags:
    """STREAMS streams at any time, their first ones spread over a second."""
    lags: Lags = []
    end = time.monotonic() + SECONDS

    async def one(delay: float) -> None:
        await asyncio.sleep(delay)
        while time.monotonic() < end:
            await stream(lags)

    await asyncio.gather(*(one(index / STREAMS) for index in range(STREAMS)))
    return lags


async def official(service: Service) -> Lags:
    async with openai.AsyncOpenAI(base_url=f"{service['url']}/v1", api_key=service["key"], max_retries=0) as client:
        return await keep_busy(lambda lags: official_stream(client, lags))


def at(values: Sequence[int], share: float) -> int:
    return sorted(values)[int(share * (len(values) - 1))]


def show(name: str, values: Sequence[int], unit: float, needed: str = "") -> None:
    p50, p95, p99 = (at(values, share) / unit for share in (0.5, 0.95, 0.99))
    print(f"  {name:34} p50 {p50:7.3f}  p95 {p95:7.3f}  p99 {p99:7.3f} ms  n={len(values)}{needed}")


def show_run(title: str, service: Service, run: Callable[[], Lags]) -> None:
    process = psutil.Process(service["pid"])
    httpx2.post(service["url"] + RESET_PATH, trust_env=False)
    cpu, begin = sum(process.cpu_times()[:2]), time.perf_counter()
    lags = run()
    cpu, took = sum(process.cpu_times()[:2]) - cpu, time.perf_counter() - begin
    truth = LlmTruth.from_json(httpx2.get(service["url"] + PATH, trust_env=False).json())
    print(f"{title}: {truth.first_token.count} streams, {truth.tokens['completion'] / took:.0f} tokens/s")
    first = [real - drawn for drawn, real in zip(truth.first_token.drawn_us, truth.first_token.total_us, strict=True)]
    gaps = zip(truth.inter_token.drawn_us, truth.inter_token.total_us, strict=True)
    show("service: first token, late by", first, 1e3, "  (needed: p50 and p95 <= 10)")
    off = [abs(real - drawn) for drawn, real in gaps]
    show("service: between tokens, off by", off, 1e3, "  (needed: p50 and p95 <= 2)")
    show("client: after the service sent it", lags, 1e6)
    print(f"  service: {100 * cpu / took:.0f} % CPU, {process.memory_info().rss / 1e6:.0f} MB")


def main() -> None:
    print(sys.version.split()[0], psutil.getloadavg())
    with Supervised.launch(EmbeddedSettings.parse(["llm.tokens=40"])) as running:
        service = running.service("llm")
        print(running.details["llm model"])
        show_run("lean client", service, lambda: uvloop.run(keep_busy(lambda lags: lean_stream(service, lags))))
        show_run("official client", service, lambda: uvloop.run(official(service)))


if __name__ == "__main__":
    main()
