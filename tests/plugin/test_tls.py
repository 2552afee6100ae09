"""TLS as companies have it: an authority of their own, a name that only they know, a certificate that nobody checks."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import LoadRun

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")

SERVER = """
import pathlib, pytest, ssl, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass

class Server(ThreadingHTTPServer):
    def handle_error(self, *_):  # clients that do not trust it
        pass

def pytest_configure(config):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("chain.pem", "key.pem")
    server = Server(("127.0.0.1", int(pathlib.Path("port").read_text())), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    config.add_cleanup(server.server_close)
    config.add_cleanup(server.shutdown)
"""
TEST = """
import pytest

@pytest.mark.load(iterations=3, users=1)
async def test_health(load):
    assert (await load.http.get("/health")).text == "ok"
"""


@pytest.fixture
def agent(load_run_of: LoadRun, unused_port: int) -> str:
    """URL of an agent whose name no name server knows, and whose certificate no system trusts."""
    folder: Path = load_run_of.pytester.path
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test"
    names = "-addext subjectAltName=DNS:agent.test -addext basicConstraints=critical,CA:FALSE"
    files = f"-keyout {folder / 'key.pem'} -out {folder / 'chain.pem'}"
    subprocess.run(f"{command} {names} {files}".split(), check=True, capture_output=True)
    (folder / "port").write_text(str(unused_port))
    load_run_of.pytester.makeconftest(SERVER)
    load_run_of.file(test_it=TEST)
    return f"https://agent.test:{unused_port}"


@pytest.fixture
def unused_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def resolved(agent: str) -> str:
    return f"--load-resolve={agent.removeprefix('https://')}:127.0.0.1"


def test_an_authority_of_ones_own(load_run_of: LoadRun, agent: str) -> None:
    arguments = ("-m", "load", f"--host={agent}", resolved(agent))
    load_run_of(*arguments, "--load-ca=chain.pem", sizes=()).assert_outcomes(passed=1)
    refused = load_run_of(*arguments, sizes=())
    refused.assert_outcomes(failed=1)
    refused.stdout.fnmatch_lines(
        ["*does not answer: its certificate is not trusted (*): --load-ca FILE adds an authority*"]
    )


def test_certificates_that_are_not_checked_are_told(load_run_of: LoadRun, agent: str) -> None:
    result = load_run_of("-m", "load", f"--host={agent}", resolved(agent), "--load-insecure", sizes=())
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*(rtmedagent dialect, certificates not checked)*"])


def test_http_in_place_of_https(load_run_of: LoadRun, unused_port: int) -> None:
    load_run_of.pytester.makeconftest(
        SERVER.replace("context.wrap_socket(server.socket", "(lambda s, **_: s)(server.socket").replace(
            'context.load_cert_chain("chain.pem", "key.pem")', "pass"
        )
    )
    (load_run_of.pytester.path / "port").write_text(str(unused_port))
    load_run_of.file(test_it=TEST)
    result = load_run_of("-m", "load", f"--host=https://127.0.0.1:{unused_port}", sizes=())
    result.stdout.fnmatch_lines(["*this port does not speak TLS: write http:// instead of https://*"])


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--load-ca=nowhere.pem", "*--load-ca: nowhere.pem: there is no such file*"),
        ("--load-ca=test_it.py", "*--load-ca: test_it.py: not a PEM file with certificates*"),
        ("--load-resolve=agent:443", "*--load-resolve: 'agent:443': write HOST:PORT:ADDRESS*"),
    ],
)
def test_wrong_values_are_one_line(load_run_of: LoadRun, option: str, message: str) -> None:
    load_run_of.file(test_it=TEST)
    result = load_run_of("-m", "load", option, sizes=())
    assert result.ret == 4
    result.stderr.fnmatch_lines([message])
