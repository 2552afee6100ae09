"""Both ends of a call in a test: a virtual user who only keeps what is recorded, and an agent that follows a script."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pytest_rtmedload.audio import Clip, clip
from pytest_rtmedload.clients.connecting import Connecting
from pytest_rtmedload.dialects import RTMEDAGENT, Dialect
from pytest_rtmedload.voice.pacer import Pacer
from tests.clients.websocket.fake_websocket import BINARY, CLOSE, TEXT, CountingRows, Peer, frame, goodbye

Calling = Callable[..., Any]
Script = Callable[[Peer], Awaitable[None]]

_REPLY = clip("chest_pain_1_reply")
VOICE = _REPLY.pcm[2 * _REPLY.voiced[0] : 2 * _REPLY.voiced[1]]
"""The agent's voice, from its first voiced sample on."""
_LINE = clip("hello")
LEAD_MS, VOICED_MS = 20, 100
SHORT = Clip(
    "short",
    "Hello.",
    bytes(32 * LEAD_MS) + _LINE.pcm[2 * _LINE.voiced[0] :][: 32 * VOICED_MS],
    (LEAD_MS * 16, (LEAD_MS + VOICED_MS) * 16),
)
"""An utterance that ends with its last voiced sample."""


class Talker(CountingRows):
    """The virtual user of a test."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, float] = {}
        self.checks: list[tuple[str, bool]] = []
        self.port = 0
        self.sent: list[tuple[int, int, int]] = []
        self.pacer = Pacer(asyncio.get_running_loop(), lambda *told: self.sent.append(told))
        self.number = "+15550100000"

    def value(self, name: str, amount: float, unit: str = "", *, at_ns: int | None = None) -> None:  # noqa: ARG002
        self.values[name] = amount

    def check(self, name: str, condition: object) -> bool:
        self.checks.append((name, bool(condition)))
        return bool(condition)

    @property
    def dialect(self) -> Dialect:
        return RTMEDAGENT

    @property
    def connecting(self) -> Connecting:
        def headers_for(origin: str) -> Mapping[str, str]:
            return {}

        return Connecting(
            lambda: f"ws://127.0.0.1:{self.port}", headers_for, lambda text: text.replace("s3cret", "***"), 5.0
        )

    def of_voice(self) -> list[tuple[str, str]]:
        """What was recorded of the call itself."""
        return [(metric, outcome) for metric, outcome in self.outcomes if metric.startswith("voice.")]


def left_over(before: set[asyncio.Task[object]]) -> list[object]:
    """Tasks that were not there before, and timers that still run; picows ends a broken connection with one."""
    scheduled = getattr(asyncio.get_running_loop(), "_scheduled", ())
    timers = [timer for timer in scheduled if not timer.cancelled() and "WSTransport" not in repr(timer)]
    return [*timers, *(asyncio.all_tasks() - before - {asyncio.current_task()})]


def says(milliseconds: int, **more: object) -> bytes:
    """Speech of the agent, for a browser."""
    data = base64.b64encode(VOICE[: 32 * milliseconds]).decode()
    return message(type="audio_data", data=data, sample_rate=16_000, **more)


def message(**fields: object) -> bytes:
    return frame(TEXT, json.dumps(fields))


async def sound(peer: Peer) -> bytes | None:
    """The next audio of the caller; None: he has hung up."""
    while True:
        opcode, payload = await peer.read()
        if opcode == CLOSE:
            return None
        if opcode == BINARY:
            return payload
        if opcode == TEXT and (fields := json.loads(payload)).get("kind") == "AudioData":
            return base64.b64decode(fields["audioData"]["data"])


async def hears_out(peer: Peer) -> bool:
    """Until the caller has said something, and is silent again; False: he has hung up."""
    spoken = False
    while (pcm := await sound(peer)) is not None:
        if spoken and not any(pcm):
            return True
        spoken = spoken or any(pcm)
    return False


def answering(*data: bytes) -> Script:
    """Sends this after each utterance."""

    async def script(peer: Peer) -> None:
        while await hears_out(peer):
            peer.send(b"".join(data))
        peer.send(goodbye(1000))

    return script


async def listening(peer: Peer) -> None:
    """Says nothing."""
    while await sound(peer) is not None:
        pass
    peer.send(goodbye(1000))
