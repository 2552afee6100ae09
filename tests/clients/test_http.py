"""`load.http` against servers on loopback: httpx's surface, and what each request leaves in the recorder."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
import traceback
from typing import Any

import httpx2
import pytest

from pytest_rtmedload.clients.errors import (
    ConnectError,
    DecodingError,
    InvalidURL,
    ReadError,
    RemoteProtocolError,
    TimeoutException,
    TransportError,
    UnsupportedProtocol,
)
from pytest_rtmedload.clients.http import client as http_module
from pytest_rtmedload.clients.response import HTTPStatusError
from tests.clients.fake_http import Connect, Rows, Seen, Serve, answer, raw

pytestmark = pytest.mark.asyncio

SECRET = "hunter2"  # noqa: S105 - the password in all the stories


async def silent(_: Seen, writer: asyncio.StreamWriter) -> None:
    """Never answers."""


# --- surface


async def test_answer_reads_like_httpx(serve: Serve, connect: Connect) -> None:
    body = '{"status": "gesund – ✓"}'.encode()
    server = await serve(answer(body, headers="Content-Type: application/json\r\nX-Two: a\r\nX-Two: b\r\n"))
    response = await connect(server.url).get("/health?full=1")
    assert response.status_code == 200
    assert response.is_success
    assert not response.is_error
    assert response.reason_phrase == "OK"
    assert response.http_version == "HTTP/1.1"
    assert response.headers["content-TYPE"] == "application/json"
    assert "Content-Type" in response.headers
    assert response.headers.get("absent") is None
    assert response.headers["x-two"] == "a, b"
    assert response.headers.get_list("X-Two") == ["a", "b"]
    assert dict(response.headers)["content-length"] == str(len(body))
    assert response.content == body
    assert response.text == body.decode()
    assert response.json() == {"status": "gesund – ✓"}
    assert response.json(object_pairs_hook=list) == [("status", "gesund – ✓")]
    assert response.elapsed.total_seconds() > 0
    assert response.url == f"{server.url}/health?full=1"
    assert (response.request.method, response.request.url) == ("GET", response.url)
    assert response.raise_for_status() is response
    assert repr(response) == "<Response [200 OK]>"


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "head", "options"])
async def test_every_method(serve: Serve, connect: Connect, rows: Rows, method: str) -> None:
    server = await serve(answer(b"", "204 No Content"))
    response = await getattr(connect(server.url), method)("/thing")
    assert (response.status_code, response.content) == (204, b"")
    assert server.requests[0].method == method.upper()
    assert rows.outcomes == [(f"{method.upper()} /thing", "ok")]


async def test_request_takes_any_method(serve: Serve, connect: Connect, rows: Rows) -> None:
    server = await serve()
    await connect(server.url).request("purge", "/cache")
    assert server.requests[0].method == "PURGE"
    assert rows.outcomes == [("PURGE /cache", "ok")]


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("", "/health"),
        ("/", "health"),
        ("/api/v1", "/health?a=1"),
        ("/api/v1/", "health#top"),
        ("/api", ""),
        ("", "?a=b"),
        ("/api", "/redirect?to=http://elsewhere/"),
        ("", "/a b/ü"),
    ],
)
async def test_url_is_joined_as_httpx_does(serve: Serve, connect: Connect, base: str, url: str) -> None:
    server = await serve()
    await connect(server.url + base).get(url)
    theirs = httpx2.Client(base_url=server.url + base)
    assert server.requests[0].target == theirs.build_request("GET", url).url.raw_path.decode()
    theirs.close()


@pytest.mark.parametrize(
    "params",
    [
        {"a": "1", "b": "x y&ü"},
        {"flag": True, "off": False, "none": None, "n": 3, "f": 0.5},
        {"many": ["a", "b"]},
        [("a", "1"), ("a", "2")],
        {},
    ],
)
async def test_params_are_written_as_httpx_does(serve: Serve, connect: Connect, params: Any) -> None:
    server = await serve()
    await connect(server.url).get("/search?old=1", params=params)
    assert (
        server.requests[0].target
        == httpx2.Request("GET", f"{server.url}/search?old=1", params=params).url.raw_path.decode()
    )


@pytest.mark.parametrize(
    "body",
    [
        {"json": {"a": [1, 2.5, None, True], "ü": "ß"}},
        {"json": []},
        {"json": {1: 2**70}},
        {"content": b"\x00raw"},
        {"content": "text ü"},
        {"data": {"a": "1 2", "b": ["x", "y"], "c": True}},
    ],
)
async def test_bodies_are_written_as_httpx_does(serve: Serve, connect: Connect, body: dict[str, Any]) -> None:
    server = await serve()
    await connect(server.url).post("/call", **body)
    theirs = httpx2.Request("POST", server.url, **body)
    assert server.requests[0].body == theirs.read()
    assert server.requests[0].headers.get("content-type") == theirs.headers.get("content-type")


async def test_what_has_no_json_form_is_not_sent(connect: Connect, rows: Rows) -> None:
    with pytest.raises(TypeError):
        await connect("http://127.0.0.1:9").post("/call", json=object())
    assert rows.samples == []


async def test_headers(serve: Serve, connect: Connect) -> None:
    server = await serve()
    http = connect(server.url, headers={"X-Run": "1", "Authorization": "Bearer a"})
    await http.get("/")
    await http.post("/", json={}, headers={"x-run": "2", "Content-Type": "application/cloudevents+json"})
    first, second = (request.headers for request in server.requests)
    assert first["user-agent"].startswith("pytest-rtmedload/")
    assert first["accept"] == "*/*"
    assert "gzip" in first["accept-encoding"]
    assert (first["x-run"], first["authorization"]) == ("1", "Bearer a")
    assert (second["x-run"], second["authorization"]) == ("2", "Bearer a")
    assert second["content-type"] == "application/cloudevents+json"


async def test_cookies_last_as_long_as_the_user(serve: Serve, connect: Connect) -> None:
    server = await serve(answer(headers="Set-Cookie: sid=1; Path=/\r\n"))
    http = connect(server.url)
    await http.get("/")
    await http.get("/")
    await http.get("/", cookies={"b": "2"})
    await connect(server.url).get("/")
    assert [request.headers.get("cookie") for request in server.requests] == [None, "sid=1", "sid=1; b=2", None]


@pytest.mark.parametrize(
    ("encoding", "body", "text"),
    [
        ("Content-Encoding: gzip\r\n", gzip.compress(b"hello", mtime=0), "hello"),
        ("Content-Type: text/plain; charset=latin-1\r\n", "ü".encode("latin-1"), "ü"),
        ("Content-Type: text/plain; charset=klingon\r\n", "ü".encode(), "ü"),
        ("", b"\xff", "\N{REPLACEMENT CHARACTER}"),
        ("Content-Type: nonsense\r\n", b"x", "x"),
    ],
)
async def test_text_is_decoded(serve: Serve, connect: Connect, encoding: str, body: bytes, text: str) -> None:
    server = await serve(answer(body, headers=encoding))
    assert (await connect(server.url).get("/")).text == text


async def test_chunks_are_read_before_the_sample_ends(serve: Serve, connect: Connect, rows: Rows) -> None:
    written: list[int] = []

    async def slowly(_: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for chunk in (b"5\r\nhello\r\n", b"1\r\n!\r\n", b"0\r\n\r\n"):
            await asyncio.sleep(0.005)
            written.append(time.perf_counter_ns())
            writer.write(chunk)

    server = await serve(slowly)
    response = await connect(server.url).get("/")
    assert response.content == b"hello!"
    (_, start, end, _), *_ = rows.samples
    assert start < written[0] < written[-1] < end
    assert response.elapsed.total_seconds() == pytest.approx((end - start) / 1e9, abs=1e-6)


async def test_header_that_is_not_ascii_does_not_hide_the_others(serve: Serve, connect: Connect) -> None:
    server = await serve(answer(headers="X-Name: J\xfcrgen\r\nX-Other: 1\r\n"))
    headers = (await connect(server.url).get("/")).headers
    assert headers["x-name"] == "\N{REPLACEMENT CHARACTER}"
    assert headers["x-other"] == "1"


async def test_not_json(serve: Serve, connect: Connect) -> None:
    server = await serve(answer(b"<html>"))
    with pytest.raises(json.JSONDecodeError):
        (await connect(server.url).get("/")).json()


# --- names


async def test_metric_is_the_path_as_written(serve: Serve, connect: Connect, rows: Rows) -> None:
    server = await serve()
    http = connect(f"{server.url}/prefix")
    await http.get("/health?key=1#x")
    await http.get(f"{server.url}/absolute?key=1")
    await http.get("/call/17", params={"q": 1}, name="GET /call/{id}")
    assert rows.outcomes == [("GET /health", "ok"), ("GET /absolute", "ok"), ("GET /call/{id}", "ok")]


async def test_remembered_urls_are_bounded(serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_module, "MOST_TARGETS", 3)
    server = await serve()
    http = connect(server.url)
    for number in range(10):
        await http.get(f"/call/{number}")
    assert len(http._targets) <= 3
    assert [request.target for request in server.requests] == [f"/call/{number}" for number in range(10)]


# --- base URL


class NeedsAgent(BaseException):
    pass


async def test_base_url_is_asked_for_when_it_is_needed(serve: Serve, connect: Connect, rows: Rows) -> None:
    server = await serve()
    known: list[str] = []
    asked = 0

    def base_url() -> str:
        nonlocal asked
        asked += 1
        if not known:
            raise NeedsAgent
        return known[0]

    http = connect(base_url)
    await http.get(f"{server.url}/absolute")
    assert asked == 0
    with pytest.raises(NeedsAgent):
        await http.get("/relative")
    assert len(rows.samples) == 1
    known.append(server.url)
    await http.get("/relative")
    await http.get("/other")
    assert asked == 2


@pytest.mark.parametrize(
    ("base", "url"), [(None, "/health"), ("no-scheme", "/health"), (None, f"http://u:{SECRET}@:80/x?t={SECRET}")]
)
async def test_what_is_no_url_is_not_measured(connect: Connect, rows: Rows, base: str | None, url: str) -> None:
    with pytest.raises(InvalidURL) as caught:
        await connect(base).get(url)
    assert SECRET not in str(caught.value)
    assert rows.samples == []


async def test_other_protocols_are_not_measured(connect: Connect, rows: Rows) -> None:
    with pytest.raises(
        UnsupportedProtocol, match="GET /x: a URL begins with http:// or https://, not ftp://"
    ) as caught:
        await connect().get("ftp://host/x")
    assert not caught.value.counted
    assert rows.samples == []


async def test_header_with_a_line_break_is_not_measured(connect: Connect, rows: Rows) -> None:
    bad = {"x-key": f"a\r\n{SECRET}"}
    for http, headers in ((connect("http://127.0.0.1:9"), bad), (connect("http://127.0.0.1:9", headers=bad), None)):
        with pytest.raises(ValueError, match="header 'x-key' has a name or a value") as caught:
            await http.get("/", headers=headers)
        assert SECRET not in "".join(traceback.format_exception(caught.value, limit=0))
    assert rows.samples == []


# --- statuses


async def test_status_from_400_is_a_failure(serve: Serve, connect: Connect, rows: Rows) -> None:
    server = await serve(answer(b"x" * 600 + SECRET.encode(), "503 Service Unavailable"))
    http = connect(server.url, redact=lambda text: text.replace("x", "y"))
    response = await http.get("/health?key=1")
    assert rows.outcomes == [("GET /health", "failed")]
    assert rows.errors == [("GET /health: HTTP 503", "y" * 500)]
    with pytest.raises(HTTPStatusError, match="Server error '503 Service Unavailable' for url") as caught:
        response.raise_for_status()
    assert caught.value.counted
    assert caught.value.response is response
    assert "key=1" not in str(caught.value)


@pytest.mark.parametrize("expect", [422, [400, 422], {422}, (422,)])
async def test_expected_statuses_are_no_failure(serve: Serve, connect: Connect, rows: Rows, expect: Any) -> None:
    server = await serve(answer(b"", "422 Unprocessable Entity"))
    response = await connect(server.url).post("/call", json={}, expect=expect)
    assert rows.outcomes == [("POST /call", "ok")]
    assert rows.errors == []
    with pytest.raises(HTTPStatusError) as caught:
        response.raise_for_status()
    assert not caught.value.counted


@pytest.mark.parametrize(("expect", "wanted"), [(422, "422"), ({422, 400}, "400 or 422")])
async def test_every_other_status_is_then_a_failure(
    serve: Serve, connect: Connect, rows: Rows, expect: Any, wanted: str
) -> None:
    server = await serve(answer(b"{}"))
    response = await connect(server.url).post("/call", json={}, expect=expect)
    assert response.status_code == 200
    assert rows.outcomes == [("POST /call", "failed")]
    assert rows.errors == [(f"POST /call: HTTP 200, expected {wanted}", "{}")]


async def test_redirects_are_answers(serve: Serve, connect: Connect, rows: Rows) -> None:
    server = await serve(answer(b"", "302 Found", "Location: /elsewhere\r\n"))
    response = await connect(server.url).get("/")
    assert response.is_redirect
    assert response.headers["location"] == "/elsewhere"
    assert len(server.requests) == 1
    assert rows.outcomes == [("GET /", "ok")]
    with pytest.raises(HTTPStatusError, match="Redirect response") as caught:
        response.raise_for_status()
    assert not caught.value.counted


# --- failures


@pytest.mark.parametrize(
    ("data", "kind", "reason"),
    [
        (b"", ReadError, "connection closed before message completed"),
        (b"HTTP/1.1 200 OK\r\nconte", ReadError, "connection closed before message completed"),
        (answer(b"abc", length=10), ReadError, "end of file before message length reached"),
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab",
            ReadError,
            "end of file before message length reached",
        ),
        (b"hello there, this is not HTTP\r\n\r\n", RemoteProtocolError, "invalid HTTP version parsed"),
        (answer(b"not gzip", headers="Content-Encoding: gzip\r\n"), DecodingError, "invalid gzip header"),
    ],
)
async def test_broken_answers(
    serve: Serve, connect: Connect, rows: Rows, data: bytes, kind: type[Exception], reason: str
) -> None:
    server = await serve(raw(data, close=True))
    with pytest.raises(kind) as caught:
        await connect(server.url).get(f"/call?key={SECRET}")
    message = f"GET /call: {reason} (127.0.0.1:{server.port})"
    assert str(caught.value) == message
    assert caught.value.counted  # type: ignore[attr-defined]
    assert rows.outcomes == [("GET /call", "failed")]
    assert rows.errors == [(message, f"GET {server.url}/call")]


async def test_refused(connect: Connect, rows: Rows, unused_tcp_port: int) -> None:
    with pytest.raises(ConnectError):
        await connect(f"http://127.0.0.1:{unused_tcp_port}").get("/health")
    assert rows.outcomes == [("GET /health", "failed")]
    assert rows.errors[0][0] == f"GET /health: connection refused (127.0.0.1:{unused_tcp_port})"


@pytest.mark.parametrize("data", [b"", answer(b"abc", length=10)])
async def test_no_answer_in_time_is_censored(serve: Serve, connect: Connect, rows: Rows, data: bytes) -> None:
    server = await serve(raw(data) if data else silent)
    with pytest.raises(TimeoutException, match=r"^GET /health: no answer within 0.03 s$") as caught:
        await connect(server.url).get("/health", timeout=0.03)
    assert caught.value.counted
    ((_, start, end, outcome),) = rows.samples
    assert outcome == "censored"
    assert 0.03e9 <= end - start < 2e9
    assert rows.errors[0][0] == "GET /health: no answer within 0.03 s"


async def test_timeout_of_the_client(serve: Serve, connect: Connect, rows: Rows) -> None:
    server = await serve(silent)
    http = connect(server.url, timeout=0.03)
    with pytest.raises(TransportError):
        await http.get("/")
    server.answer = raw(answer())
    assert (await http.get("/", timeout=None)).status_code == 200
    assert [outcome for _, outcome in rows.outcomes] == ["censored", "ok"]


async def test_credentials_and_queries_are_in_no_message(connect: Connect, rows: Rows, unused_tcp_port: int) -> None:
    url = f"http://user:{SECRET}@127.0.0.1:{unused_tcp_port}/a?token={SECRET}#{SECRET}"
    with pytest.raises(ConnectError) as caught:
        await connect(headers={"Authorization": SECRET}).get(url, headers={"X-Key": SECRET})
    shown = "".join(traceback.format_exception(caught.value, limit=0))
    assert SECRET not in shown + repr(rows.errors) + repr(rows.outcomes)
    assert "@" not in caught.value.request.url


async def test_credentials_of_a_url_are_sent_and_not_told(serve: Serve, connect: Connect) -> None:
    server = await serve(answer(b"", "401 Unauthorized"))
    response = await connect(f"http://user:{SECRET}@127.0.0.1:{server.port}").get("/")
    assert server.requests[0].headers["authorization"].startswith("Basic ")
    assert SECRET not in response.url
    with pytest.raises(HTTPStatusError) as caught:
        response.raise_for_status()
    assert SECRET not in str(caught.value)


# --- cancellation


async def test_cancelled_request_is_censored(serve: Serve, connect: Connect, rows: Rows) -> None:
    server = await serve(silent)
    asking = asyncio.create_task(connect(server.url).get("/health"))
    await server.asked.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert rows.outcomes == [("GET /health", "censored")]


async def test_timeout_ends_the_connection(serve: Serve, connect: Connect) -> None:
    server = await serve(silent)
    with pytest.raises(TimeoutException):
        await connect(server.url).get("/health", timeout=0.03)
    await asyncio.wait_for(server.ended.wait(), 5)


async def test_limit_around_a_request(serve: Serve, connect: Connect, rows: Rows) -> None:
    server = await serve(silent)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.03):
            await connect(server.url).get("/health")
    assert rows.outcomes == [("GET /health", "censored")]


async def test_cancellation_at_the_same_time_as_the_answer_is_not_lost(
    serve: Serve, connect: Connect, rows: Rows
) -> None:
    server = await serve()
    http = connect(server.url)
    await http.get("/first")
    server.asked.clear()
    asking = asyncio.create_task(http.get("/second"))
    await server.asked.wait()
    time.sleep(0.05)  # noqa: ASYNC251 - the answer arrives on the library's thread while the loop cannot run
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert [metric for metric, _ in rows.outcomes] == ["GET /first", "GET /second"]
    assert http._plain is not None


# --- connections


async def test_each_user_has_connections_of_its_own_and_keeps_them(serve: Serve, connect: Connect) -> None:
    server = await serve()
    first, second = connect(server.url), connect(server.url)
    for _ in range(5):
        await first.get("/")
    assert server.connections == 1
    await second.get("/")
    await first.get("/")
    assert server.connections == 2


async def test_server_that_closes_after_each_answer(serve: Serve, connect: Connect, rows: Rows) -> None:
    server = await serve(raw(answer(headers="Connection: close\r\n"), close=True))
    http = connect(server.url)
    for _ in range(3):
        assert (await http.get("/")).status_code == 200
    assert server.connections == len(server.requests) == 3
    assert [outcome for _, outcome in rows.outcomes] == ["ok"] * 3


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_request_is_never_sent_twice(serve: Serve, connect: Connect, rows: Rows, method: str) -> None:
    async def cut(request: Seen, writer: asyncio.StreamWriter) -> None:
        if request.target == "/cut":
            writer.transport.abort()
        else:
            writer.write(answer())

    server = await serve(cut)
    http = connect(server.url)
    await http.request(method, "/kept")
    with pytest.raises(ReadError):
        await http.request(method, "/cut")
    assert [request.target for request in server.requests] == ["/kept", "/cut"]
    assert [outcome for _, outcome in rows.outcomes] == ["ok", "failed"]


async def test_proxies_of_the_environment_are_not_used(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{unused_tcp_port}")
    server = await serve()
    assert (await connect(server.url).get("/")).status_code == 200


async def test_many_at_the_same_time(serve: Serve, connect: Connect, rows: Rows) -> None:
    server = await serve()
    http = connect(server.url)
    responses = await asyncio.gather(*(http.get(f"/{number}") for number in range(20)))
    assert [response.url for response in responses] == [f"{server.url}/{number}" for number in range(20)]
    assert len(rows.samples) == 20


async def test_closing(serve: Serve, connect: Connect, rows: Rows) -> None:
    server = await serve(silent)
    http = connect(server.url)
    asking = asyncio.create_task(http.get("/health"))
    await server.asked.wait()
    await http.aclose()
    with pytest.raises(TransportError, match="GET /health: the client was closed before the answer"):
        await asking
    assert rows.outcomes == [("GET /health", "censored")]
    with pytest.raises(RuntimeError, match="this client is closed"):
        await http.get("/health")
    await http.aclose()


async def test_closing_a_client_that_was_never_used(connect: Connect) -> None:
    await connect().aclose()
