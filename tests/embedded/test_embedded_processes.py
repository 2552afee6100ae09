from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx2
import psutil
import pytest

from pytest_rtmedload.embedded import supervised
from pytest_rtmedload.embedded.launcher import EmbeddedAgent, EmbeddedAgentError
from pytest_rtmedload.embedded.settings import EmbeddedSettings
from pytest_rtmedload.embedded.supervised import Supervised

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def family(agent: EmbeddedAgent) -> list[psutil.Process]:
    """All processes of an agent."""
    supervisor = psutil.Process(agent.pid)
    return [supervisor, *supervisor.children(recursive=True)]


def ended(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE  # an orphan, in a container where nobody reaps
    except psutil.NoSuchProcess:
        return True


def wait_until_gone(processes: Iterable[psutil.Process], seconds: float = 15.0) -> None:
    """Return when all have ended."""
    deadline = time.monotonic() + seconds
    left = list(processes)
    while left:
        left = [process for process in left if not ended(process)]
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.01)


def assert_nothing_left(url: str, folder: Path) -> None:
    address = urlsplit(url)
    with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
        probe.connect((address.hostname, address.port))
    assert not folder.exists()


def folder_of(agent: EmbeddedAgent) -> Path:
    return Path(agent.store_url.removeprefix("unix://")).parent


def test_stop_leaves_nothing_and_may_be_called_again() -> None:
    with EmbeddedAgent.start() as agent:
        processes, folder = family(agent), folder_of(agent)
        assert len(processes) == 4  # supervisor, guard, Valkey, agent
        agent.stop()
        assert all(map(ended, processes))
        assert_nothing_left(agent.url, folder)
        assert agent.alive() == "the embedded agent was stopped"


def test_a_ctrl_c_does_not_take_the_agent_away_from_a_pytest_that_shuts_down() -> None:
    with EmbeddedAgent.start() as agent:
        for process in family(agent):
            assert os.getsid(process.pid) != os.getsid(0)  # a terminal's Ctrl-C does not reach it
            if process.pid != agent.services["redis"]["pid"]:  # which ends at once if somebody asks for it by hand
                process.send_signal(signal.SIGINT)
        for _ in range(10):
            assert httpx2.get(f"{agent.url}/health", trust_env=False).status_code == 200
        assert agent.alive() is None


def test_a_service_starts_when_it_is_first_asked_for_and_ends_with_the_rest() -> None:
    with EmbeddedAgent.start() as agent:
        with ThreadPoolExecutor() as threads:
            llms = list(threads.map(agent.service, ["llm"] * 4))
        assert all(llm is agent.services["llm"] for llm in llms)
        assert httpx2.get(f"{llms[0]['url']}/v1/models", trust_env=False).status_code == 401
        assert "first token" in agent.details["llm model"]
        processes = family(agent)
        assert len(processes) == 5
        with pytest.raises(EmbeddedAgentError, match=r"^no embedded service 'llama': there are agent, llm, "):
            agent.service("llama")
        agent.stop()
        assert all(map(ended, processes))
        assert_nothing_left(llms[0]["url"], folder_of(agent))
        with pytest.raises(EmbeddedAgentError, match=r"^the embedded agent was stopped$"):
            agent.service("llm")


def test_a_service_that_cannot_start_leaves_the_others_alone() -> None:
    with Supervised.launch(EmbeddedSettings.parse()) as running:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            with pytest.raises(EmbeddedAgentError, match=rf"^port {port} on 127\.0\.0\.1 is in use: free it"):
                running.service("llm", port=port)
        assert running.alive() is None
        assert running.service("llm", port=port)["url"] == f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("victim", ["supervisor", "agent", "redis", "guard", "llm", "everyone"])
