"""One user has one set of cookies, against the server of the `websockets` package: HTTP and WebSocket share them."""

from __future__ import annotations

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from pytest_rtmedload.clients.cookies import Cookies
from pytest_rtmedload.clients.http.client import HttpClient
from pytest_rtmedload.clients.websocket.client import WebSocketClient
from pytest_rtmedload.clients.websocket.errors import HandshakeRefused
from tests.clients.websocket.fake_websocket import CountingRows

pytestmark = pytest.mark.asyncio


def gate(connection: ServerConnection, request: Request) -> Response | None:
    """`/login` sets a cookie of its own path-less kind, everything else needs it."""
    if request.path == "/login":
        headers = Headers({"Set-Cookie": "sid=42; Path=/; HttpOnly", "Content-Length": "2", "Connection": "close"})
        return Response(200, "OK", headers, b"ok")
    if "sid=42" not in request.headers.get("Cookie", ""):
        return connection.respond(401, "log in first\n")
    return None


def renews(_: ServerConnection, __: Request, response: Response) -> None:
    response.headers["Set-Cookie"] = "seen=ws; Path=/"


async def echo(socket: ServerConnection) -> None:
    async for message in socket:
        await socket.send(message)


async def test_a_handshake_carries_the_cookies_of_http_and_keeps_its_own() -> None:
    rows, cookies = CountingRows(), Cookies()
    async with serve(echo, "127.0.0.1", 0, process_request=gate, process_response=renews) as server:
        where = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        http = HttpClient(rows, base_url=f"http://{where}", cookies=cookies)
        with pytest.raises(HandshakeRefused, match="HTTP 401"):
            await WebSocketClient(rows, f"ws://{where}/chat", cookies=cookies)
        await http.get("/login")
        async with WebSocketClient(rows, f"ws://{where}/chat", cookies=cookies) as socket:
            assert await socket.ask("hello") == "hello"
        assert dict(cookies.items()) == {"sid": "42", "seen": "ws"}
        other = f"ws://localhost:{where.partition(':')[2]}/chat"  # another host: the cookie is not for it
        with pytest.raises(HandshakeRefused, match="HTTP 401"):
            await WebSocketClient(rows, other, cookies=cookies)
        async with WebSocketClient(rows, other, cookies=cookies, headers={"cookie": "sid=42"}):
            pass  # the test's own header is sent as it is
        await http.aclose()
