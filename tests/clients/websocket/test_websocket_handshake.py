"""`load.ws` connecting: what is sent, what is a refusal, and that nothing is left behind."""

from __future__ import annotations

import asyncio
import base64
import shutil
import socket
import ssl
import subprocess
from pathlib import Path

import pytest

from pytest_rtmedload.clients.errors import (
    ConnectError,
    InvalidURL,
    ReadError,
    RemoteProtocolError,
    TimeoutException,
    TransportError,
)
from pytest_rtmedload.clients.websocket.errors import HandshakeRefused
from tests.clients.websocket.fake_websocket import (
    OPENED,
    SOON,
    TEXT,
    Connect,
    CountingRows,
    Peer,
    Script,
    frame,
    goodbye,
    serving,
)

pytestmark = pytest.mark.asyncio

REFUSED = ("ws.handshake", "failed")
CENSORED = ("ws.handshake", "censored")


def replies(data: bytes, *, close: bool = False) -> Script:
    """Answers the handshake with these bytes."""

    async def script(peer: Peer) -> None:
        peer.send(data)
        if not close:
            await peer.until_gone()

    return script


# --- what is asked


@pytest.mark.parametrize(
    ("scheme", "base", "url"),
    [
        ("http", "", "/ws/relay"),
        ("http", "/", "ws/relay"),
        ("ws", "", "/ws/relay"),
        ("http", "/api/v1", "/ws/relay?call=1"),
        ("ws", "/api/v1/", "ws/relay#top"),
    ],
)
async def test_a_relative_url_joins_the_base_url(
    connect: Connect, rows: CountingRows, scheme: str, base: str, url: str
) -> None:
    async with serving(Peer.echo) as agent:
        async with connect(url, base_url=lambda: f"{scheme}://127.0.0.1:{agent.port}{base}") as ws:
            with pytest.raises(TimeoutException, match=r"^ws.message /ws/relay: "):
                await ws.recv(0.01)
        query = "?call=1" if "?" in url else ""
        assert agent.peers[0].target == f"{base.rstrip('/')}/ws/relay{query}"


@pytest.mark.parametrize("scheme", ["ws", "http", "WS"])
async def test_an_absolute_url_needs_no_base(connect: Connect, rows: CountingRows, scheme: str) -> None:
    async with serving(Peer.echo) as agent:
        async with connect(f"{scheme}://127.0.0.1:{agent.port}/ws", base_url=unused):
            pass
        assert (agent.peers[0].target, agent.peers[0].headers["host"]) == ("/ws", f"127.0.0.1:{agent.port}")


def unused() -> str:
    raise AssertionError("not needed")


async def test_what_the_base_url_raises_goes_to_the_caller(connect: Connect, rows: CountingRows) -> None:
    with pytest.raises(AssertionError, match="not needed"):
        connect("/ws", base_url=unused)
    assert rows.samples == []


@pytest.mark.parametrize("url", ["ftp://host/", "ws://", "ws://host:99999/", "/relative"])
async def test_what_is_no_url_is_not_measured(connect: Connect, rows: CountingRows, url: str) -> None:
    with pytest.raises(InvalidURL):
        connect(url)
    assert (rows.samples, rows.errors) == ([], [])


async def test_headers_are_sent_and_credentials_stay_with_their_origin(connect: Connect) -> None:
    asked: list[str] = []

    def headers_for(origin: str) -> dict[str, str]:
        asked.append(origin)
        return {"Authorization": "Bearer agent", "X-Mine": "agent"}

    async with serving(Peer.echo) as agent:
        async with connect(agent.url, headers={"x-mine": "user"}, headers_for=headers_for):
            pass
        assert asked == [f"http://127.0.0.1:{agent.port}"]
        sent = agent.peers[0].headers
        assert (sent["authorization"], sent["x-mine"]) == ("Bearer agent", "user")
        assert sent["user-agent"].startswith("pytest-rtmedload/")
        assert "sec-websocket-extensions" not in sent


async def test_credentials_of_the_url_become_a_header_and_nothing_else(connect: Connect, rows: CountingRows) -> None:
    async with serving(replies(b"HTTP/1.1 401 Unauthorized\r\n\r\n"), handshake=False) as agent:
        with pytest.raises(HandshakeRefused) as raised:
            await connect(f"ws://me:p%40ss@127.0.0.1:{agent.port}/ws?token=hunter2")
        assert base64.b64decode(agent.peers[0].headers["authorization"].removeprefix("Basic ")) == b"me:p@ss"
    told = f"{raised.value} {raised.value.request} {rows.errors}"
    assert "p@ss" not in told
    assert "p%40ss" not in told
    assert "hunter2" not in told


@pytest.mark.parametrize("headers", [{"x": "a\r\ny: b"}, {"x y": "a"}])
async def test_a_header_that_http_does_not_allow_is_named(
    connect: Connect, rows: CountingRows, headers: dict[str, str]
) -> None:
    with pytest.raises(ValueError, match="header 'x"):
        connect("ws://127.0.0.1:9/", headers=headers)
    assert rows.samples == []