def test_whoever_is_killed_nothing_is_left(victim: str) -> None:
    with EmbeddedAgent.start() as agent:
        if victim in ("llm", "everyone"):
            agent.service("llm")
        processes, folder = family(agent), folder_of(agent)
        pids = {"supervisor": agent.pid} | {name: service["pid"] for name, service in agent.services.items()}
        pids["guard"] = psutil.Process(pids["redis"]).ppid()
        for pid in pids.values() if victim == "everyone" else [pids[victim]]:
            os.kill(pid, signal.SIGKILL)
        wait_until_gone(processes)
        agent.wait_for_death(10)
        if victim != "everyone":
            assert_nothing_left(agent.url, folder)
        obituary = agent.alive()
        assert obituary is not None
        assert "-9" in obituary
        assert {"redis": "valkey", "guard": "valkey", "everyone": "supervisor"}.get(victim, victim) in obituary
    assert_nothing_left(agent.url, folder)  # stop removes the folder if nobody was left to do so


STARTER = """
import os, signal
from pytest_rtmedload.embedded.launcher import EmbeddedAgent
agent = EmbeddedAgent.start()
agent.service("llm")
if not os.fork():                       # a fork holds the supervisor's standard input open
    os.execlp("sleep", "sleep", "60")
print(agent.pid, agent.url, agent.store_url, flush=True)
signal.pause()
"""


def test_a_killed_starter_leaves_nothing() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STARTER], stdout=subprocess.PIPE, cwd=Path.cwd(), text=True
    ) as starter:
        assert starter.stdout is not None
        pid, url, store = starter.stdout.readline().split()
        processes = [psutil.Process(int(pid)), *psutil.Process(int(pid)).children(recursive=True)]
        forks = [child for child in psutil.Process(starter.pid).children() if child.pid != int(pid)]
        starter.kill()
        wait_until_gone(processes)
        for fork in forks:
            fork.kill()
    assert_nothing_left(url, Path(store.removeprefix("unix://")).parent)


def test_a_port_in_use_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(EmbeddedAgentError, match=rf"^port {port} on 127\.0\.0\.1 is in use: free it, or leave"):
            EmbeddedAgent.start(EmbeddedSettings.parse([f"port={port}"]))


def test_a_broken_valkey_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "valkey-server"
    broken.write_text("#!/bin/sh\necho 'cannot allocate memory' >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(
        EmbeddedAgentError, match=r"^the embedded valkey ended at its start with status 3: cannot allocate memory$"
    ):
        EmbeddedAgent.start()


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    find: Callable[[str], object] = supervised.importlib.util.find_spec
    monkeypatch.setattr(supervised.importlib.util, "find_spec", lambda name: None if name == "hiredis" else find(name))
    with pytest.raises(
        EmbeddedAgentError, match=r"^the embedded agent needs hiredis: pip install 'pytest-rtmedload\[embedded\]'$"
    ):
        EmbeddedAgent.start()


def test_windows_is_told_where_the_agent_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervised.sys, "platform", "win32")
    with pytest.raises(EmbeddedAgentError, match="runs on Linux and macOS: name a remote agent with --host URL"):
        EmbeddedAgent.start()


def test_too_little_time_is_told() -> None:
    with pytest.raises(EmbeddedAgentError, match=r"not ready within 0.001 s"):
        EmbeddedAgent.start(timeout=0.001)


@pytest.mark.parametrize("service", ["agent", "llm", "redis"])
def test_alone_for_people(service: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "pytest_rtmedload.embedded", service, f"--port={port}", "http.delay=1ms"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert told["url"] == f"{'redis' if service == 'redis' else 'http'}://127.0.0.1:{port}"
        assert bool(told["key"]) == (service == "llm")
        assert psutil.pid_exists(told["pid"])
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            process.stdin.close()
        assert process.wait(15) == 0
        assert not psutil.pid_exists(told["pid"])


@pytest.mark.parametrize(
    ("argument", "message"),
    [("http.delai=1ms", "no embedded setting"), ("port=99999", "whole number"), ("llm.rpm=x", "whole number")],
)
def test_alone_with_a_wrong_setting(argument: str, message: str) -> None:
    command = [sys.executable, "-m", "pytest_rtmedload.embedded", "agent", argument]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_its_processes_do_not_import_pytest() -> None:
    program = "import sys, pytest_rtmedload.embedded.supervisor; sys.exit('pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=Path.cwd(), timeout=30, check=False).returncode == 0
