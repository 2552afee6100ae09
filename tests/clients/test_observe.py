"""`load.observe`: clients that users made themselves leave the same samples as the built-in ones."""

from __future__ import annotations

import asyncio
import gc
import http.server
import json
import subprocess
import sys
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from types import ModuleType
from typing import Any

import httpx
import httpx2
import pytest
import pytest_asyncio

from pytest_rtmedload.clients.observe.observer import KINDS, ClientObserver
from tests.clients.fake_http import Rows, Seen, Serve, answer, raw

pytestmark = pytest.mark.asyncio

LIBRARIES = [httpx, httpx2]


@pytest.fixture
def observer(rows: Rows) -> Iterator[ClientObserver]:
    made = ClientObserver(rows, redact=lambda text: text.replace("hunter2", "***"))
    yield made
    made.stop()


@pytest.fixture(params=LIBRARIES, ids=["httpx", "httpx2"])
def library(request: pytest.FixtureRequest) -> ModuleType:
    return request.param  # type: ignore[no-any-return]


@pytest_asyncio.fixture
async def connect(library: ModuleType, observer: ClientObserver) -> AsyncIterator[Callable[..., Any]]:
    """Makes observed async clients; closed after the test."""
    made: list[Any] = []

    def make(**options: Any) -> Any:
        client = library.AsyncClient(trust_env=False, **options)
        made.append(client)
        assert observer.observe(client) is client
        return client

    yield make
    for client in made:
        await client.aclose()


async def silent(_: Seen, writer: asyncio.StreamWriter) -> None:
    """Never answers."""


def cut(data: bytes) -> Callable[[Seen, asyncio.StreamWriter], Any]:
    return raw(data, close=True)


# --- HTTP


async def test_requests_are_samples_by_method_and_path(serve: Serve, connect: Callable[..., Any], rows: Rows) -> None:
    server = await serve(answer(b'{"a": 1}'))
    client = connect(base_url=server.url)
    assert (await client.get("/health?token=hunter2")).json() == {"a": 1}
    await client.post(f"{server.url}/api/call", json={"a": 1})
    await client.get("/api/call/17", extensions={"metric": "GET /api/call/{id}"})
    assert rows.outcomes == [("GET /health", "ok"), ("POST /api/call", "ok"), ("GET /api/call/{id}", "ok")]
    assert all(end > start for _, start, end, _ in rows.samples)
    assert rows.errors == []


@pytest.mark.parametrize("base", ["/api/v1", "/api/v1/"])
async def test_a_name_is_what_was_written_after_the_base_url(
    serve: Serve, connect: Callable[..., Any], rows: Rows, base: str
) -> None:
    server = await serve()
    client = connect(base_url=server.url + base)
    await client.get("/health")
    await client.get("health")
    await client.get(f"{server.url}/other")
    assert [seen.target for seen in server.requests] == ["/api/v1/health", "/api/v1/health", "/other"]
    assert [name for name, _ in rows.outcomes] == ["GET /health", "GET /health", "GET /other"]


async def test_a_status_of_400_and_above_failed(serve: Serve, connect: Callable[..., Any], rows: Rows) -> None:
    server = await serve(answer(b'{"detail": "hunter2"}', "503 Service Unavailable"))
    response = await connect().get(f"{server.url}/health")
    assert (response.status_code, response.json()) == (503, {"detail": "hunter2"})
    assert rows.outcomes == [("GET /health", "failed")]
    assert rows.errors == [("GET /health: HTTP 503", '{"detail": "***"}')]


async def test_each_request_of_a_redirect_is_a_sample(serve: Serve, connect: Callable[..., Any], rows: Rows) -> None:
    async def redirect(seen: Seen, writer: asyncio.StreamWriter) -> None:
        first = seen.target == "/old"
        writer.write(answer(b"gone", "302 Found", "location: /new\r\n") if first else answer(b"here"))

    server = await serve(redirect)
    response = await connect(follow_redirects=True).get(f"{server.url}/old")
    assert (response.text, len(response.history)) == ("here", 1)
    assert rows.outcomes == [("GET /old", "ok"), ("GET /new", "ok")]


async def test_a_sample_ends_with_the_body(serve: Serve, connect: Callable[..., Any], rows: Rows) -> None:
    go = asyncio.Event()

    async def slow(_: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(b"12", length=4))
        await go.wait()
        writer.write(b"34")

    server = await serve(slow)
    async with connect().stream("GET", f"{server.url}/slow") as response:
        parts = response.aiter_bytes()
        assert await anext(parts) == b"12"
        assert rows.samples == []
        go.set()
        assert b"".join([part async for part in parts]) == b"34"
        assert rows.outcomes == [("GET /slow", "ok")]
    assert rows.outcomes == [("GET /slow", "ok")]