async def test_a_subprotocol_is_agreed_on(connect: Connect) -> None:
    async def script(peer: Peer) -> None:
        peer.send(peer.accept(sec_websocket_protocol=peer.headers["sec-websocket-protocol"].split(", ")[1]))
        await peer.echo()

    offered = ["audio.v2", "audio.v1"]
    async with serving(script, handshake=False) as agent, connect(agent.url, subprotocols=offered) as ws:
        assert ws.subprotocol == "audio.v1"


async def test_no_proxy_of_the_environment_is_used(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "ws_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with serving(Peer.echo) as agent, connect(agent.url) as ws:
        assert await ws.ask("a") == "a"


async def test_a_host_name_is_looked_up(connect: Connect) -> None:
    async with serving(Peer.echo) as agent, connect(agent.url.replace("127.0.0.1", "localhost")) as ws:
        assert await ws.ask("a") == "a"


# --- what is answered


async def test_a_handshake_ends_with_the_101(connect: Connect, rows: CountingRows) -> None:
    async def slow(peer: Peer) -> None:
        await asyncio.sleep(0.05)
        peer.send(peer.accept())
        await peer.echo()

    async with serving(slow, handshake=False) as agent, connect(agent.url):
        pass
    (took,) = rows.took_ms("ws.handshake")
    assert 49 <= took < 1000


@pytest.mark.parametrize(
    "status", ["403 Forbidden", "500 Internal Server Error", "302 Found", "200 OK", "499 Own Idea"]
)
async def test_another_status_is_a_refusal(connect: Connect, rows: CountingRows, status: str) -> None:
    body = b'{"detail": "token hunter2"}'
    answer = f"HTTP/1.1 {status}\r\nlocation: /elsewhere\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
    async with serving(replies(answer), handshake=False) as agent:
        with pytest.raises(HandshakeRefused) as raised:
            await connect(agent.url, redact=lambda text: text.replace("hunter2", "***"))
        assert len(agent.peers) == 1
    assert raised.value.status_code == int(status[:3])
    assert raised.value.counted
    assert str(raised.value) == f"ws.handshake /ws/relay: HTTP {status[:3]}"
    assert rows.outcomes == [REFUSED]
    assert rows.errors == [(str(raised.value), '{"detail": "token ***"}')]
    assert rows.counts == []


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"\0\xff\xfegarbage\r\n\r\n", "the answer is not HTTP"),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "the answer is not HTTP"),
        (b"HTTP/1.1 abc\r\n\r\n", "the answer is not HTTP"),
        (b"x" * 20_000, "the answer is not HTTP"),
        (b"HTTP/1.1 101 Switching Protocols\r\nno colon\r\n\r\n", "malformed answer"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "wrong Upgrade header in the answer"),
    ],
)
async def test_garbage_for_an_answer(connect: Connect, rows: CountingRows, answer: bytes, reason: str) -> None:
    async with serving(replies(answer), handshake=False) as agent:
        with pytest.raises(RemoteProtocolError) as raised:
            await connect(agent.url)
    assert str(raised.value) == f"ws.handshake /ws/relay: {reason} (127.0.0.1:{agent.port})"
    assert rows.outcomes == [REFUSED]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"sec_websocket_accept": "AAAA"}, "wrong Sec-WebSocket-Accept header"),
        ({"upgrade": "h2c"}, "wrong Upgrade header"),
        ({"connection": "close"}, "wrong Connection header"),
        ({"content_length": "x"}, "wrong Content-Length header"),
        ({"sec_websocket_protocol": "mqtt"}, "the subprotocol in the answer was not offered"),
    ],
)
async def test_a_wrong_101(connect: Connect, rows: CountingRows, wrong: dict[str, str], reason: str) -> None:
    async def script(peer: Peer) -> None:
        peer.send(peer.accept(**wrong))
        await peer.until_gone()

    async with serving(script, handshake=False) as agent:
        with pytest.raises(RemoteProtocolError, match=reason):
            await connect(agent.url)
        await asyncio.wait_for(agent.gone.wait(), 1)
    assert rows.outcomes == [REFUSED]


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 101 Switch"])
async def test_a_connection_that_ends_before_the_answer(connect: Connect, rows: CountingRows, answer: bytes) -> None:
    async with serving(replies(answer, close=True), handshake=False) as agent:
        with pytest.raises(ReadError, match="connection closed before the answer"):
            await connect(agent.url)
    assert rows.outcomes == [REFUSED]
    assert rows.counts == []


async def test_a_reset_before_the_answer(connect: Connect, rows: CountingRows) -> None:
    async def rude(peer: Peer) -> None:
        peer.reset()

    async with serving(rude, handshake=False) as agent:
        with pytest.raises(TransportError):
            await connect(agent.url)
    assert rows.outcomes == [REFUSED]


