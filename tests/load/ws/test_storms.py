"""What must not harm the agent: storms, and messages and paths that are wrong.

The agent may refuse, ignore or close; afterwards it must still answer. These tests stay out of the run's criteria.
"""

import asyncio

import pytest

from pytest_rtmedload.clients.errors import TransportError

STORM = 10
"""Connections each user opens at the same time."""
OVERSIZE = 2**20 + 1
"""Bytes of a message that no agent needs to take."""
SILENCE_S = 0.3
"""How long an answer to nonsense is waited for: most agents ignore it."""

malformed = pytest.mark.parametrize(
    "message",
    [
        pytest.param('{"kind": "AudioData", "audioData":', id="half-json"),
        pytest.param('{"kind": "AudioData", "audioData": {"data": "%%%", "silent": false}}', id="not-base64"),
        pytest.param("[1, 2, 3]", id="no-object"),
        pytest.param(b"\x00\x01\x02", id="half-sample"),
        pytest.param("x" * OVERSIZE, id="oversize", marks=pytest.mark.load(users=1)),  # many would only keep us busy
    ],
)


async def answers_still(load, sockets):
    """Whether a new connection is served as ever."""
    async with sockets.browser(load) as socket:
        await socket.ask(sockets.message.request(f"user-{load.user}"), match=sockets.message.answers)


@pytest.mark.load(negative=True, iterations=5)
async def test_reconnect_storm(load, sockets):
    async def come_and_go():
        async with sockets.relay(load):
            pass

    await asyncio.gather(*(come_and_go() for _ in range(STORM)))
    await answers_still(load, sockets)


@malformed
@pytest.mark.load(negative=True, iterations=1, errors=1.0)
async def test_malformed_messages(load, sockets, message):
    for connect in (sockets.phone, sockets.browser):
        try:
            async with connect(load, name="ws.malformed") as socket:
                await socket.send(message)
                await socket.recv(timeout=SILENCE_S)
        except TransportError:  # ignored, or closed: both are right
            continue
    await answers_still(load, sockets)


@pytest.mark.load(negative=True, iterations=3, errors=1.0)
async def test_unknown_path(load, sockets):
    with pytest.raises(TransportError):
        await load.ws("/ws/no-such-path")
    await answers_still(load, sockets)
