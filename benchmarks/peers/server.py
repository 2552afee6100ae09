"""The server all peers are compared on: fast, and it knows what it did to every request.

HTTP on one port, a WebSocket echo on another; both answer at once, or after a delay drawn from a fixed series, and the
time from a whole request to its answer being handed to the socket is kept: the truth a tool's percentile is checked
against. Of audio, whose frames come 50 times a second, the truth is how far from 20 ms apart they arrive. Prints both
ports, then answers every line of standard input: `delay MILLISECONDS` (the mean; 0: at once) starts a new count,
`stats` prints it as JSON. Ends when its standard input closes. The one argument names the core.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import sys
import time

import picows
import uvloop

ANSWER = b'{"status":"ok","version":"1.0.0","services":{"redis":true,"openai":true}}'
HTTP = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(ANSWER), ANSWER)
FRAME_S = 0.02
AUDIO_BYTES = 500
"""A message with a frame of audio is longer than this, any other is shorter."""
SPREAD = 0.5
"""Sigma of the lognormal delays: P99 is then about 2.8 times the mean."""


class Referee:
    """What all connections share: the delay, and the count."""

    def __init__(self) -> None:
        self.restart(0.0)

    def restart(self, mean_ms: float) -> None:
        """A new count with another delay."""
        source = random.Random(1)
        drawn = [mean_ms / 1000 * source.lognormvariate(-(SPREAD**2) / 2, SPREAD) for _ in range(10_000)]
        self.delays = itertools.cycle(drawn) if mean_ms else None
        self.answered = 0
        self.truth: list[float] = []

    def stats(self) -> dict[str, float]:
        """Requests so far, processor seconds of this process, and the P99 of what it spent, in milliseconds."""
        ordered = sorted(self.truth)
        p99 = ordered[-(-len(ordered) * 99 // 100) - 1] * 1000 if ordered else 0.0
        return {"answered": self.answered, "cpu_s": time.process_time(), "now_s": time.monotonic(), "p99_ms": p99}


referee = Referee()


class Http(asyncio.Protocol):
    """One connection; finds where requests end and nothing else."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        """Answer all whole requests; none has a body."""
        *whole, self.buffer = (self.buffer + data).split(b"\r\n\r\n")
        for _ in whole:
            if referee.delays is None:
                self.transport.write(HTTP)
                referee.answered += 1
            else:
                asyncio.get_running_loop().call_later(next(referee.delays), self.answer_late, time.perf_counter())

    def answer_late(self, arrived: float) -> None:
        """Answer, and note how long that took; who hung up at the end of its run gets none."""
        if self.transport.is_closing():
            return
        self.transport.write(HTTP)
        referee.truth.append(time.perf_counter() - arrived)
        referee.answered += 1


class Echo(picows.WSListener):
    """One WebSocket: every text message comes back."""

    gone = False
    heard: float | None = None
    """When the last frame of audio came."""

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        """Echo text, obey a close, and answer pings."""
        if frame.msg_type is picows.WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
        elif frame.msg_type is picows.WSMsgType.PING:
            transport.send_pong(frame.get_payload_as_bytes())
        elif referee.delays is None:
            message = frame.get_payload_as_bytes()
            if len(message) > AUDIO_BYTES:
                self.time_audio(time.perf_counter())
            transport.send(picows.WSMsgType.TEXT, message)
            referee.answered += 1
        else:
            delay, message = next(referee.delays), frame.get_payload_as_bytes()
            asyncio.get_running_loop().call_later(delay, self.echo_late, transport, message, time.perf_counter())

    def time_audio(self, now: float) -> None:
        """How far from its place a frame of audio came, counted from the one before it."""
        if self.heard is not None:
            referee.truth.append(abs(now - self.heard - FRAME_S))
        self.heard = now

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:  # noqa: ARG002 - picows names it
        """Answers that are due later have nobody to go to."""
        self.gone = True

    def echo_late(self, transport: picows.WSTransport, message: bytes, arrived: float) -> None:
        """Echo, and note how long that took."""
        if self.gone:
            return
        transport.send(picows.WSMsgType.TEXT, message)
        referee.truth.append(time.perf_counter() - arrived)
        referee.answered += 1


async def serve() -> None:
    """Serve until standard input closes."""
    loop = asyncio.get_running_loop()
    http = await loop.create_server(Http, "127.0.0.1", 0)
    ws = await picows.ws_create_server(lambda _: Echo(), "127.0.0.1", 0)
    print(http.sockets[0].getsockname()[1], ws.sockets[0].getsockname()[1], flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        order, *rest = line.split()
        if order == "delay":
            referee.restart(float(rest[0]))
        print(json.dumps(referee.stats()), flush=True)
    http.close()
    ws.close()


if __name__ == "__main__":
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(sys.argv[1])})
    uvloop.run(serve())
