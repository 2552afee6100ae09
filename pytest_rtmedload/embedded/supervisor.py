"""The one process the plugin starts: it owns the agent, its session store and its services, and ends them.

The rule: whatever happens to the starter, no process is left over. Its standard input ends when the starter stops it or
dies, even by SIGKILL; then it ends its children, kills their process groups and removes the folder. If it is killed
itself, the children see *their* input end. A service starts when it is requested; one that cannot start is reported and
does not affect the others; one that dies later ends all the others, and the message names it.

    python -m pytest_rtmedload.embedded.supervisor
    ← {"pairs": ["http.delay=fixed(20ms)"], "seed": 0, "parent": 1234}
    ← {"start": "agent"} or {"start": "llm", "port": 8010}, as often as wanted; anything else is the end
    → {"service": "agent", "ready": true, "url": "http://127.0.0.1:40123", "key": "", "pid": …, "details": {…}}
    → {"service": "llm", "ready": false, "error": "…"}
    → {"died": "agent", "exit": -9, "last": "…"}                                     (only if a child dies)
"""

from __future__ import annotations

import os
import queue
import shutil
import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_rtmedload.embedded.children import Child, Died, EndOfService, Events, ServiceMessage, Wanted
from pytest_rtmedload.embedded.pipes import on_requests, read_config, say
from pytest_rtmedload.embedded.services import AGENT, MODULES, REDIS, SERVICES
from pytest_rtmedload.embedded.valkey_server import (
    ServerMissingError,
    find_server,
    server_command,
    socket_path,
    wait_for_server,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

PARENT_CHECK_S = 1.0
"""A fork of the starter may hold our standard input open after its death, so the parent process id is checked, too."""
LONGEST_SOCKET_PATH = 100
"""Unix sockets have at most 103 (macOS) or 107 (Linux) bytes of path."""
GUARD = Path(__file__).with_name("process_guard.py")


class Supervisor:
    """Starts the requested children, waits for the end, and ends the children."""

    def __init__(self, pairs: Sequence[str], seed: int, parent: int | None) -> None:
        self._behaviour = {"pairs": list(pairs), "seed": seed}
        self._parent = parent
        self._children: dict[str, Child] = {}
        self._ready: dict[str, dict[str, Any]] = {}
        self._folder: Path | None = None
        self.events: Events = queue.SimpleQueue()

    def run(self) -> int:
        """Returns the exit status: 0 when the starter wanted the end."""
        try:
            return self._watch()
        finally:
            for child in reversed(self._children.values()):
                child.end()
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)

    def _watch(self) -> int:
        while True:
            try:
                event = self.events.get(timeout=PARENT_CHECK_S)
            except queue.Empty:
                if self._parent is not None and os.getppid() != self._parent:
                    return 0
                continue
            match event:
                case EndOfService():
                    return 0
                case Wanted():
                    self._start(event)
                case ServiceMessage(service, message):
                    self._answer(service, message)
                case Died() if self._bury(event):
                    return 1

    def _start(self, wanted: Wanted) -> None:
        if wanted.service in self._ready:
            say(self._ready[wanted.service])
            return
        try:
            if wanted.service in (AGENT, REDIS):
                self._start_store(wanted.port if wanted.service == REDIS else 0)
            if wanted.service not in self._children:
                self._start_service(wanted)
        except (ServerMissingError, OSError) as error:
            self._answer(wanted.service, {"ready": False, "error": str(error)})

    def _start_service(self, wanted: Wanted) -> None:
        config = self._behaviour | {"port": wanted.port}
        if self._folder is not None:
            config["store"] = str(socket_path(self._folder))
        command = [sys.executable, "-m", MODULES[wanted.service]]
        self._children[wanted.service] = Child(wanted.service, wanted.service, command, self.events, config)

    def _start_store(self, port: int) -> None:
        if REDIS in self._children:
            return
        program, source = find_server()
        self._folder = folder = _new_folder()
        guarded = [sys.executable, "-I", "-S", str(GUARD), str(folder), *server_command(program, folder, port)]
        self._children[REDIS] = Child(REDIS, "valkey", guarded, self.events)

        def watch() -> None:
            message = wait_for_server(folder, source, port)
            if message is not None:
                self.events.put(ServiceMessage(REDIS, message))

        threading.Thread(target=watch, daemon=True).start()

    def _answer(self, service: str, message: dict[str, Any]) -> None:
        message = {"service": service, **message}
        if message["ready"]:
            self._ready[service] = message
        elif service in self._children:
            self._children.pop(service).end()
        say(message)

    def _bury(self, died: Died) -> bool:
        """True if the supervisor must end now."""
        service = died.child.service
        if self._children.get(service) is not died.child:  # it said that it cannot start
            return False
        if service in self._ready or (service == REDIS and AGENT in self._ready):
            say({"died": died.child.title, "exit": died.status, "last": died.last})
            return True
        why = f": {died.last}" if died.last else ""
        error = f"the embedded {died.child.title} ended at its start with status {died.status}{why}"
        for victim in {service, AGENT} & {*self._children} if service == REDIS else {service}:
            self._answer(victim, {"ready": False, "error": error})
        return service == REDIS


def _new_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="rtmedload-"))
    if len(str(socket_path(folder))) > LONGEST_SOCKET_PATH:
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix="rtmedload-", dir="/tmp"))  # short, and as private as any mkdtemp
    return folder


def _wanted(request: dict[str, Any]) -> Wanted | EndOfService:
    service = request.get("start")
    return Wanted(service, request.get("port", 0)) if service in SERVICES else EndOfService()


def main() -> int:
    """Run until standard input ends; returns the exit status."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    config = read_config()
    supervisor = Supervisor(config["pairs"], config["seed"], config.get("parent"))
    put = supervisor.events.put
    signal.signal(signal.SIGTERM, lambda *_: put(EndOfService()))
    on_requests(lambda request: put(_wanted(request)), lambda: put(EndOfService()))
    return supervisor.run()


if __name__ == "__main__":
    sys.exit(main())
