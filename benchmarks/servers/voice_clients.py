"""Callers of one kind in a process and on a core of their own, sending 50 frames a second each.

Arguments: kind, event loop, core, URL, the agent's process id. Each line of standard input is a number of calls, to be
reached by adding to those that are held, and seconds to measure, after one second to settle; each line of standard
output is a JSON object, see `Carried`.
"""

# ruff: noqa: ARG002, PLC0415 - callbacks take what they are given; a process imports the client it runs and no other

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import os
import sys
import time
from datetime import UTC, datetime
from math import inf, nan
from pathlib import Path
from time import perf_counter_ns
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import orjson
import psutil
import uvloop

from pytest_rtmedload.clients.connecting import Connecting
from pytest_rtmedload.dialects import RTMEDAGENT
from pytest_rtmedload.dialects.voice import CONNECTION_ID_HEADER, audio_metadata
from pytest_rtmedload.voice.pacer import FRAME_NS, Pacer
from pytest_rtmedload.voice.speech import PhoneSpeech

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from websockets.asyncio.client import ClientConnection

    from pytest_rtmedload.clients.websocket.connection import Connection
    from pytest_rtmedload.clients.websocket.inbox import Message
    from pytest_rtmedload.dialects import Dialect
    from pytest_rtmedload.voice.call_kinds import PhoneCall

NUMBER = "+15550100000"
METADATA = orjson.dumps(audio_metadata("benchmark")).decode()
SETTLING_S = 1.0
AT_A_TIME = 50
"""Calls that connect at once."""


class Carried(NamedTuple):
    """What was seen while a number of calls was held. Lateness: a frame's send has returned after it was due, in ms."""

    p50: float
    p99: float
    max: float
    cpu: float
    """Processor time of this process, share of one core."""
    frame_us: float
    """Processor time per frame sent, with what was heard meanwhile: says something on a busy machine, too."""
    waited: float
    """Share of the time in which this process or the agent could have run and others had its core; nan: not known."""
    sent: int
    """Frames."""
    heard: int
    """Messages that arrived in the same time."""
    rss: int
    """Bytes of memory in the end."""
    errors: int


class Load:
    """What all calls of the process share, and what they tell: a caller, as calls want one."""

    number = NUMBER

    def __init__(self, url: str, agent_pid: int) -> None:
        self.pids = (os.getpid(), agent_pid)
        self.connecting = Connecting(lambda: url, lambda _: {}, str, 30.0)
        self.dialect: Dialect = RTMEDAGENT
        self.pacer = Pacer(asyncio.get_running_loop(), self.frames_sent)
        self.frames: list[tuple[int, int, int]] = []
        self.heard = 0
        self.errors = 0

    def frames_sent(self, due_ns: int, sent_ns: int, count: int) -> None:
        """Frames were sent."""
        self.frames.append((due_ns, sent_ns, count))

    def add(self, metric: str, start_ns: int, end_ns: int, outcome: str = "ok") -> None:
        """An operation ended."""
        self.errors += outcome != "ok"

    def value(self, name: str, amount: float, unit: str = "", *, at_ns: int | None = None) -> None:
        """A quantity is known."""

    def error(self, message: str, example: str = "") -> None:
        """Something went wrong."""
        print(message, example, file=sys.stderr)
        self.errors += 1

    def check(self, name: str, condition: object) -> bool:
        """Something should hold."""
        self.errors += not condition
        return bool(condition)


async def full(load: Load, index: int) -> object:
    """`phone_call`: everything between two `say`s; what is heard is decoded, placed in time and judged."""
    from pytest_rtmedload.voice.call_kinds import PhoneCall

    class Counted(PhoneCall):
        def _received(self, message: Message, read_ns: int) -> None:
            load.heard += 1
            super()._received(message, read_ns)

    call = Counted(load, call_id=f"call-{index}")
    await call.connect()
    return call


async def talk(load: Load, index: int) -> object:
    """`phone_call` as a load test uses it: say a line, hear the answer, say the next one."""
    from pytest_rtmedload.voice.call_kinds import PhoneCall

    call = PhoneCall(load, call_id=f"call-{index}")
    await call.connect()
    return call, asyncio.create_task(converse(call, index))


async def converse(call: PhoneCall, index: int) -> None:
    """Talk for ever, out of step with the other callers; answers that do not come are errors already."""
    from pytest_rtmedload.audio import names
    from pytest_rtmedload.voice.errors import NoAnswer

    lines = [line for line in names("patient") if line.endswith(("_1", "_2", "_3"))]
    await call.greeted(10.0)
    await asyncio.sleep(index % AT_A_TIME * 0.1)
    for line in itertools.cycle(lines[index % len(lines) :] + lines[: index % len(lines)]):
        with contextlib.suppress(NoAnswer):
            await call.say(line)
            await call.heard()


