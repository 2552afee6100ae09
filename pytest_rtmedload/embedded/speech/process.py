"""The process that serves recognition and synthesis; see `serving` for how it starts and ends.

    {"pairs": [...], "seed": 0, "port": 0}  →  {"ready": true, "url": …, "key": …, "pid": …, "details": {…}}

The Speech SDK takes the URL as its `endpoint=`, and as its `host=` with `ws://` in place of `http://`.
"""

from __future__ import annotations

import asyncio
import secrets
import sys

from pytest_rtmedload.embedded.pipes import say
from pytest_rtmedload.embedded.serving import Order, run, settle
from pytest_rtmedload.embedded.speech.lines import SpeechLines
from pytest_rtmedload.embedded.speech.server import SpeechService
from pytest_rtmedload.embedded.speech.settings import SpeechSettings


async def serve(order: Order) -> None:
    """Serve speech until the process is ended."""
    settings = order.settings.part(SpeechSettings)
    key = secrets.token_hex(16)
    lines = SpeechLines()
    lines.warm_up()
    service = SpeechService(settings, order.settings.seed, key, lines)
    async with service.serving(order.listener):
        settle()
        say(order.ready(key, {"speech model": settings.model}))
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    sys.exit(run(serve))
