from __future__ import annotations

import asyncio
import ssl
import sys
import threading

import pytest

from pytest_rtmedload.backends.errors import SdkMissing, ServiceError, load_sdk, unreachable
from pytest_rtmedload.backends.llm_client import retry_after_s
from pytest_rtmedload.backends.speech_sdk import cancelled
from pytest_rtmedload.backends.threads import Mailbox, blocking, run_apart


def test_a_client_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(SdkMissing, match=r"openai is not installed: pip install 'pytest-rtmedload\[backends\]'$"):
        load_sdk("openai", "openai")


def test_a_native_library_that_does_not_load(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_name: str) -> None:
        raise OSError("libasound.so.2: cannot open shared object file")

    monkeypatch.setattr("importlib.import_module", broken)
    with pytest.raises(SdkMissing, match=r"speech does not load here \(libasound.so.2: .*\): pip install"):
        load_sdk("azure.cognitiveservices.speech", "speech")


@pytest.mark.parametrize(
    ("cause", "told"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "connection refused: nothing listens there; check URL"),
        (OSError(-2, "Name or service not known"), "the host name cannot be resolved; check URL"),
        (ssl.SSLError("CERTIFICATE_VERIFY_FAILED"), "TLS refused: the certificate is not trusted; check URL"),
        (ssl.SSLError("WRONG_VERSION_NUMBER"), "TLS refused: the service speaks plain text at this port; check URL"),
        (ConnectionResetError(104, "Connection reset by peer"), "the connection was reset"),
        (OSError("something\nlong"), "no connection: something; check URL"),
    ],
)
def test_why_there_is_no_connection(cause: Exception, told: str) -> None:
    assert str(unreachable(cause, "URL")) == told
    if not told.startswith("no connection"):
        wrapped = RuntimeError("Connection error.")
        wrapped.__cause__ = cause
        assert str(unreachable(wrapped, "URL")) == told


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
        ({"retry-after": "7"}, 7),
        ({"retry-after": "soon"}, 0),
        ({}, 0),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], seconds: float) -> None:
    assert retry_after_s(headers) == seconds


def test_what_the_speech_sdk_cancels_for() -> None:
    wrong = cancelled(
        "AuthenticationFailure",
        "WebSocket upgrade failed: Authentication error (401). Please check the region. USP state: Sending.",
    )
    assert str(wrong) == (
        "AuthenticationFailure: WebSocket upgrade failed: Authentication error (401).; "
        "check SPEECH_KEY, and that it belongs to this resource and region"
    )
    assert not wrong.passing
    assert cancelled("ServiceTimeout", "").censored
    assert cancelled("ServiceUnavailable", "503").passing
    assert cancelled("TooManyRequests", "").status == 429


def test_a_blocking_call_is_left_behind_at_its_deadline() -> None:
    forever = threading.Event()
    with pytest.raises(ServiceError, match=r"no answer within 0\.05 s"):
        asyncio.run(blocking(forever.wait, 0.05))
    forever.set()
    with pytest.raises(ZeroDivisionError):
        asyncio.run(blocking(lambda: 1 // 0, 5))
    assert asyncio.run(blocking(lambda: 7, 5)) == 7


def test_a_loop_apart() -> None:
    async def work() -> int:
        return 7

    async def never() -> None:
        await asyncio.Event().wait()

    assert run_apart(work, 5) == 7
    with pytest.raises(ServiceError, match="no answer"):
        run_apart(never, 0.05)


def test_letters_of_another_thread_arrive_in_order_and_too_late_ones_nowhere() -> None:
    def post(mailbox: Mailbox) -> None:
        for number in range(3):
            mailbox.post(number)

    async def receive() -> tuple[Mailbox, list[int]]:
        mailbox = Mailbox()
        threading.Thread(target=post, args=(mailbox,)).start()
        return mailbox, [await mailbox.take() for _ in range(3)]

    mailbox, letters = asyncio.run(receive())
    assert letters == [0, 1, 2]
    mailbox.post(3)
