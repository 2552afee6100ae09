"""The starter's side of a supervisor: requests services, reads their reports, and ends everything.

The rule: a failure is one clear line (what, where, what to do), every wait is bounded, and whatever happens to this
process, no process of the embedded agent is left over.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pytest_rtmedload.embedded.pipes import LineReader
from pytest_rtmedload.embedded.services import SERVICES, Service

if TYPE_CHECKING:
    from pytest_rtmedload.embedded.settings import EmbeddedSettings

NEEDED = ("uvicorn", "httptools", "uvloop", "hiredis", "orjson", "websockets")
START_S = 20.0
"""How long a service may take until it is ready; half a second is usual."""
GRACE_S = 8.0
"""More than the supervisor takes to end stubborn children."""
_DISTORTING = ("COV_", "COVERAGE_", "PYTHONASYNCIODEBUG", "PYTHONDEVMODE", "PYTHONTRACEMALLOC", "PYTHONWARNINGS")
"""Coverage and debug modes of the tests would slow down the agent, whose latency is the reference."""


class EmbeddedAgentError(Exception):
    """The embedded agent or a service of it cannot be started, or is gone; the text is one line."""


class Supervised:
    """A running supervisor. A context manager; `launch` is the only way to make one."""

    pid: int
    """The supervisor's process id."""
    services: dict[str, Service]
    """Those that run, by name."""
    details: dict[str, str]
    """For the report: latency models, faults, seed, session store."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None  # noqa: S101, PT018 - pipes
        self.pid, self.services, self.details = process.pid, {}, {}
        self._process = process
        self._stdin = process.stdin
        self._starting = {name: threading.Lock() for name in SERVICES}
        self._answers: dict[str, queue.SimpleQueue[dict[str, Any] | None]]
        self._answers = {name: queue.SimpleQueue() for name in SERVICES}
        self._obituary: str | None = None
        self._folder: Path | None = None
        self._stdout = LineReader(process.stdout, self._hear, on_end=self._hear_the_end)
        self._stderr = LineReader(process.stderr)

    @classmethod
    def launch(cls, settings: EmbeddedSettings) -> Self:
        """Start a supervisor; no service runs yet.

        Raises:
            EmbeddedAgentError: it cannot run here; the text says why and what to do.
        """
        check_platform()
        command = [sys.executable, "-m", "pytest_rtmedload.embedded.supervisor"]
        pipe = subprocess.PIPE
        process = subprocess.Popen(  # noqa: S603
            command, stdin=pipe, stdout=pipe, stderr=pipe, env=_environment(), start_new_session=True
        )
        supervised = cls(process)
        supervised._tell({"pairs": settings.pairs, "seed": settings.seed, "parent": os.getpid()})
        return supervised

    def service(self, name: str, timeout: float = START_S, port: int = 0) -> Service:
        """A service by name (see `services`), started when it is first asked for. Blocks; any thread may ask.

        Args:
            name: `llm`, `cosmos`, `speech`, `redis` or `agent`.
            timeout: seconds it may take until it is ready.
            port: on 127.0.0.1, for one that does not run yet; 0 takes a free one.

        Raises:
            EmbeddedAgentError: there is no such service, it cannot start, or the embedded agent is gone.
        """
        if name not in SERVICES:
            raise EmbeddedAgentError(f"no embedded service {name!r}: there are {', '.join(SERVICES)}")
        with self._starting[name]:
            if died := self.alive():
                raise EmbeddedAgentError(died)
            if name not in self.services:
                self._tell({"start": name, "port": port})
                self._welcome(name, self._answer(name, timeout))
            return self.services[name]

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

    def _tell(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(BrokenPipeError):  # it died at once: its last line says why
            self._stdin.write(json.dumps(message).encode() + b"\n")
            self._stdin.flush()

    def _answer(self, name: str, timeout: float) -> dict[str, Any]:
        try:
            message = self._answers[name].get(timeout=timeout)
        except queue.Empty:
            raise EmbeddedAgentError(
                f"the embedded {name} was not ready within {timeout:g} s: is the machine overloaded?"
            ) from None
        if message is None:
            died = self.wait_for_death(GRACE_S) or "the embedded agent's supervisor is silent"
            self._stderr.join(1.0)
            why = f": {self._stderr.last}" if self._stderr.last else ""
            raise EmbeddedAgentError(f"{died}{why}")
        if not message["ready"]:
            raise EmbeddedAgentError(message["error"])
        return message

    def _welcome(self, name: str, message: dict[str, Any]) -> None:
        self.services[name] = {"url": message["url"], "key": message["key"], "pid": message["pid"]}
        self.details |= message["details"]
        if "folder" in message:
            self._folder = Path(message["folder"])

    def _hear(self, line: str) -> None:
        message = json.loads(line)
        if "died" in message:
            last = f": {message['last']}" if message["last"] else ""
            self._obituary = f"the embedded {message['died']} died with status {message['exit']}{last}"
        else:
            self._answers[message["service"]].put(message)

    def _hear_the_end(self) -> None:
        for answers in self._answers.values():
            answers.put(None)


def check_platform() -> None:
    """Check that the embedded agent can run here.

    Raises:
        EmbeddedAgentError: another platform, or packages are missing.
    """
    if sys.platform == "win32":
        raise EmbeddedAgentError("the embedded agent runs on Linux and macOS: name a remote agent with --host URL")
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        names = " and ".join(missing)
        raise EmbeddedAgentError(f"the embedded agent needs {names}: pip install 'pytest-rtmedload[embedded]'")


def _environment() -> dict[str, str]:
    """Our environment without variables that distort latency, and with this package on the path."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_DISTORTING)}
    here = str(Path(__file__).resolve().parents[2])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (here, environment.get("PYTHONPATH"))))
    return environment
