"""https: certificates are checked unless told otherwise, and a client per user is not made on the event loop."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from pytest_rtmedload.clients.errors import ConnectError
from tests.clients.fake_http import Connect, Rows, Serve

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate"),
]


CA = "-addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Files of a self-signed certificate for 127.0.0.1 and of its key."""
    folder: Path = tmp_path_factory.mktemp("tls")
    chain, key = str(folder / "chain.pem"), str(folder / "key.pem")
    command = f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test {CA}"
    subprocess.run([*command.split(), "-keyout", key, "-out", chain], check=True, capture_output=True)
    return chain, key


def context(certificate: tuple[str, str]) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(*certificate)
    return made


async def test_unknown_certificate_is_rejected(
    serve: Serve, connect: Connect, rows: Rows, certificate: tuple[str, str]
) -> None:
    server = await serve(ssl=context(certificate))
    with pytest.raises(ConnectError, match="invalid peer certificate"):
        await connect(f"https://127.0.0.1:{server.port}").get("/health")
    assert rows.outcomes == [("GET /health", "failed")]
    assert server.requests == []


@pytest.mark.parametrize("trusted", [True, False])
async def test_certificate_can_be_trusted_or_ignored(
    serve: Serve, connect: Connect, rows: Rows, certificate: tuple[str, str], trusted: bool
) -> None:
    server = await serve(ssl=context(certificate))
    http = connect(f"https://127.0.0.1:{server.port}", verify=certificate[0] if trusted else False)
    first, second = await asyncio.gather(http.get("/a"), http.get("/b"))
    assert (first.status_code, second.status_code) == (200, 200)
    assert sorted(rows.outcomes) == [("GET /a", "ok"), ("GET /b", "ok")]
    (_, start, end, _), _ = rows.samples
    assert end > start


async def test_authorities_that_cannot_be_read_are_an_error_of_the_caller(connect: Connect, rows: Rows) -> None:
    http = connect("https://127.0.0.1:9", verify="no-such-file.pem")
    with pytest.raises(FileNotFoundError):
        await http.get("/")
    assert rows.samples == []
    await http.aclose()
