"""Prints how exactly the embedded agent answers many calls at a time, and what they cost it (run it as a script).

Each call speaks a line every six seconds and sends silence in between, 50 frames a second. *Late* is how long after the
moment the model says the first audio left, counted from when this client *sent* the last voiced sample: an agent that
falls behind reads its sockets late, and its own arrival times would hide that. *Waited* is how long the agent was ready
to run and had no core (Linux): where it is near what the agent ran, the lateness says more about the machine.
"""

from __future__ import annotations

import asyncio
import base64
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import psutil
import uvloop
from picows import WSListener, WSMsgType, WSTransport, ws_connect

from pytest_rtmedload.audio import clip, names
from pytest_rtmedload.dialects import dialect_named
from pytest_rtmedload.dialects.voice import CONNECTION_ID_HEADER, audio_data, audio_metadata
from pytest_rtmedload.embedded.calls.ground_truth import calls_truth
from pytest_rtmedload.embedded.launcher import EmbeddedAgent
from pytest_rtmedload.embedded.settings import EmbeddedSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_rtmedload.dialects import Dialect
    from pytest_rtmedload.embedded.calls.ground_truth import TurnTruth

FRAME_S = 0.02
FRAME_SAMPLES = 320
LINE_EVERY = 300
"""Frames."""
SECONDS = 20.0


def message(pcm: bytes) -> bytes:
    return orjson.dumps(audio_data(base64.b64encode(pcm).decode(), "2026-01-01T00:00:00.000Z", "4:+15550100000"))


class Caller(WSListener):
    """One call: its own line, begun at its own time."""

    def __init__(self, index: int) -> None:
        lines = names("patient")
        spoken = clip(lines[index % len(lines)])
        self.frames = [message(frame) for frame in spoken.frames()]
        self.last, tail = divmod(spoken.voiced[1] - 1, FRAME_SAMPLES)
        self.tail_ns = (FRAME_SAMPLES - 1 - tail) * 62_500
        self.ends: list[int] = []
        self.silence = message(bytes(640))
        self.next = -50 - 7 * index % LINE_EVERY

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport
        transport.send(WSMsgType.TEXT, orjson.dumps(audio_metadata("x")))

    def tick(self) -> None:
        self.next = (self.next + 1) if self.next < LINE_EVERY else 0
        speaking = 0 <= self.next < len(self.frames)
        self.transport.send(WSMsgType.TEXT, self.frames[self.next] if speaking else self.silence)
        if self.next == self.last:
            self.ends.append(time.perf_counter_ns() - self.tail_ns)


async def connect(url: str, index: int) -> Caller:
    caller = Caller(index)
    await ws_connect(lambda: caller, url, extra_headers={CONNECTION_ID_HEADER: f"call-{index}"})
    return caller


async def drive(url: str, calls: int) -> list[list[int]]:
    """When each caller had spoken its lines (`time.perf_counter_ns`)."""
    callers = [await connect(url, index) for index in range(calls)]
    start = time.perf_counter()
    for frame in range(round(SECONDS / FRAME_S)):
        for part in range(4):  # calls do not send in step
            await asyncio.sleep(max(0.0, start + (frame + part / 4) * FRAME_S - time.perf_counter()))
            for caller in callers[part::4]:
                caller.tick()
    for caller in callers:
        caller.transport.disconnect()
    return [caller.ends for caller in callers]


def late_ms(turns: Sequence[TurnTruth], ends: list[list[int]], endpointing_ns: int) -> list[float]:
    """The lateness of every answer, in order of size."""
    late = []
    for index, sent in enumerate(ends):
        answers = [turn for turn in turns if turn.call == f"call-{index}" and turn.kind == "answer"]
        for turn, end in zip(answers, sent, strict=False):  # the last one may not have been answered any more
            if turn.first_audio_ns is not None:
                late.append((turn.first_audio_ns - end - endpointing_ns - sum(turn.drawn_ns.values())) / 1e6)
    return sorted(late)


def waited_s(pid: int) -> float:
    """Seconds a process was ready to run without a core; nan where the kernel does not tell."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except OSError:
        return float("nan")


def at(values: Sequence[float], share: float) -> float:
    return values[int(share * (len(values) - 1))]


def show(dialect: Dialect, calls: int) -> None:
    with EmbeddedAgent.start(EmbeddedSettings.parse([f"dialect={dialect.name}"])) as agent:
        process = psutil.Process(agent.services["agent"]["pid"])
        before, waited = sum(process.cpu_times()[:2]), waited_s(process.pid)
        url = agent.url.replace("http", "ws", 1) + dialect.paths.call_stream
        ends = uvloop.run(drive(url, calls))
        ran, waited = sum(process.cpu_times()[:2]) - before, waited_s(process.pid) - waited
        turns, _ = calls_truth(agent.url)
    late = late_ms(turns, ends, 200_000_000)
    understood = sum(1 for turn in turns if turn.heard)
    print(
        f"{dialect.name:12} {calls:4} calls: late p50 {at(late, 0.5):6.2f} p95 {at(late, 0.95):6.2f}"
        f" p99 {at(late, 0.99):6.2f} max {late[-1]:6.2f} ms; n = {len(late)}, {understood} understood;"
        f" ran {ran:.1f} s, waited {waited:.1f} s of {SECONDS:g} s"
    )


if __name__ == "__main__":
    print(sys.version.split()[0], psutil.getloadavg())
    for name in ("rtmedagent", "artagent-v1"):
        for number in (10, 50):
            show(dialect_named(name), number)
