"""`pytest-rtmedload doctor`: what it sees in a project, of services, of a machine; what prevents a run and what not."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import psutil
import pytest

from pytest_rtmedload.command import generator, installed, machine, reachable
from pytest_rtmedload.command.findings import Finding, Severity, stop
from pytest_rtmedload.command.installed import look_at_packages
from pytest_rtmedload.command.machine import clock_step_ns, cpu_quota, look_at_machine
from pytest_rtmedload.command.main import main
from pytest_rtmedload.command.reachable import look_at_services
from pytest_rtmedload.embedded.valkey_server import ServerMissingError
from pytest_rtmedload.spec.endpoints import VARIABLES, Endpoint
from tests.conftest import LoadRun


class Diagnosis:
    """Lets the doctor look at a project of its own."""

    def __init__(self, project: LoadRun, capsys: pytest.CaptureFixture[str]) -> None:
        self.project = project
        self.capsys = capsys

    def __call__(self, *arguments: str) -> tuple[int, dict[str, str]]:
        """Its exit status, and what it said: what → mark and finding."""
        status = main(["doctor", "--no-measure", "--", *arguments])
        lines = self.capsys.readouterr().out.splitlines()
        return status, {line[6:18].strip(): f"{line[:5].strip()} {line[19:]}" for line in lines if line[5:6] == " "}


@pytest.fixture
def diagnosis(load_run_of: LoadRun, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Diagnosis:
    for variables in VARIABLES.values():
        for name in variables.names:
            monkeypatch.delenv(name, raising=False)
    return Diagnosis(load_run_of, capsys)


@pytest.fixture
def agent() -> Iterator[str]:
    """Answers every request with 404, which is an answer."""

    class Silent(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Silent)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def nobody() -> str:
    """An address at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return f"127.0.0.1:{taken.getsockname()[1]}"


def test_a_project_where_a_quick_run_could_start(diagnosis: Diagnosis) -> None:
    status, found = diagnosis()
    assert status == 0
    assert found["plugin"].endswith(f"loads it; root {diagnosis.project.pytester.path}")
    assert found["options"] == "ok suite quick, up to 24 users, the embedded agent, dialect rtmedagent"
    assert found["results"] == f"ok {diagnosis.project.pytester.path / 'results'}, which the first run makes"
    assert found["agent"].startswith("ok none named: the embedded one would be started")
    assert found["llm"].startswith("ok none named: the embedded one")
    assert {"version", "packages", "cores", "open files", "ports", "Valkey", "event loop", "clock"} <= set(found)
    assert not (diagnosis.project.pytester.path / "results").exists()


def test_options_count_from_wherever_a_run_takes_them(
    diagnosis: Diagnosis, agent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (diagnosis.project.pytester.path / "tox.ini").open("a") as ini:
        ini.write(f"\nload_host = {agent.replace('//', '//user:s3cret@')}\nload_users = 17\n")
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", agent)
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "s3cret-too")
    status, found = diagnosis("--load-suite=standard")
    assert status == 0
    assert found["options"] == f"ok suite standard, up to 17 users, {agent}, dialect rtmedagent"
    assert found["agent"] == f"ok {agent} answers"
    assert found["llm"].endswith("(AZURE_OPENAI_ENDPOINT) answers (its key was not tried)")
    assert found["cosmos"].startswith("note none named, its tests are skipped; set COSMOS_ENDPOINT or")
    assert "17 users may need" in found["open files"]
    assert "s3cret" not in str(found)


def test_a_named_agent_that_does_not_answer_prevents_a_run(diagnosis: Diagnosis, nobody: str) -> None:
    status, found = diagnosis("--load-host", f"http://{nobody}")
    assert status == 1
    assert found["agent"].startswith(f"STOP the agent at http://{nobody} does not answer: connection refused")


@pytest.mark.parametrize(
    ("arguments", "what", "said"),
    [
        (["-p", "no:rtmedload"], "plugin", "STOP pytest does not load pytest-rtmedload; remove -p no:rtmedload"),
        (["--load-users=many"], "options", "STOP --load-users: 'many' is not a whole number of at least 1; correct it"),
        (["--no-such-option"], "pytest", "STOP does not start here: ERROR: "),
    ],
)
def test_what_prevents_a_run(diagnosis: Diagnosis, arguments: list[str], what: str, said: str) -> None:
    status, found = diagnosis(*arguments)
    assert status == 1
    assert found[what].startswith(said)
    assert "cores" in found