async def test_a_stream_that_is_left_early_ends_when_it_is_closed(
    serve: Serve, connect: Callable[..., Any], rows: Rows
) -> None:
    server = await serve(answer(b"12", length=4))
    client = connect()
    async with client.stream("GET", f"{server.url}/a"):
        assert rows.samples == []
    with pytest.raises(AssertionError):  # the caller's own affair
        async with client.stream("GET", f"{server.url}/b"):
            raise AssertionError
    assert rows.outcomes == [("GET /a", "ok"), ("GET /b", "ok")]


async def test_a_stream_whose_reader_is_cancelled_is_censored(
    serve: Serve, connect: Callable[..., Any], rows: Rows
) -> None:
    server = await serve(answer(b"12", length=4))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1), connect().stream("GET", f"{server.url}/a") as response:
            await response.aread()
    assert rows.outcomes == [("GET /a", "censored")]


async def test_no_answer_in_time_is_censored(
    serve: Serve, connect: Callable[..., Any], rows: Rows, library: ModuleType
) -> None:
    server = await serve(silent)
    with pytest.raises(library.ReadTimeout) as raised:
        await connect(timeout=0.05).get(f"{server.url}/health?token=hunter2")
    assert raised.value.counted
    assert rows.outcomes == [("GET /health", "censored")]
    place = f"127.0.0.1:{server.port}"
    assert rows.errors == [(f"GET /health: no answer in time (ReadTimeout) ({place})", f"GET http://{place}/health")]


async def test_no_body_in_time_is_censored(
    serve: Serve, connect: Callable[..., Any], rows: Rows, library: ModuleType
) -> None:
    server = await serve(answer(b"12", length=4))
    with pytest.raises(library.ReadTimeout):
        await connect(timeout=0.05).get(f"{server.url}/health")
    assert rows.outcomes == [("GET /health", "censored")]


async def test_a_cancelled_request_is_censored(serve: Serve, connect: Callable[..., Any], rows: Rows) -> None:
    server = await serve(silent)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await connect().get(f"{server.url}/health")
    assert rows.outcomes == [("GET /health", "censored")]
    assert rows.errors == []


@pytest.mark.parametrize(
    ("how", "error"),
    [
        (cut(b""), "RemoteProtocolError"),
        (cut(answer(b"12", length=4)), "RemoteProtocolError"),
        (cut(b"\0garbage\r\n\r\n"), "RemoteProtocolError"),
    ],
)
async def test_a_transport_error_failed(
    serve: Serve, connect: Callable[..., Any], rows: Rows, library: ModuleType, how: Any, error: str
) -> None:
    server = await serve(how)
    with pytest.raises(getattr(library, error)) as raised:
        await connect().get(f"{server.url}/health")
    assert raised.value.counted
    assert rows.outcomes == [("GET /health", "failed")]
    ((message, _),) = rows.errors
    assert message.startswith("GET /health: ")
    assert message.endswith(f" (127.0.0.1:{server.port})")


async def test_nobody_listens(serve: Serve, connect: Callable[..., Any], rows: Rows, library: ModuleType) -> None:
    with pytest.raises(library.ConnectError):
        await connect().get("http://127.0.0.1:9/health")
    assert rows.outcomes == [("GET /health", "failed")]
    assert rows.errors[0][0] == "GET /health: connection refused (127.0.0.1:9)"


async def test_a_body_that_is_not_compressed_as_it_says_failed(
    serve: Serve, connect: Callable[..., Any], rows: Rows, library: ModuleType
) -> None:
    server = await serve(answer(b"garbage", headers="content-encoding: gzip\r\n"))
    with pytest.raises(library.DecodingError):
        await connect().get(f"{server.url}/health")
    assert rows.outcomes == [("GET /health", "failed")]


async def test_mounted_transports_are_measured(
    serve: Serve, connect: Callable[..., Any], rows: Rows, library: ModuleType
) -> None:
    server = await serve()
    client = connect(mounts={"http://": library.AsyncHTTPTransport(retries=1), "https://": None})
    await client.get(f"{server.url}/mounted")
    assert rows.outcomes == [("GET /mounted", "ok")]


