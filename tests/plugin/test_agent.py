"""The agent: embedded when a test needs one and none is named, never otherwise."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest

from tests.conftest import LoadRun


class Anything(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.seen.append((self.path, dict(self.headers)))  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def server() -> Iterator[http.server.ThreadingHTTPServer]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Anything)
    server.seen = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


RELATIVE = """
import pytest

@pytest.mark.load(iterations=3)
async def test_health(load):
    response = await load.http.get("/health")
    assert response.status_code == 200
"""


def test_a_relative_url_starts_the_embedded_agent(load_run_of: LoadRun) -> None:
    load_run_of.file(test_it=RELATIVE)
    load_run_of().assert_outcomes(passed=1)
    result = load_run_of.result()
    assert result["run"]["agent"]["embedded"] is True
    assert result["tests"][0]["iterations"] == 9
    assert result["tests"][0]["metrics"]["GET /health"]["count"] == 9


def test_absolute_urls_need_no_agent(load_run_of: LoadRun, server: http.server.ThreadingHTTPServer) -> None:
    load_run_of.file(
        test_it=RELATIVE.replace('"/health"', f'"http://127.0.0.1:{server.server_port}/mine?token=secret"')
    )
    load_run_of().assert_outcomes(passed=1)
    result = load_run_of.result()
    assert result["run"]["agent"] == {"url": None, "dialect": "rtmedagent", "embedded": False, "details": {}}
    assert result["tests"][0]["metrics"]["GET /mine"]["count"] == 9


def test_a_named_agent_gets_the_headers_and_reports_do_not(
    load_run_of: LoadRun, server: http.server.ThreadingHTTPServer
) -> None:
    load_run_of.file(test_it=RELATIVE)
    url = f"http://127.0.0.1:{server.server_port}"
    result = load_run_of(f"--host={url}", "--load-header", "Authorization: Bearer s3cr3t-token")
    result.assert_outcomes(passed=1)
    path, headers = server.seen[-1]  # type: ignore[attr-defined]
    headers = {name.lower(): value for name, value in headers.items()}
    assert (path, headers["authorization"]) == ("/health", "Bearer s3cr3t-token")
    written = [file.read_text() for file in (load_run_of.pytester.path / "results").iterdir()]
    assert len(written) == 10
    assert "s3cr3t-token" not in "".join(written) + result.stdout.str()
    assert load_run_of.result()["run"]["agent"]["url"] == url


def test_the_agent_fixture_tells_url_and_dialect(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import pytest

        @pytest.mark.load(iterations=1)
        async def test_it(load, agent):
            assert agent.embedded
            assert agent.dialect.name == "artagent-v1"
            response = await load.http.get(agent.url + agent.dialect.paths.health)
            assert response.status_code == 200
        """
    )
    load_run_of("--load-dialect=artagent-v1").assert_outcomes(passed=1)


def test_calls_at_a_remote_agent_need_consent(load_run_of: LoadRun, server: http.server.ThreadingHTTPServer) -> None:
    load_run_of.file(
        test_it="""
        import pytest

        @pytest.mark.load(iterations=1)
        async def test_it(load, agent):
            load.count("may call" if agent.number_to_call else "may not call")
        """
    )
    url = f"--host=http://127.0.0.1:{server.server_port}"
    load_run_of(url).assert_outcomes(passed=1)
    assert "may not call" in load_run_of.result()["tests"][0]["counts"]
    load_run_of(url, "--load-allow-calls", "--load-call-number=+15550100001").assert_outcomes(passed=1)
    assert "may call" in load_run_of.result()["tests"][0]["counts"]


def test_credentials_do_not_travel_to_other_servers(
    load_run_of: LoadRun, server: http.server.ThreadingHTTPServer
) -> None:
    load_run_of.file(test_it=RELATIVE.replace('"/health"', f'"http://localhost:{server.server_port}/other"'))
    url = f"http://127.0.0.1:{server.server_port}"
    load_run_of(f"--host={url}", "--load-header", "Authorization: Bearer s3cr3t-token").assert_outcomes(passed=1)
    _, headers = server.seen[-1]  # type: ignore[attr-defined]
    assert "authorization" not in {name.lower() for name in headers}
