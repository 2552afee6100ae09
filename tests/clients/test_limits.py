"""A time-out that is not understood is refused, and never none at all."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rtmedload.clients.errors import TimeoutException
from pytest_rtmedload.clients.limits import a_limit, seconds_of
from pytest_rtmedload.clients.websocket.client import WebSocketClient
from tests.clients.fake_http import Connect, Rows, Serve


@pytest.mark.parametrize(
    ("timeout", "seconds"),
    [
        (None, None),
        (float("inf"), None),
        (2, 2.0),
        (0.3, 0.3),
        (np.float64(0.3), 0.3),
        ("300ms", 0.3),
        ("2", 2.0),
        ("1m", 60.0),
        (timedelta(seconds=1.5), 1.5),
        (httpx.Timeout(5), 5.0),
        (httpx.Timeout(1, read=7, pool=None), 7.0),
        (httpx.Timeout(None, connect=5), None),
        (SimpleNamespace(total=300, connect=None, sock_read=None, sock_connect=30), 300.0),  # aiohttp.ClientTimeout
        (SimpleNamespace(total=None, connect=None, sock_read=4, sock_connect=30), 30.0),
    ],
)
def test_what_is_clear_is_accepted(timeout: Any, seconds: float | None) -> None:
    assert seconds_of(timeout) == seconds


@pytest.mark.parametrize(
    "timeout", [True, False, (3, 27), [1], "soon", "", "5 apples", 0, -1, float("nan"), {}, object()]
)
def test_the_rest_is_refused_in_one_line(timeout: Any) -> None:
    with pytest.raises((TypeError, ValueError)) as refused:
        seconds_of(timeout)
    assert str(refused.value).startswith(f"timeout={timeout!r}: ")
    assert "\n" not in str(refused.value)


@given(st.one_of(st.text(), st.integers(), st.floats(), st.binary(), st.tuples(st.integers()), st.booleans()))
def test_whatever_it_is_it_is_a_limit_none_or_refused(timeout: Any) -> None:
    try:
        found = seconds_of(timeout)
    except (TypeError, ValueError):
        return
    assert found is None if timeout == float("inf") else (found or 0) > 0


@pytest.mark.asyncio
@pytest.mark.parametrize("limit", ["50ms", httpx.Timeout(0.05), timedelta(milliseconds=50)])
async def test_a_request_ends_by_it(serve: Serve, connect: Connect, rows: Rows, limit: Any) -> None:
    async def silent(_: object, __: object) -> None:
        pass

    server = await serve(silent)
    with pytest.raises(TimeoutException, match=r"no answer within 0\.05 s"):
        await connect(server.url).get("/", timeout=limit)
    assert rows.outcomes == [("GET /", "censored")]


@pytest.mark.asyncio
async def test_a_request_whose_time_out_is_not_understood_is_not_sent(
    serve: Serve, connect: Connect, rows: Rows
) -> None:
    server = await serve()
    with pytest.raises(TypeError, match="timeout="):
        await connect(server.url).get("/", timeout=(1, 2))
    with pytest.raises(TypeError, match="timeout="):
        connect(server.url, timeout=True)
    assert (server.requests, rows.samples) == ([], [])


def test_a_web_socket_has_a_limit() -> None:
    assert (a_limit("300ms"), a_limit(0)) == (0.3, 0)
    with pytest.raises(ValueError, match="has a limit"):
        WebSocketClient(Rows(), "ws://x/", timeout=None)
    with pytest.raises(TypeError, match="timeout="):
        WebSocketClient(Rows(), "ws://x/", timeout=(1, 2))  # type: ignore[arg-type]