class Transport:
    """Sends as a call does, and counts what arrives without looking at it."""

    def __init__(self, load: Load, connection: Connection) -> None:
        self.load = load
        self.speech = PhoneSpeech(f"4:{NUMBER}")
        self.connection = connection
        connection.deliver = self.received

    def received(self, message: Message, read_ns: int) -> None:
        """A message arrived."""
        self.load.heard += 1

    def frame_due(self, now_ns: int, stamp: bytes) -> None:
        """Send a frame of silence."""
        self.connection.write(self.speech.message(self.speech.silence, stamp), text=True)


async def transport(load: Load, index: int) -> object:
    """Paced sending over the same connections, and no call."""
    from pytest_rtmedload.clients.websocket.handshake import find, shake_hands

    target = find(RTMEDAGENT.paths.call_stream, load.connecting.base_url)
    connection = await shake_hands(target, {CONNECTION_ID_HEADER: f"call-{index}"}, None, 30.0)
    connection.write(METADATA, text=True)
    sender = Transport(load, connection)
    load.pacer.join(sender)
    return sender


async def tasks(load: Load, index: int) -> object:
    """What one would write first: a task that sends and one that reads for each call, on the `websockets` client.

    Messages are made, and what is heard is read and judged, by the same code as `full`.
    """
    from websockets.asyncio.client import connect

    url = load.connecting.base_url().replace("http", "ws", 1) + RTMEDAGENT.paths.call_stream
    connection = await connect(url, compression=None, additional_headers={CONNECTION_ID_HEADER: f"call-{index}"})
    await connection.send(METADATA)
    return connection, asyncio.create_task(listen(load, connection)), asyncio.create_task(speak(load, connection))


async def speak(load: Load, connection: ClientConnection) -> None:
    """Send silence in real time."""
    speech, begin = PhoneSpeech(f"4:{NUMBER}"), perf_counter_ns()
    for frame in itertools.count():
        due = begin + frame * FRAME_NS
        await asyncio.sleep(max(due - perf_counter_ns(), 0) / 1e9)
        stamp = datetime.now(UTC).isoformat(timespec="milliseconds").encode()
        await connection.send(speech.message(speech.silence, stamp), text=True)
        load.frames_sent(due, perf_counter_ns(), 1)


async def listen(load: Load, connection: ClientConnection) -> None:
    """Hear the agent."""
    from pytest_rtmedload.dialects.heard import Audio
    from pytest_rtmedload.voice.turn_tracker import Call

    speech, call = PhoneSpeech(f"4:{NUMBER}"), Call(16_000, 30_000_000_000)
    call.connected(perf_counter_ns())
    async for message in connection:
        heard, now = speech.read(message), perf_counter_ns()
        load.heard += 1
        if isinstance(heard, Audio):
            call.audio(heard, now)
        call.tick(now)


async def hold(load: Load, call: Callable[[Load, int], Awaitable[object]], held: list[object], calls: int) -> None:
    """Add calls until there are so many."""
    while len(held) < calls:
        more = min(AT_A_TIME, calls - len(held))
        held += await asyncio.gather(*(call(load, len(held) + index) for index in range(more)))


class State(NamedTuple):
    """What grows while calls are held; nanoseconds and messages."""

    time: int
    worked: int
    waited: float
    heard: int


def waited_ns(pids: tuple[int, ...]) -> float:
    """How long these processes were ready to run and had no core so far; nan where the kernel does not tell."""
    try:
        return sum(int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) for pid in pids)
    except OSError:
        return nan


async def measure(load: Load, seconds: float) -> Carried:
    """Let the calls go on and watch."""
    gc.collect()
    gc.freeze()  # as a shard does before its start line
    await asyncio.sleep(SETTLING_S)
    load.frames.clear()
    before = State(perf_counter_ns(), time.process_time_ns(), waited_ns(load.pids), load.heard)
    await asyncio.sleep(seconds)
    after = State(perf_counter_ns(), time.process_time_ns(), waited_ns(load.pids), load.heard)
    took, worked, waited, heard = (now - then for now, then in zip(after, before, strict=True))
    late = [(sent - due) / 1e6 for due, sent, count in load.frames for _ in range(count)] or [inf]
    p50, p99, worst = np.quantile(late, (0.5, 0.99, 1)).tolist()
    rss = psutil.Process().memory_info().rss
    shares, frame_us = (worked / took, waited / took), worked / len(late) / 1e3
    return Carried(p50, p99, worst, shares[0], frame_us, shares[1], len(late), int(heard), rss, load.errors)


async def obey(kind: str, url: str, agent_pid: int) -> None:
    """Hold calls until standard input closes."""
    load, held = Load(url, agent_pid), list[object]()
    while line := await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline):
        calls, seconds = line.split()
        await hold(load, globals()[kind], held, int(calls))
        carried = await measure(load, float(seconds))
        print(orjson.dumps(carried._asdict()).decode(), flush=True)
    os._exit(0)  # calls are not hung up: nobody waits for that


def main(kind: str, loop: str, core: str, url: str, agent_pid: str) -> None:
    """Run callers of one kind."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(core)})
    (uvloop if loop == "uvloop" else asyncio).run(obey(kind, url, int(agent_pid)))


if __name__ == "__main__":
    main(*sys.argv[1:])
