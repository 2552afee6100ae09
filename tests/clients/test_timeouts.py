"""Every way a time-out reaches us is a time-out: by class, cause, group and the names that clients give."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rtmedload.clients.errors import TimeoutException
from pytest_rtmedload.clients.request import Request
from pytest_rtmedload.clients.timeouts import time_out_in


def named(name: str, *bases: type[Exception]) -> type[Exception]:
    """A class as a client would have it, none of which is imported."""
    return type(name, bases or (Exception,), {})


class MaxRetryError(Exception):
    """As urllib3's: the cause is an attribute."""

    def __init__(self, reason: Exception) -> None:
        super().__init__("Max retries exceeded")
        self.reason = reason


TIME_OUTS = [
    TimeoutError(),
    asyncio.TimeoutError("slow"),  # noqa: UP041 - its own name in Python 3.10 and before
    OSError(errno.ETIMEDOUT, "Connection timed out"),
    TimeoutException("GET /: no answer within 1 s", request=Request("GET", "http://x/")),
    *(
        named(name)("slow")
        for name in (
            "Timeout",
            "TimeoutException",
            "ReadTimeout",
            "ConnectTimeout",
            "PoolTimeout",
            "WriteTimeout",
            "APITimeoutError",
            "ServiceResponseTimeoutError",
            "ServiceRequestTimeoutError",
            "CosmosClientTimeoutError",
            "RequestTimeout",
            "ReadTimeoutError",
            "TimeoutExpired",
            "DeadlineExceeded",
        )
    ),
    named("Derived", named("ServerTimeoutError"))("slow"),
    named("DeadlineExceeded", named("GatewayTimeout"))("slow"),
]
OTHERS = [
    ValueError("no"),
    AssertionError(),
    ConnectionRefusedError(errno.ECONNREFUSED, "refused"),
    named("GatewayTimeout")("HTTP 504"),
    named("NewConnectionError", named("ConnectTimeoutError"))("refused"),
    named("TimeoutPolicyInvalid")("not a number"),
    KeyError("timeout"),
]


def with_cause(error: Exception) -> Exception:
    outer = RuntimeError("failed")
    outer.__cause__ = error
    return outer


def hidden_from_readers(error: Exception) -> Exception:
    outer = RuntimeError("failed")
    outer.__context__, outer.__suppress_context__ = error, True
    return outer


WRAPPERS: list[Callable[[Exception], Exception]] = [
    with_cause,
    hidden_from_readers,
    lambda error: ExceptionGroup("of a TaskGroup", [ValueError("another"), error]),
    MaxRetryError,
    ConnectionError,
    lambda error: ConnectionError("Connection aborted.", error),
]


@pytest.mark.parametrize("error", TIME_OUTS, ids=lambda error: type(error).__name__)
def test_a_time_out(error: Exception) -> None:
    assert time_out_in(error) is error


@pytest.mark.parametrize("error", OTHERS, ids=lambda error: type(error).__name__)
def test_no_time_out(error: Exception) -> None:
    assert time_out_in(error) is None


@given(st.sampled_from(TIME_OUTS + OTHERS), st.lists(st.sampled_from(WRAPPERS), max_size=8))
def test_however_it_is_wrapped(error: Exception, wrappers: list[Callable[[Exception], Exception]]) -> None:
    wrapped = error
    for wrap in wrappers:
        wrapped = wrap(wrapped)
    assert time_out_in(wrapped) is (error if error in TIME_OUTS else None)


def test_a_circle_of_causes_ends() -> None:
    one, other = ValueError("one"), ValueError("other")
    one.__context__, other.__context__ = other, one
    assert time_out_in(one) is None


def test_outcomes_of_the_test_itself_stay_what_they_are() -> None:
    failed = pytest.fail.Exception("Timeout (>1.0s) from pytest-timeout.")
    failed.__context__ = TimeoutError()
    assert time_out_in(failed) is None
    assert time_out_in(asyncio.CancelledError()) is None
    assert time_out_in(None) is None


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that reads and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server, contextlib.ExitStack() as held:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    held.enter_context(server.accept()[0])

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


SHORT = 0.05


def ask_httpx(library: str, port: int) -> None:
    pytest.importorskip(library).get(f"http://127.0.0.1:{port}/", timeout=SHORT, trust_env=False)


def ask_redis(port: int) -> None:
    redis = pytest.importorskip("redis")
    once = redis.retry.Retry(redis.backoff.NoBackoff(), 0)
    redis.Redis(port=port, socket_timeout=SHORT, retry=once).get("key")


def ask_openai(port: int) -> None:
    openai = pytest.importorskip("openai")
    client = openai.OpenAI(api_key="none", base_url=f"http://127.0.0.1:{port}", timeout=SHORT, max_retries=0)
    client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hello"}])


def ask_azure(port: int) -> None:
    core = pytest.importorskip("azure.core")
    rest = pytest.importorskip("azure.core.rest")
    client = core.PipelineClient(f"http://127.0.0.1:{port}", policies=[])
    with client:
        client.send_request(
            rest.HttpRequest("GET", f"http://127.0.0.1:{port}/"), read_timeout=SHORT, connection_timeout=SHORT
        )


def ask_requests(port: int) -> None:
    pytest.importorskip("requests").get(f"http://127.0.0.1:{port}/", timeout=SHORT)


def ask_urllib3(port: int) -> None:
    pytest.importorskip("urllib3").PoolManager().request("GET", f"http://127.0.0.1:{port}/", timeout=SHORT, retries=1)


def ask_socket(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=SHORT) as sock:
        sock.recv(1)


async def ask_aiohttp(port: int) -> None:
    aiohttp = pytest.importorskip("aiohttp")
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SHORT)) as session:
        await session.get(f"http://127.0.0.1:{port}/")


REAL: dict[str, Callable[[int], Any]] = {
    "httpx": partial(ask_httpx, "httpx"),
    "httpx2": partial(ask_httpx, "httpx2"),
    "redis": ask_redis,
    "openai": ask_openai,
    "azure": ask_azure,
    "requests": ask_requests,
    "urllib3": ask_urllib3,
    "socket": ask_socket,
    "aiohttp": lambda port: asyncio.run(ask_aiohttp(port)),
}


@pytest.mark.parametrize("client", REAL)
def test_what_real_clients_raise(client: str, silent: int) -> None:
    with pytest.raises(Exception) as raised:  # noqa: PT011 - any of theirs
        REAL[client](silent)
    assert time_out_in(raised.value) is not None, repr(raised.value)


def test_what_real_clients_raise_when_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed: int = server.getsockname()[1]
    for client in REAL.values():
        with contextlib.suppress(pytest.skip.Exception):
            with pytest.raises(Exception) as raised:  # noqa: PT011 - any of theirs
                client(closed)
            assert time_out_in(raised.value) is None, repr(raised.value)
