"""`load.ws` and `load.observe` in load tests, against a real server of the `websockets` library."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
from websockets.asyncio.server import ServerConnection, serve

from tests.conftest import LoadRun


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        if message == "hang up":
            await connection.close(1011, "as told")
        else:
            await connection.send(message)


@pytest.fixture
def port() -> Iterator[int]:
    """An echo server on a thread of its own."""
    started, ports = threading.Event(), []
    stop: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def main() -> None:
        async with serve(echo, "127.0.0.1", 0, compression=None) as server:
            ports.append(next(iter(server.sockets)).getsockname()[1])
            stop.append((asyncio.get_running_loop(), asyncio.Event()))
            started.set()
            await stop[0][1].wait()

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    assert started.wait(10)
    yield ports[0]
    loop, event = stop[0]
    loop.call_soon_threadsafe(event.set)
    thread.join()


def test_handshake_messages_and_pings_are_measured(load_run_of: LoadRun, port: int) -> None:
    load_run_of.file(
        test_it="""
        import pytest

        @pytest.mark.load(users=3, iterations=20, targets={"ws.handshake": {"p95": 500}, "ws.ping": {"p95": 500}})
        async def test_echo(load):
            async with load.ws("/anything") as ws:
                assert await ws.ask("hello") == "hello"
                assert await ws.ping() < 500

        @pytest.mark.load(users=2, iterations=5)
        async def test_named(load):
            async with load.ws("/relay", name="relay") as ws:
                await ws.ask("hello")
        """
    )
    load_run_of(f"--load-ws-host=ws://127.0.0.1:{port}").assert_outcomes(passed=2)
    first, second = load_run_of.result()["tests"]
    assert {name: metric["count"] for name, metric in first["metrics"].items()} == {
        "iteration": 60,
        "ws.handshake": 60,
        "ws.message": 60,
        "ws.ping": 60,
    }
    assert second["metrics"]["relay"]["count"] == 15
    assert load_run_of.result()["run"]["agent"]["embedded"] is False


def test_connections_the_agent_drops_are_errors_and_a_criterion(load_run_of: LoadRun, port: int) -> None:
    load_run_of.file(
        test_it="""
        import pytest

        @pytest.mark.load(users=3, iterations=10)
        async def test_dropped(load):
            async with load.ws("/") as ws:
                await ws.ask("hang up" if load.iteration % 2 else "hello")
        """
    )
    result = load_run_of(f"--load-ws-host=ws://127.0.0.1:{port}")
    result.stdout.fnmatch_lines(["*WebSocket connections dropped*", "*15 * 1011*"])
    assert load_run_of.result()["tests"][0]["verdict"] == "FAIL"


def test_a_client_of_ones_own_is_measured(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import httpx2, pytest
        from pytest_rtmedload import user_fixture

        @user_fixture
        async def client(load, agent):
            async with httpx2.AsyncClient(base_url=agent.url) as mine:
                yield load.observe(mine)

        @pytest.mark.load(users=2, iterations=10)
        async def test_mine(load, client):
            response = await client.get("/health")
            assert response.status_code == 200
        """
    )
    load_run_of().assert_outcomes(passed=1)
    assert load_run_of.result()["tests"][0]["metrics"]["GET /health"]["count"] == 30
