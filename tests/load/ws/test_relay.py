"""Events that one dashboard publishes and all others receive.

All users of a test run on one machine, whose clock therefore measures the way from one user to another.
"""

import asyncio
import contextlib
import json
import re
import time

import pytest

from pytest_rtmedload import user_fixture
from pytest_rtmedload.dialects import fill

OURS = re.compile(r"(\d+)/(\d+)/(\d+)")
"""Publisher, number and time of an event of this test: the agent also tells about calls that others make meanwhile."""


class Dashboard:
    """A dashboard that publishes numbered events and watches for those of the others."""

    def __init__(self, load, sockets, socket):
        self._load = load
        self._sockets = sockets
        self._socket = socket
        self._published = 0
        self._last_of = {}

    async def publish(self):
        """Send an event that tells who sent it and when."""
        self._published += 1
        name = f"{self._load.user}/{self._published}/{time.perf_counter_ns()}"
        await self._socket.send_json(fill(self._sockets.publish, {"id": name}))

    async def watch(self):
        """Measure how long each event was on its way."""
        async for message in self._socket:
            event = json.loads(message)
            if event.get("type") == self._sockets.event_type and "data" in event:
                ours = OURS.fullmatch(event["data"]["call_id"])
                if ours:
                    self._received(*map(int, ours.groups()))

    def _received(self, publisher, number, sent):
        self._load.record("relay.delivery", (time.perf_counter_ns() - sent) / 1e6)
        last = self._last_of.setdefault(publisher, number - 1)
        self._load.check("no event is lost", number == last + 1)
        self._last_of[publisher] = number


@user_fixture
async def dashboard(load, sockets):
    """A dashboard that has subscribed to the events."""
    if sockets.publish is None:
        pytest.skip("dashboards of this agent's version cannot publish events")
    async with sockets.relay(load, name="relay.subscribe") as socket:
        await socket.ask(sockets.subscription.request(f"user-{load.user}"), match=sockets.subscription.answers)
        board = Dashboard(load, sockets, socket)
        watching = asyncio.create_task(board.watch())
        yield board
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching


@pytest.mark.load(metric="relay.delivery", p95=150)
async def test_relay_fan_out(dashboard):
    await dashboard.publish()
