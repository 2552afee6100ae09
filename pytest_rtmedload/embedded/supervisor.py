"""The one process the plugin starts: it owns the agent and its session store, and ends them.

The rule: whatever happens to whoever started it, nothing is left. Its standard input ends when the starter stops it or
dies, even by SIGKILL; then it ends its children, sweeps their process groups and removes the folder. Should it be
killed itself, the children see *their* input end. A child that dies takes the rest with it, and is named.

    python -m pytest_rtmedload.embedded.supervisor
    ← {"pairs": ["http.delay=fixed(20ms)"], "seed": 0, "parent": 1234}
    → {"ready": true, "url": "http://127.0.0.1:40123", "pid": …, "services": {…}, …} or {"ready": false, "error": "…"}
    → {"died": "agent", "exit": -9, "last": "…"}                                     (only if a child dies)
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, NamedTuple

from pytest_rtmedload.embedded.pipes import LineReader, on_end_of_input, read_config, say
from pytest_rtmedload.embedded.settings import EmbeddedSettings
from pytest_rtmedload.embedded.valkey_server import ServerMissingError, find_server, server_command, socket_path

GRACE_S = 2.0
"""How long a child may take to end when asked, before it is killed; more than the guard gives its server."""
PARENT_CHECK_S = 1.0
"""A fork of the starter may hold our standard input open after its death: so its being our parent is checked, too."""
LONGEST_SOCKET_PATH = 100
"""Unix sockets have at most 103 (macOS) or 107 (Linux) bytes of path."""
GUARD = Path(__file__).with_name("guard.py")


class End(NamedTuple):
    """Time to end, because the starter said so or is gone."""


class Said(NamedTuple):
    """A child printed a line."""

    child: str
    line: str


class Died(NamedTuple):
    """A child ended on its own."""

    child: str
    status: int
    last: str
    """Its last line on standard error; of a server that is not ours, else the last on standard output."""


Events = queue.SimpleQueue[End | Said | Died]


class Child:
    """A child process in a process group of its own, with its output read and its end reported."""

    def __init__(self, name: str, command: list[str], events: Events, config: dict[str, Any] | None = None) -> None:
        self.name = name
        self._events = events
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)  # noqa: S603
        assert self.process.stdin is not None and self.process.stdout is not None and self.process.stderr is not None  # noqa: S101, PT018 - pipes
        self._stdin = self.process.stdin
        self._stdout = LineReader(self.process.stdout, lambda line: events.put(Said(name, line)))
        self._ours = config is not None
        self._stderr = LineReader(self.process.stderr)
        if config is not None:
            with contextlib.suppress(BrokenPipeError):  # it died already: reported as such
                self._stdin.write(json.dumps(config).encode() + b"\n")
                self._stdin.flush()
        threading.Thread(target=self._report, daemon=True).start()

    def end(self) -> None:
        """Close its input, which asks it to end; then kill what is left of its group."""
        with contextlib.suppress(BrokenPipeError):
            self._stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(GRACE_S)
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: EPERM when only zombies are left
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def _report(self) -> None:
        status = self.process.wait()
        self._stdout.join(1.0)
        self._stderr.join(1.0)
        self._events.put(Died(self.name, status, self._stderr.last or ("" if self._ours else self._stdout.last)))


class Supervisor:
    """Starts the children, waits for the end, ends the children."""

    def __init__(self, settings: EmbeddedSettings, parent: int | None) -> None:
        self._settings = settings
        self._parent = parent
        self._children: list[Child] = []
        self.events: Events = queue.SimpleQueue()

    def run(self) -> int:
        """Returns the exit status: 0 when the starter wanted the end."""
        folder = _new_folder()
        try:
            self._start(folder)
            return self._watch()
        except (ServerMissingError, OSError) as error:
            say({"ready": False, "error": str(error)})
            return 1
        finally:
            for child in reversed(self._children):
                child.end()
            shutil.rmtree(folder, ignore_errors=True)

    def _start(self, folder: Path) -> None:
        program, self._source = find_server()
        self._store = str(socket_path(folder))
        server = server_command(program, folder)
        guarded = [sys.executable, "-I", "-S", str(GUARD), str(folder), *server]
        self._children.append(Child("valkey", guarded, self.events))
        config = {"pairs": self._settings.pairs, "seed": self._settings.seed, "store": self._store}
        agent = [sys.executable, "-m", "pytest_rtmedload.embedded.agent_process"]
        self._children.append(Child("agent", agent, self.events, config))

    def _watch(self) -> int:
        ready = False
        while True:
            try:
                event = self.events.get(timeout=PARENT_CHECK_S)
            except queue.Empty:
                if self._parent is not None and os.getppid() != self._parent:
                    return 0
                continue
            match event:
                case End():
                    return 0
                case Died(child, status, last) if ready:
                    say({"died": child, "exit": status, "last": last})
                    return 1
                case Died(child, status, last):
                    why = f": {last}" if last else ""
                    say({"ready": False, "error": f"the embedded {child} ended at its start with status {status}{why}"})
                    return 1
                case Said("agent", line) if not ready:
                    message = json.loads(line)
                    say(self._announcement(message) if message["ready"] else message)
                    if not message["ready"]:
                        return 1
                    ready = True

    def _announcement(self, agent: dict[str, Any]) -> dict[str, Any]:
        store, settings = agent["store"], self._settings
        return {
            "ready": True,
            "url": agent["url"],
            "pid": os.getpid(),
            "services": {
                "agent": {"url": agent["url"], "pid": agent["pid"]},
                "valkey": {"url": f"unix://{self._store}", "pid": int(store["pid"])},
            },
            "details": {
                "stand-in": "embedded agent, not RTMedAgent itself",
                "latency model": settings.latency,
                "faults": settings.faults,
                "seed": str(settings.seed),
                "session store": f"{store['name']} {store['version']} ({self._source})",
            },
        }


def _new_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="rtmedload-"))
    if len(str(socket_path(folder))) > LONGEST_SOCKET_PATH:
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix="rtmedload-", dir="/tmp"))  # short, and as private as any mkdtemp
    return folder


def main() -> int:
    """Run until standard input ends; returns the exit status."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    config = read_config()
    supervisor = Supervisor(EmbeddedSettings.parse(config["pairs"], config["seed"]), config.get("parent"))
    signal.signal(signal.SIGTERM, lambda *_: supervisor.events.put(End()))
    on_end_of_input(lambda: supervisor.events.put(End()))
    return supervisor.run()


if __name__ == "__main__":
    sys.exit(main())