async def test_nobody_listens(connect: Connect, rows: CountingRows) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(ConnectError, match=rf"^ws.handshake relay: connection refused \(127.0.0.1:{port}\)$"):
        await connect(f"ws://127.0.0.1:{port}/", name="relay")
    assert rows.outcomes == [REFUSED]


async def test_a_host_that_is_not_known(connect: Connect, rows: CountingRows, monkeypatch: pytest.MonkeyPatch) -> None:
    async def unknown(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)
    with pytest.raises(ConnectError, match=r"host name not found \(nowhere.invalid:80\)$"):
        await connect("ws://nowhere.invalid/")
    assert rows.outcomes == [REFUSED]


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 101 Switch"])
async def test_no_answer_in_time_is_censored(connect: Connect, rows: CountingRows, begun: bytes) -> None:
    async with serving(replies(begun), handshake=False) as agent:
        with pytest.raises(TimeoutException, match=r"^ws.handshake /ws/relay: no answer within 0.05 s$"):
            await connect(agent.url, timeout=SOON)
        await asyncio.wait_for(agent.gone.wait(), 1)
    assert rows.outcomes == [CENSORED]
    assert rows.took_ms("ws.handshake")[0] >= 49


async def test_a_cancelled_handshake_is_censored_and_leaves_nothing(connect: Connect, rows: CountingRows) -> None:
    async with serving(replies(b""), handshake=False) as agent:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(SOON):
                await connect(agent.url)
        await asyncio.wait_for(agent.gone.wait(), 1)
    assert rows.outcomes == [CENSORED]
    assert rows.errors == []


async def test_a_handshake_cancelled_while_it_connects(
    connect: Connect, rows: CountingRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", never)
    with pytest.raises(TimeoutException):
        await connect("ws://127.0.0.1:9/", timeout=SOON)
    assert rows.outcomes == [CENSORED]


async def test_what_comes_with_the_101_is_not_lost(connect: Connect, rows: CountingRows) -> None:
    async def script(peer: Peer) -> None:
        peer.send(peer.accept() + frame(TEXT, "at once") + goodbye(1011, "and away"))

    async with serving(script, handshake=False) as agent, connect(agent.url) as ws:
        assert await ws.recv() == "at once"
        assert (ws.close_code, ws.close_reason) == (1011, "and away")
    assert rows.outcomes == [OPENED, ("ws.message", "failed")]
    assert rows.counts == ["ws.dropped"]


# --- TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Files of a self-signed certificate for 127.0.0.1 and of its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    folder: Path = tmp_path_factory.mktemp("tls")
    chain, key = str(folder / "chain.pem"), str(folder / "key.pem")
    names = "-addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE"
    command = (
        f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test {names}"
    )
    subprocess.run([*command.split(), "-keyout", key, "-out", chain], check=True, capture_output=True)
    return chain, key


def tls(certificate: tuple[str, str]) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(*certificate)
    return made


@pytest.mark.parametrize("trusted", [True, False])
async def test_wss_with_a_certificate_trusted_or_ignored(
    connect: Connect, rows: CountingRows, certificate: tuple[str, str], trusted: bool
) -> None:
    async with serving(Peer.echo, ssl=tls(certificate)) as agent:
        url = agent.url.replace("ws://", "https://" if trusted else "wss://")
        async with connect(url, verify=certificate[0] if trusted else False) as ws:
            assert await ws.ask("a") == "a"
            await ws.ping()
    assert rows.outcomes == [OPENED, ("ws.message", "ok"), ("ws.ping", "ok")]


async def test_an_unknown_certificate_is_rejected(
    connect: Connect, rows: CountingRows, certificate: tuple[str, str]
) -> None:
    async with serving(Peer.echo, ssl=tls(certificate)) as agent:
        with pytest.raises(ConnectError, match=r"certificate rejected: self[- ]signed certificate"):
            await connect(agent.url.replace("ws:", "wss:"))
    assert rows.outcomes == [REFUSED]


async def test_an_agent_without_tls(connect: Connect, rows: CountingRows) -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        with pytest.raises(ConnectError, match=r"TLS: (wrong version number|record layer failure) "):
            await connect(f"wss://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    assert rows.outcomes == [REFUSED]


async def test_a_tls_handshake_that_never_ends_is_censored(connect: Connect, rows: CountingRows) -> None:
    gone = asyncio.Event()

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1000):
            pass
        gone.set()
        writer.close()

    server = await asyncio.start_server(deaf, "127.0.0.1", 0)
    with pytest.raises(TimeoutException):
        await connect(f"wss://127.0.0.1:{server.sockets[0].getsockname()[1]}/", timeout=SOON)
    await asyncio.wait_for(gone.wait(), 1)
    server.close()
    assert rows.outcomes == [CENSORED]