async def test_answers_that_never_were_on_the_network(
    observer: ClientObserver, rows: Rows, library: ModuleType
) -> None:
    transport = library.MockTransport(lambda _: library.Response(404, text="nothing here"))
    async with library.AsyncClient(transport=transport) as client:
        response = await observer.observe(client).get("http://agent/health")
    assert response.text == "nothing here"
    assert rows.outcomes == [("GET /health", "failed")]
    assert rows.errors == [("GET /health: HTTP 404", "nothing here")]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        status = int(self.path[1:])
        self.send_response(status)
        self.send_header("content-length", "4")
        self.end_headers()
        self.wfile.write(b"body")

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def blocking() -> Iterator[str]:
    """The URL of a server that answers from another thread."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


async def test_clients_without_async(blocking: str, observer: ClientObserver, rows: Rows, library: ModuleType) -> None:
    with observer.observe(library.Client(trust_env=False)) as client:
        assert client.get(f"{blocking}/200").text == "body"
        assert client.get(f"{blocking}/404").status_code == 404
        with client.stream("GET", f"{blocking}/201") as response:
            assert len(rows.samples) == 2
            assert b"".join(response.iter_bytes()) == b"body"
        with client.stream("GET", f"{blocking}/202"):
            pass
        with pytest.raises(library.ConnectError):
            client.get("http://127.0.0.1:9/")
    outcomes = [("GET /200", "ok"), ("GET /404", "failed"), ("GET /201", "ok"), ("GET /202", "ok"), ("GET /", "failed")]
    assert rows.outcomes == outcomes
    assert rows.errors[0] == ("GET /404: HTTP 404", "body")


# --- observing itself


async def test_twice_is_once(serve: Serve, connect: Callable[..., Any], observer: ClientObserver, rows: Rows) -> None:
    server = await serve()
    client = connect()
    observer.observe(observer.observe(client))
    await client.get(f"{server.url}/a")
    assert rows.outcomes == [("GET /a", "ok")]


async def test_stop_leaves_the_client_as_it_was(
    serve: Serve, observer: ClientObserver, rows: Rows, library: ModuleType
) -> None:
    server = await serve()
    async with library.AsyncClient(trust_env=False, mounts={"all://h": library.AsyncHTTPTransport()}) as client:
        before = dict(vars(client)), dict(client._mounts)
        observer.observe(client)
        assert type(client) is library.AsyncClient
        observer.stop()
        assert (dict(vars(client)), dict(client._mounts)) == before
        await client.get(f"{server.url}/a")
        observer.stop()
        assert rows.samples == []
        observer.observe(client)
        await client.get(f"{server.url}/b")
    assert rows.outcomes == [("GET /b", "ok")]


async def test_a_shared_client_is_measured_for_the_first_user_still_there(
    serve: Serve, connect: Callable[..., Any], observer: ClientObserver, rows: Rows
) -> None:
    server = await serve()
    second_rows = Rows()
    second = ClientObserver(second_rows)
    client = second.observe(connect())
    await client.get(f"{server.url}/a")
    observer.stop()
    await client.get(f"{server.url}/b")
    second.stop()
    await client.get(f"{server.url}/c")
    assert (rows.outcomes, second_rows.outcomes) == ([("GET /a", "ok")], [("GET /b", "ok")])


async def test_what_is_under_way_at_the_end_is_censored(
    serve: Serve, connect: Callable[..., Any], observer: ClientObserver, rows: Rows
) -> None:
    server = await serve(answer(b"12", length=4))
    async with connect().stream("GET", f"{server.url}/a"):
        observer.stop()
        assert rows.outcomes == [("GET /a", "censored")]
    assert rows.outcomes == [("GET /a", "censored")]


async def test_observed_clients_are_forgotten(observer: ClientObserver, library: ModuleType) -> None:
    client = observer.observe(library.AsyncClient())
    await client.aclose()
    gone = weakref.ref(client)
    del client
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("client", [object(), httpx, httpx.AsyncClient, None, "http://host", 3])
async def test_other_things_cannot_be_observed(observer: ClientObserver, client: object) -> None:
    with pytest.raises(TypeError) as raised:
        observer.observe(client)
    message = str(raised.value)
    assert "\n" not in message
    assert all(kind in message for kind in KINDS)


async def test_a_library_that_changed_is_an_error(observer: ClientObserver) -> None:
    client = httpx.AsyncClient()
    transport = vars(client).pop("_transport")
    with pytest.raises(TypeError, match="does not know this version of httpx"):
        observer.observe(client)
    client._transport = transport
    await client.aclose()


async def test_a_class_of_ones_own_is_observed(observer: ClientObserver, rows: Rows, library: ModuleType) -> None:
    class Mine(library.AsyncClient):  # type: ignore[misc, name-defined]
        pass

    transport = library.MockTransport(lambda _: library.Response(200))
    async with observer.observe(Mine(transport=transport)) as client:
        await client.get("http://agent/")
    assert rows.outcomes == [("GET /", "ok")]


async def test_nothing_is_imported_for_it() -> None:
    code = "import sys, json, pytest_rtmedload.clients.observe.observer; print(json.dumps(sorted(sys.modules)))"
    done = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", code], capture_output=True, check=True)
    assert {"httpx", "httpx2", "websockets", "picows"}.isdisjoint(json.loads(done.stdout))