def test_services_that_do_not_answer_are_notes(nobody: str) -> None:
    environment = {
        "REDIS_URL": f"redis://:s3cret@{nobody}",
        "OPENAI_BASE_URL": f"http://{nobody}/v1",
        "OPENAI_API_KEY": "s3cret",
        "COSMOS_ENDPOINT": "no URL with s3cret",
    }
    found = {finding.what: finding for finding in look_at_services(embedded=True, environment=environment)}
    assert {finding.mark for finding in found.values()} == {Severity.LIMIT, Severity.WELL}
    assert "does not answer: connection refused" in found["redis"].found
    assert found["llm"].line().endswith("does not answer: connection refused; its tests will fail")
    assert found["cosmos"].found.startswith("COSMOS_ENDPOINT is not a URL")
    assert "embedded" in found["speech"].found
    assert "s3cret" not in "".join(finding.line() for finding in found.values())


@pytest.mark.parametrize(
    ("service", "named", "asked"),
    [
        ("speech", "westeurope", "https://westeurope.api.cognitive.microsoft.com"),
        ("speech", "wss://x.example/path", "https://x.example"),
        ("llm", "http://x.example:81/v1", "http://x.example:81"),
    ],
)
def test_where_a_service_is_asked(service: str, named: str, asked: str) -> None:
    assert reachable._url(Endpoint(service, named, "TEST")) == asked


def test_extras_that_are_missing_say_what_they_would_enable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installed, "packages_of", lambda _: ["uvicorn", "no-such-thing"])
    lines = [finding.line() for finding in look_at_packages()]
    assert lines[2] == (
        "note  [embedded]   without no-such-thing: no the embedded agent and its services; "
        "pip install 'pytest-rtmedload[embedded]'"
    )


def marks(users: int = 10, *, embedded: bool = True, uvloop: bool = False) -> dict[str, Severity]:
    return {f.what: f.mark for f in look_at_machine(users, embedded=embedded, uvloop=uvloop)}


def test_a_machine_that_is_too_small(monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    def missing() -> None:
        raise ServerMissingError("there is none")

    monkeypatch.setattr(machine, "usable_cores", lambda: 1)
    monkeypatch.setattr(machine, "find_server", missing)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
    found = marks(500, uvloop=True)
    assert (found["cores"], found["Valkey"], found["open files"]) == (Severity.LIMIT, Severity.STOP, Severity.STOP)
    found = marks(5, embedded=False)
    assert (found["cores"], found["Valkey"], found["open files"]) == (Severity.WELL, Severity.LIMIT, Severity.WELL)


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, None),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "50000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 0.5),
        ({"cpu.max": "nonsense"}, None),
    ],
)
def test_the_cores_of_a_container(tmp_path: Path, files: dict[str, str], cores: float | None) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert cpu_quota(tmp_path) == cores


def test_the_clock_moves_in_steps_of_less_than_a_millisecond() -> None:
    assert 0 < clock_step_ns() < 1_000_000


def test_what_a_core_can_do_is_measured_and_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generator, "MEASURED_S", 0.2)
    before = {child.pid for child in psutil.Process().children()}
    http, calls = generator.look_at_generator(uvloop=False)
    assert (http.mark, calls.mark) == (Severity.WELL, Severity.WELL), (http, calls)
    assert "an estimate from" in http.found
    assert "frames/s on one core, which is" in calls.found
    assert generator.COMMAND in calls.found
    assert {child.pid for child in psutil.Process().children()} == before


def test_what_cannot_be_measured_is_one_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    (finding,) = generator.look_at_generator(uvloop=False)
    assert finding.mark is Severity.LIMIT
    assert finding.line().endswith("skip it with --no-measure")


def test_a_finding_is_one_line() -> None:
    assert stop("files", "a\nb\x1b[31m", "do\nit").line() == "STOP  files        a b\\x1b[31m; do it"
    assert Finding(Severity.WELL, "x", "y").line() == "ok    x            y"
