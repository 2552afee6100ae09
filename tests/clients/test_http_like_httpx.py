"""The same requests and answers through httpx2 and through `load.http`, on a server of plain sockets: no difference."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest

from pytest_rtmedload import BearerAuth, DigestAuth
from pytest_rtmedload.clients.errors import TooManyRedirects
from pytest_rtmedload.clients.http.client import HttpClient
from tests.clients.fake_http import Connect, FakeServer, Rows, Seen, Serve, answer

pytestmark = pytest.mark.asyncio

COMPARED = ("content-type", "content-length", "authorization", "cookie", "x-a", "transfer-encoding")


async def through_httpx(url: str, method: str, path: str, **options: Any) -> httpx2.Response:
    async with httpx2.AsyncClient(base_url=url, trust_env=False) as client:
        return await client.request(method, path, **options)


def told(server: FakeServer, boundary: str = "") -> list[tuple[str, str, dict[str, str], bytes]]:
    """What the server was asked, as far as both must agree."""
    return [
        (
            seen.method,
            seen.target,
            {n: _without(v, boundary) for n, v in seen.headers.items() if n in COMPARED},
            seen.body,
        )
        for seen in server.requests
    ]


def _without(value: str, boundary: str) -> str:
    return value.replace(boundary, "B") if boundary else value


REQUESTS: list[tuple[str, dict[str, Any]]] = [
    *((method, {}) for method in ("GET", "HEAD", "OPTIONS", "DELETE", "POST", "PUT", "PATCH")),
    *((method, {"content": b""}) for method in ("POST", "PUT", "PATCH")),
    *((method, {"data": {}}) for method in ("POST", "PUT")),
    ("POST", {"content": "text ü"}),
    ("POST", {"content": b"\x00\xff"}),
    ("POST", {"data": {"a": "1 2&", "b": ["x", "y"], "c": True, "d": None, "e": 1.5}}),
    ("POST", {"json": {"a": [1, 2.5, None, True], "ü": "ß"}}),
    ("POST", {"json": "text"}),
    ("POST", {"json": 0}),
    ("PUT", {"json": []}),
    ("GET", {"params": {"a": "b c", "n": 1}}),
    ("GET", {"params": [("a", "1"), ("a", "2")]}),
    ("GET", {"params": "raw=1&x"}),
    ("GET", {"headers": {"X-A": "1"}}),
    ("GET", {"headers": [("X-A", "1"), ("X-B", "2")]}),
    ("POST", {"headers": {"Content-Type": "text/xml"}, "content": b"<a/>"}),
    ("GET", {"auth": ("user", "pass:word")}),
    ("GET", {"auth": ("üser", "pässword")}),
    ("DELETE", {"headers": {"Authorization": "Bearer t"}}),
]


@pytest.mark.parametrize(("method", "options"), REQUESTS)
async def test_requests_are_those_of_httpx(
    serve: Serve, connect: Connect, method: str, options: dict[str, Any]
) -> None:
    ours, theirs = await serve(_empty), await serve(_empty)
    await connect(ours.url).request(method, "/thing", **options)
    await through_httpx(theirs.url, method, "/thing", **options)
    assert told(ours) == told(theirs)


async def _empty(seen: Seen, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 204 No Content\r\n\r\n" if seen.method != "HEAD" else answer(b""))


FILES: list[dict[str, Any]] = [
    {"files": {"report": b"bytes"}},
    {"files": {"report": ("report.txt", b"bytes")}},
    {"files": {"report": ("report.bin", b"bytes", "audio/wav")}},
    {"files": {"report": ('q"uote.png', "text")}},
    {"files": {"report": (None, b"no file name")}},
    {"files": [("many", ("a.txt", b"1")), ("many", ("b.txt", b"2"))], "data": {"name": "ü", "n": 1, "l": ["a", "b"]}},
]


@pytest.mark.parametrize("options", FILES)
async def test_files_are_sent_as_httpx_sends_them(serve: Serve, connect: Connect, options: dict[str, Any]) -> None:
    ours, theirs = await serve(), await serve()
    await connect(ours.url).post("/upload", **options)
    await through_httpx(theirs.url, "POST", "/upload", **options)
    boundaries = [
        re.search("boundary=(.*)", s.requests[0].headers["content-type"])[1]  # type: ignore[index]
        for s in (ours, theirs)
    ]
    bodies = [s.requests[0].body.replace(b.encode(), b"B") for s, b in zip((ours, theirs), boundaries, strict=True)]
    assert bodies[0] == bodies[1]


async def test_open_files_and_iterators(serve: Serve, connect: Connect) -> None:
    server = await serve()
    client = connect(server.url)

    def pieces() -> Iterator[bytes]:
        yield from (b"one ", b"two")

    async def later() -> AsyncIterator[bytes]:
        for piece in pieces():
            yield piece

    await client.post("/a", files={"f": io.BytesIO(b"open")})
    await client.post("/b", content=pieces())
    await client.post("/c", content=later())
    await client.post("/d", data=b"raw")
    assert b"open" in server.requests[0].body
    assert [seen.body for seen in server.requests[1:]] == [b"one two", b"one two", b"raw"]


JSON = [b'{"n": 12345678901234567890123}', b'{"n": NaN}', b"[1e400, -0.0]", b'"\\ud800"', '"ü"'.encode("utf-16"), b"0"]


@pytest.mark.parametrize("body", JSON)
async def test_json_is_read_as_httpx_reads_it(serve: Serve, connect: Connect, body: bytes) -> None:
    server = await serve(answer(body))
    ours = (await connect(server.url).get("/")).json()
    theirs = (await through_httpx(server.url, "GET", "/")).json()
    assert repr(ours) == repr(theirs)
    assert type(ours) is type(theirs)


async def test_json_that_is_none_raises_as_in_httpx(serve: Serve, connect: Connect) -> None:
    server = await serve(answer(b"<html>"))
    with pytest.raises(json.JSONDecodeError):
        (await connect(server.url).get("/")).json()


STATUSES = [200, 201, 204, 301, 302, 304, 307, 400, 401, 404, 422, 429, 500, 503]
QUESTIONS = ("is_success", "is_redirect", "is_error", "is_client_error", "is_server_error", "is_informational")


@pytest.mark.parametrize("status", STATUSES)
async def test_what_a_status_is(serve: Serve, connect: Connect, status: int) -> None:
    server = await serve(answer(b"", f"{status} X", headers="Location: /there\r\nSet-Cookie: a=b; Path=/\r\n"))
    ours = await connect(server.url).get("/", expect=STATUSES)
    theirs = await through_httpx(server.url, "GET", "/")
    for question in (*QUESTIONS, "has_redirect_location"):
        assert getattr(ours, question) == getattr(theirs, question), question
    assert ours.cookies == dict(theirs.cookies) == {"a": "b"}


# --- redirects


def redirecting(status: int, times: int = 1) -> Any:
    left = [times]

    async def answered(_: Seen, writer: asyncio.StreamWriter) -> None:
        left[0] -= 1
        writer.write(
            answer(b"", f"{status} X", headers="Location: /next?x=1\r\n") if left[0] >= 0 else answer(b"there")
        )

    return answered


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "HEAD"])
async def test_redirects_are_followed_as_httpx_follows_them(
    serve: Serve, connect: Connect, rows: Rows, status: int, method: str
) -> None:
    body = {"json": {"a": 1}} if method in ("POST", "PUT") else {}
    ours, theirs = await serve(redirecting(status)), await serve(redirecting(status))
    if method == "HEAD":
        ours.answer = theirs.answer = _head_redirects()
    response = await connect(ours.url).request(method, "/first", follow_redirects=True, **body)
    await through_httpx(theirs.url, method, "/first", follow_redirects=True, **body)
    wanted = told(theirs)
    for _, _, headers, content in wanted:
        if not content:
            headers.pop("content-type", None)  # httpx keeps that of the body it drops; browsers do not
    assert told(ours) == wanted
    assert response.status_code == 200
    assert [past.status_code for past in response.history] == ([307] if method == "HEAD" else [status])
    assert [outcome for _, outcome in rows.outcomes] == ["ok", "ok"]  # each request of the chain is a sample


def _head_redirects() -> Any:
    async def answered(seen: Seen, writer: asyncio.StreamWriter) -> None:
        first = seen.target == "/first"
        head = "HTTP/1.1 307 X\r\nLocation: /next?x=1\r\n" if first else "HTTP/1.1 200 OK\r\n"
        writer.write(f"{head}content-length: 0\r\n\r\n".encode())

    return answered


async def test_redirects_are_left_alone_unless_asked_for(serve: Serve, connect: Connect) -> None:
    server = await serve(redirecting(302))
    response = await connect(server.url).get("/first")
    assert (response.status_code, response.history, len(server.requests)) == (302, [], 1)


async def test_a_circle_of_redirects_ends(serve: Serve, connect: Connect) -> None:
    server = await serve(redirecting(302, times=1000))
    with pytest.raises(TooManyRedirects, match="GET /next: more than 20 redirects"):
        await connect(server.url).get("/first", follow_redirects=True)
    assert len(server.requests) == 21


async def test_credentials_stay_with_their_origin(serve: Serve, connect: Connect) -> None:
    other = await serve()

    async def away(_: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(b"", "302 X", headers=f"Location: {other.url}/there\r\n"))

    here = await serve(away)
    await connect(here.url).get(
        "/", auth=("user", "secret"), headers={"X-A": "1", "Cookie": "a=b"}, follow_redirects=True
    )
    assert "authorization" in here.requests[0].headers
    assert not {"authorization", "cookie"} & set(other.requests[0].headers)
    assert other.requests[0].headers["x-a"] == "1"


# --- credentials


def guarded(algorithm: str = "MD5", qop: str = 'qop="auth", ', nonce: str = "n0nce") -> Any:
    """A server that wants digest authentication of user:secret, and checks the proof by RFC 7616 alone."""

    def digest(text: str) -> str:
        return hashlib.new(algorithm.replace("-", "").lower(), text.encode()).hexdigest()

    async def answered(seen: Seen, writer: asyncio.StreamWriter) -> None:
        given = dict(re.findall(r'(\w+)="?([^",]*)"?', seen.headers.get("authorization", "")))
        first, second = digest("user:realm:secret"), digest(f"{seen.method}:{seen.target}")
        middle = ":".join(given.get(name, "") for name in ("nc", "cnonce", "qop")) + ":" if qop else ""
        if given.get("response") == digest(f"{first}:{nonce}:{middle}{second}") and given["uri"] == seen.target:
            writer.write(answer(b"welcome"))
        else:
            challenge = f'Digest realm="realm", {qop}nonce="{nonce}", algorithm={algorithm}, opaque="o"'
            writer.write(answer(b"", "401 X", headers=f"WWW-Authenticate: {challenge}\r\n"))

    return answered


@pytest.mark.parametrize(
    ("algorithm", "qop"), [("MD5", 'qop="auth", '), ("SHA-256", 'qop="auth,auth-int", '), ("MD5", "")]
)
async def test_digest(serve: Serve, connect: Connect, rows: Rows, algorithm: str, qop: str) -> None:
    server = await serve(guarded(algorithm, qop))
    client, auth = connect(server.url), DigestAuth("user", "secret")
    assert (await client.get("/private?a=1", auth=auth)).text == "welcome"
    assert (await client.post("/private", auth=auth, content=b"x")).text == "welcome"
    assert len(server.requests) == 3  # the challenge is answered once
    assert [outcome for _, outcome in rows.outcomes] == ["ok"] * 3


async def test_a_wrong_password_is_a_failed_operation(serve: Serve, connect: Connect, rows: Rows) -> None:
    server = await serve(guarded())
    response = await connect(server.url).get("/private", auth=DigestAuth("user", "wrong"))
    assert response.status_code == 401
    assert [outcome for _, outcome in rows.outcomes] == ["ok", "failed"]


async def test_bearer_and_a_function(serve: Serve, connect: Connect) -> None:
    server = await serve()
    client = connect(server.url)
    await client.get("/a", auth=BearerAuth("token"))
    await client.get("/b?q=1", auth=lambda method, target: {"X-A": f"{method} {target}"})
    assert server.requests[0].headers["authorization"] == "Bearer token"
    assert server.requests[1].headers["x-a"] == "GET /b?q=1"


# --- the client's own headers and cookies


async def test_headers_and_cookies_of_the_client(serve: Serve, connect: Connect) -> None:
    server = await serve(answer(b"", headers="Set-Cookie: sid=42; Path=/\r\n"))
    client = connect(server.url)
    client.headers["X-A"] = "mine"
    client.cookies.set("everywhere", "1")
    response = await client.get("/")
    await client.get("/", headers={"x-a": "other"}, cookies={"once": "2"})
    assert response.cookies == {"sid": "42"}
    assert dict(client.cookies.items()) == {"sid": "42", "everywhere": "1"}
    first, second = (seen.headers for seen in server.requests)
    assert (first["x-a"], first["cookie"]) == ("mine", "everywhere=1")
    assert second["x-a"] == "other"
    assert set(second["cookie"].split("; ")) == {"everywhere=1", "sid=42", "once=2"}
    client.cookies.delete("sid")
    client.cookies.clear()
    assert len(client.cookies) == 0


# --- streams


async def in_pieces(_: Seen, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    for piece in ("id: 1\ndata: fir", "st\ndata: ü\n\n: comment\n\nevent: end\ndata:\nretry: 10\n\n"):
        writer.write(f"{len(piece.encode()):x}\r\n{piece}\r\n".encode())
        await writer.drain()
    writer.write(b"0\r\n\r\n")


async def test_a_stream_of_events(serve: Serve, connect: Connect, rows: Rows) -> None:
    server = await serve(in_pieces)
    async with connect(server.url).stream("GET", "/events") as response:
        assert response.raise_for_status().status_code == 200
        events = [event async for event in response.aiter_events()]
    assert [(e.event, e.data, e.id, e.retry) for e in events] == [
        ("message", "first\nü", "1", None),
        ("end", "", "", 10),
    ]
    assert rows.outcomes == [("GET /events ttfb", "ok"), ("GET /events", "ok")]
    (_, begun, first, _), (_, start, end, _) = rows.samples
    assert begun == start
    assert start < first <= end


async def test_lines_and_bytes_of_a_stream(serve: Serve, connect: Connect) -> None:
    server = await serve(answer(b"one\r\ntwo\nthree"))
    client = connect(server.url)
    async with client.stream("GET", "/") as response:
        assert [line async for line in response.aiter_lines()] == ["one", "two", "three"]
    async with client.stream("GET", "/") as response:
        assert await response.aread() == b"one\r\ntwo\nthree"
        assert response.ended


async def test_a_stream_that_breaks_off_is_one_failed_sample(serve: Serve, connect: Connect, rows: Rows) -> None:
    async def broken(_: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc")
        await writer.drain()
        writer.close()

    server = await serve(broken)
    with pytest.raises(Exception, match="GET /: "):
        async with connect(server.url).stream("GET", "/") as response:
            await response.aread()
    assert rows.outcomes == [("GET / ttfb", "ok"), ("GET /", "failed")]


async def test_a_stream_with_a_wrong_status_fails(serve: Serve, connect: Connect, rows: Rows) -> None:
    server = await serve(answer(b"no", "503 X"))
    async with connect(server.url).stream("GET", "/") as response:
        assert response.status_code == 503
    assert rows.outcomes == [("GET / ttfb", "ok"), ("GET /", "failed")]
    assert rows.errors == [("GET /: HTTP 503", "no")]


# --- what does not exist


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"proxies": {}}, r"load\.http\.get\(\) has no argument proxies= \(it has params, .*\); a client of your own"),
        ({"auth": 5}, r"auth=int: give \(name, password\)"),
        ({"content": 5}, r"content=int: give bytes, text"),
        ({"files": {"f": 5}}, r"files=\{'f': …\}: content is bytes, text or an open file, not int"),
    ],
)
async def test_what_is_not_known_is_one_line(serve: Serve, connect: Connect, options: Any, message: str) -> None:
    server = await serve()
    client: HttpClient = connect(server.url)
    with pytest.raises(TypeError, match=message) as caught:
        await client.get("/", **options)
    assert "\n" not in str(caught.value)
    assert server.requests == []
