"""Opening connections, and keeping many open while messages are exchanged."""

import contextlib
import itertools

import pytest

from pytest_rtmedload import user_fixture

HELD = 20
"""Connections that each user keeps open beside the one it talks on."""


@pytest.mark.load(metric="ws.handshake", p95=150, iterations=20)
async def test_handshake(load, sockets):
    for connect in (sockets.browser, sockets.phone, sockets.relay):
        async with connect(load):
            pass


@user_fixture
async def held(load, sockets):
    """Open connections that nobody talks on."""
    async with contextlib.AsyncExitStack() as stack:
        yield itertools.cycle([await stack.enter_async_context(sockets.relay(load)) for _ in range(HELD)])


@user_fixture
async def conversation(load, sockets):
    """The connection this user talks on."""
    async with sockets.browser(load) as connection:
        yield connection


@pytest.mark.load(metric="ws.message", p95=100, targets={"ws.ping": {"p95": 250}})
async def test_messages_while_connections_are_held(load, sockets, conversation, held):
    await conversation.ask(sockets.message.request(f"user-{load.user}"), match=sockets.message.answers)
    await conversation.ping()
    await next(held).ping()
