"""A phone socket that answers every message with 20 ms of speech: much lighter than any caller measured with it.

Prints its port, then serves until its standard input closes. The one argument names the core to stay on. Below `/talks`
it answers for ever, so that every call is in the middle of an answer; below `/greets` it says its greeting and no more.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import os
import sys
from itertools import cycle
from typing import TYPE_CHECKING

import orjson
import uvloop
from picows import WSListener, WSMsgType, ws_create_server

from pytest_rtmedload.audio import clip
from pytest_rtmedload.dialects import RTMEDAGENT
from pytest_rtmedload.dialects.wire import fill

if TYPE_CHECKING:
    from collections.abc import Iterable

    from picows import WSFrame, WSTransport, WSUpgradeRequest

TALKS = b"/talks"


def voiced(name: str) -> list[bytes]:
    """The messages of a recorded line without the silence around its speech: a VAD that waits for speech finds it."""
    begin, end = clip(name).voiced
    pcm = clip(name).pcm[2 * begin : 2 * end]
    size, wire = RTMEDAGENT.voice.phone.chunk_bytes, RTMEDAGENT.voice.phone
    frames = [pcm[at : at + size] for at in range(0, len(pcm) - size, size)]
    return [orjson.dumps(fill(wire.audio, {"data": base64.b64encode(frame).decode()})) for frame in frames]


class Speaker(WSListener):
    """The agent's side of one call."""

    def __init__(self, answers: Iterable[bytes]) -> None:
        self.answers = iter(answers)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Answer a message, or a goodbye."""
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
        elif (answer := next(self.answers, None)) is not None:
            transport.send(WSMsgType.TEXT, answer)


async def serve() -> None:
    """Serve until standard input closes."""
    talk, greeting = voiced("chest_pain_1_reply"), voiced("greeting")

    def answer(request: WSUpgradeRequest) -> Speaker:
        return Speaker(cycle(talk) if request.path.startswith(TALKS) else greeting)

    server = await ws_create_server(answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(sys.argv[1])})
    logging.disable()  # callers leave without a goodbye
    uvloop.run(serve())
