"""Prints how exactly the embedded agent answers many calls at a time, and what they cost it (run it as a script).

Each call speaks a line every six seconds and sends silence in between, 50 frames a second. *Added* is the time from the
moment the model says to the first audio: the agent's own lateness. It depends on who else uses the machine, and on this
client, which shares it; processor time per call does not.
"""

from __future__ import annotations

import asyncio
import base64
import sys
import time
from typing import TYPE_CHECKING

import orjson
import psutil
import uvloop
from picows import WSListener, WSMsgType, WSTransport, ws_connect

from pytest_rtmedload.audio import clip, names
from pytest_rtmedload.dialects import dialect_named
from pytest_rtmedload.dialects.voice import CONNECTION_ID_HEADER, audio_data, audio_metadata
from pytest_rtmedload.embedded.calls.truth import calls_truth
from pytest_rtmedload.embedded.launcher import EmbeddedAgent
from pytest_rtmedload.embedded.settings import EmbeddedSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_rtmedload.dialects import Dialect
    from pytest_rtmedload.embedded.calls.truth import Turn

FRAME_S = 0.02
LINE_EVERY = 300
"""Frames."""
SECONDS = 20.0


def message(pcm: bytes) -> bytes:
    return orjson.dumps(audio_data(base64.b64encode(pcm).decode(), "2026-01-01T00:00:00.000Z", "4:+15550100000"))


class Caller(WSListener):
    """One call: its own line, begun at its own time."""

    def __init__(self, index: int) -> None:
        lines = names("patient")
        self.frames = [message(frame) for frame in clip(lines[index % len(lines)]).frames()]
        self.silence = message(bytes(640))
        self.next = -50 - 7 * index % LINE_EVERY

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport
        transport.send(WSMsgType.TEXT, orjson.dumps(audio_metadata("x")))

    def tick(self) -> None:
        self.next = (self.next + 1) if self.next < LINE_EVERY else 0
        speaking = 0 <= self.next < len(self.frames)
        self.transport.send(WSMsgType.TEXT, self.frames[self.next] if speaking else self.silence)


async def connect(url: str, index: int) -> Caller:
    caller = Caller(index)
    await ws_connect(lambda: caller, url, extra_headers={CONNECTION_ID_HEADER: f"call-{index}"})
    return caller


async def drive(url: str, calls: int) -> None:
    callers = [await connect(url, index) for index in range(calls)]
    start = time.perf_counter()
    for frame in range(round(SECONDS / FRAME_S)):
        for part in range(4):  # calls do not send in step
            await asyncio.sleep(max(0.0, start + (frame + part / 4) * FRAME_S - time.perf_counter()))
            for caller in callers[part::4]:
                caller.tick()
    for caller in callers:
        caller.transport.disconnect()


def added_ms(turn: Turn, endpointing_ns: int) -> float | None:
    if turn.kind == "greeting" or turn.first_audio_ns is None or turn.speech_end_ns is None:
        return None
    return (turn.first_audio_ns - turn.speech_end_ns - endpointing_ns - sum(turn.drawn_ns.values())) / 1e6


def at(values: Sequence[float], share: float) -> float:
    return values[int(share * (len(values) - 1))]


def show(dialect: Dialect, calls: int) -> None:
    with EmbeddedAgent.start(EmbeddedSettings.parse([f"dialect={dialect.name}"])) as agent:
        process = psutil.Process(agent.services["agent"]["pid"])
        before = sum(process.cpu_times()[:2])
        url = agent.url.replace("http", "ws", 1) + dialect.paths.call_stream
        uvloop.run(drive(url, calls))
        cpu = (sum(process.cpu_times()[:2]) - before) / SECONDS
        turns, _ = calls_truth(agent.url)
    found = (added_ms(turn, 200_000_000) for turn in turns)
    added = sorted(value for value in found if value is not None)
    understood = sum(1 for turn in turns if turn.heard)
    print(
        f"{dialect.name:12} {calls:4} calls: added p50 {at(added, 0.5):6.2f} p95 {at(added, 0.95):6.2f}"
        f" p99 {at(added, 0.99):6.2f} max {added[-1]:6.2f} ms; n = {len(added)}, {understood} understood;"
        f" {100 * cpu:3.0f} % of a core, {1e6 * cpu / (50 * calls):3.0f} us per frame"
    )


if __name__ == "__main__":
    print(sys.version.split()[0], psutil.getloadavg())
    for name in ("rtmedagent", "artagent-v1"):
        for number in (10, 50):
            show(dialect_named(name), number)
