"""Starting, watching and ending the embedded agent from another process: the plugin, a test, a command line.

The rule: a failure is one clear line (what, where, what to do), and whatever happens to this process, nothing of the
embedded agent is left behind.
"""

from __future__ import annotations

import contextlib
import http.client
import importlib.util
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from pytest_rtmedload.embedded import truth
from pytest_rtmedload.embedded.pipes import LineReader
from pytest_rtmedload.embedded.settings import EmbeddedSettings

if TYPE_CHECKING:
    from pytest_rtmedload.dialects import Operation

NEEDED = ("uvicorn", "httptools", "uvloop", "hiredis", "orjson")
GRACE_S = 8.0
"""More than the supervisor takes to end two stubborn children."""
_DISTORTING = ("COV_", "COVERAGE_", "PYTHONASYNCIODEBUG", "PYTHONDEVMODE", "PYTHONTRACEMALLOC", "PYTHONWARNINGS")
"""Coverage and debug modes of the tests would slow the agent down, whose latency is the truth."""


class EmbeddedAgentError(Exception):
    """The embedded agent cannot be started, or is gone; the text is one line."""


class EmbeddedAgent:
    """A running embedded agent. A context manager; `start` is the only way to make one."""

    url: str
    """Where it answers, such as `http://127.0.0.1:40123`."""
    store_url: str
    """Its Valkey, as `redis.from_url` takes it: `unix:///…/valkey.sock`."""
    pid: int
    """The supervisor's process id."""
    services: dict[str, dict[str, Any]]
    """Name → `url` and `pid` of each service."""
    details: dict[str, str]
    """For the report: latency model, faults, seed, session store."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None  # noqa: S101, PT018 - pipes
        self._process = process
        self._stdin = process.stdin
        self._messages: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._obituary: str | None = None
        self._folder: Path | None = None
        self._stdout = LineReader(process.stdout, self._hear, on_end=lambda: self._messages.put(None))
        self._stderr = LineReader(process.stderr)

    @classmethod
    def start(cls, settings: EmbeddedSettings | None = None, timeout: float = 20.0) -> Self:
        """Start an agent and wait until it answers, at most `timeout` seconds. Blocks.

        Raises:
            EmbeddedAgentError: it did not come up; the text says why and what to do.
        """
        settings = settings or EmbeddedSettings.parse()
        _check_platform()
        command = [sys.executable, "-m", "pytest_rtmedload.embedded.supervisor"]
        pipe = subprocess.PIPE
        process = subprocess.Popen(  # noqa: S603
            command, stdin=pipe, stdout=pipe, stderr=pipe, env=_environment(), start_new_session=True
        )
        agent = cls(process)
        try:
            agent._introduce(settings, timeout)
        except BaseException:
            agent.stop()
            raise
        return agent

    def alive(self) -> str | None:
        """None while it lives; afterwards one line that says how it died."""
        if self._obituary is None and self._process.poll() is not None:
            self._obituary = f"the embedded agent's supervisor ended with status {self._process.returncode}"
        return self._obituary

    def wait_for_death(self, timeout: float) -> str | None:
        """Wait until its processes have ended on their own, at most `timeout` seconds; returns what `alive` does."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout)
            self._stdout.join(GRACE_S)
        return self.alive()

    def truth(self) -> dict[Operation, truth.OperationTruth]:
        """What the agent measured about itself since the last reset."""
        return truth.read_truth(self._ask("GET", truth.PATH))

    def reset_truth(self) -> None:
        """Forget what was measured, and count stalls and slow starts from the next request."""
        self._ask("POST", truth.RESET_PATH)

    def stop(self) -> None:
        """End all its processes and wait until they are gone. May be called again."""
        with contextlib.suppress(OSError, ValueError):  # it is gone, or was stopped before
            self._stdin.write(b"stop\n")  # a fork of this process may hold the pipe open: do not rely on its end alone
        with contextlib.suppress(OSError):
            self._stdin.close()
        for number in (None, signal.SIGTERM, signal.SIGKILL):
            if number is not None:
                self._process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(GRACE_S)
                break
        self._stdout.join(GRACE_S)
        self._stderr.join(GRACE_S)
        if self._folder is not None:  # left over only if all its processes were killed at once
            shutil.rmtree(self._folder, ignore_errors=True)
        self._obituary = self._obituary or "the embedded agent was stopped"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _introduce(self, settings: EmbeddedSettings, timeout: float) -> None:
        config = {"pairs": settings.pairs, "seed": settings.seed, "parent": os.getpid()}
        with contextlib.suppress(BrokenPipeError):  # it died at once: its last line says why
            self._stdin.write(json.dumps(config).encode() + b"\n")
            self._stdin.flush()
        try:
            message = self._messages.get(timeout=timeout)
        except queue.Empty:
            raise EmbeddedAgentError(
                f"the embedded agent was not ready within {timeout:g} s: is the machine overloaded?"
            ) from None
        if message is None:
            self._stderr.join(1.0)
            raise EmbeddedAgentError(
                f"the embedded agent's supervisor ended at its start: {self._stderr.last or 'no reason given'}"
            )
        if not message["ready"]:
            raise EmbeddedAgentError(message["error"])
        self.url, self.pid, self.services = message["url"], message["pid"], message["services"]
        self.store_url, self.details = self.services["valkey"]["url"], message["details"]
        self._folder = Path(urlsplit(self.store_url).path).parent

    def _hear(self, line: str) -> None:
        message = json.loads(line)
        if "died" in message:
            last = f": {message['last']}" if message["last"] else ""
            self._obituary = f"the embedded {message['died']} died with status {message['exit']}{last}"
        else:
            self._messages.put(message)

    def _ask(self, method: str, path: str) -> dict[str, Any]:
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=30)
        try:
            connection.request(method, path)
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
        except OSError as error:
            raise EmbeddedAgentError(
                self.alive() or f"the embedded agent at {self.url} does not answer: {error}"
            ) from None
        finally:
            connection.close()
        return answer


def _check_platform() -> None:
    if sys.platform == "win32":
        raise EmbeddedAgentError("the embedded agent runs on Linux and macOS: name a remote agent with --host URL")
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        names = " and ".join(missing)
        raise EmbeddedAgentError(f"the embedded agent needs {names}: pip install 'pytest-rtmedload[embedded]'")


def _environment() -> dict[str, str]:
    """Ours, without what distorts latency, and with this very package on the path."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_DISTORTING)}
    here = str(Path(__file__).resolve().parents[2])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (here, environment.get("PYTHONPATH"))))
    return environment
