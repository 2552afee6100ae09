"""Whatever clients do to the sockets, the agent writes nothing to standard error, and serves the next one."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import subprocess
import sys
from typing import IO, TYPE_CHECKING

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from pytest_rtmedload.dialects import ARTAGENT_V1
from tests.embedded.calls.callers import Client, Phone, event_of, is_answer
from tests.embedded.calls.conftest import QUICK

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_rtmedload.embedded.launcher import EmbeddedAgent


@contextlib.contextmanager
def bare_agent(store_url: str, errors: IO[bytes]) -> Iterator[str]:
    """The agent's process alone, on somebody else's session store; its standard error goes to `errors`."""
    command = [sys.executable, "-m", "pytest_rtmedload.embedded.agent_process"]
    pairs = [*QUICK, "voice.tts=0ms", "dialect=artagent-v1"]
    config = {"pairs": pairs, "seed": 0, "port": 0, "store": store_url.removeprefix("unix://")}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(config).encode() + b"\n")
        process.stdin.flush()
        try:
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.stdin.close()


def raw_browser(url: str, session: str = "raw") -> socket.socket:
    """A browser that writes its own frames, and reads when it likes."""
    path = f"{ARTAGENT_V1.paths.realtime}?session_id={session}"
    connection = socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=8)
    connection.sendall(
        f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    assert connection.recv(12) == b"HTTP/1.1 101"
    return connection


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def misbehave(url: str) -> None:
    with Client(url + ARTAGENT_V1.paths.call_stream) as phone:
        phone.socket.send(b"\xff", text=True)
        with pytest.raises(ConnectionClosed):
            phone.until(lambda _: False)
    with raw_browser(url) as connection:  # a frame that is not masked
        connection.sendall(Frame(Opcode.TEXT, b"x").serialize(mask=False))
        while connection.recv(1 << 16):
            pass
    reset(raw_browser(url))  # in the middle of the greeting
    with raw_browser(url) as connection:  # half a frame
        connection.sendall(Frame(Opcode.TEXT, b"x" * 100).serialize(mask=True)[:50])
    connection = raw_browser(url)  # half a line, then nothing
    connection.sendall(Frame(Opcode.BINARY, bytes(16_000)).serialize(mask=True))
    reset(connection)


def is_answered(deaf: socket.socket, dashboard: Client) -> bool:
    """Whether the agent still talks to a browser, as a dashboard sees it."""
    try:
        deaf.sendall(Frame(Opcode.TEXT, b"I have a sharp pain in my chest.").serialize(mask=True))
    except ConnectionError:
        return False
    return event_of(dashboard.until(lambda message: is_answer(message) or event_of(message))[-1]) is None


def never_read(url: str) -> None:
    """Each turn is answered by half a megabyte; beyond what the network holds, the agent keeps 8 MiB."""
    dashboard, deaf = Client(f"{url}{ARTAGENT_V1.paths.relay}?session_id=deaf"), raw_browser(url, "deaf")
    with dashboard, deaf:
        assert event_of(dashboard.next()) == "call_connected"
        assert not all(is_answered(deaf, dashboard) for _ in range(300))


def test_clients_that_misbehave(brief: EmbeddedAgent, tmp_path: Path) -> None:
    with (tmp_path / "stderr").open("w+b") as errors:
        with bare_agent(brief.store_url, errors) as url:
            misbehave(url)
            never_read(url)
            with Phone(url, ARTAGENT_V1, "next") as phone:
                phone.say("hello")
                phone.until(is_answer)
        errors.seek(0)
        assert errors.read() == b""
