"""Child processes of the supervisor, and what they report.

The rule: a child runs in a process group of its own, which is killed with it; its output and its exit become events in
one queue, so that the supervisor handles everything in one place.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import threading
from typing import Any, NamedTuple

from pytest_rtmedload.embedded.pipes import LineReader

GRACE_S = 2.0
"""How long a child may take to end when asked, before it is killed; more than the guard gives its server."""


class EndOfService(NamedTuple):
    """The supervisor must end, because the starter said so or is gone."""


class Wanted(NamedTuple):
    """The starter asks for a service."""

    service: str
    port: int
    """On the loopback address; 0 for a free one."""


class ServiceMessage(NamedTuple):
    """A service reported that it is ready, or why it cannot start: a JSON object."""

    service: str
    message: dict[str, Any]


class Died(NamedTuple):
    """A child ended on its own."""

    child: Child
    status: int
    last: str
    """Its last line on standard error; of a server that is not ours, else the last on standard output."""


Events = queue.SimpleQueue[EndOfService | Wanted | ServiceMessage | Died]


class Child:
    """A child process; `title` is its name in messages, `config` the first line sent to a process of ours."""

    def __init__(
        self, service: str, title: str, command: list[str], events: Events, config: dict[str, Any] | None = None
    ) -> None:
        self.service = service
        self.title = title
        self._events = events
        self._ours = config is not None
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)  # noqa: S603
        assert self.process.stdin is not None and self.process.stdout is not None and self.process.stderr is not None  # noqa: S101, PT018 - pipes
        self._stdin = self.process.stdin
        self._stdout = LineReader(self.process.stdout, self._hear if self._ours else None)
        self._stderr = LineReader(self.process.stderr)
        if config is not None:
            with contextlib.suppress(BrokenPipeError):  # it died already: reported as such
                self._stdin.write(json.dumps(config).encode() + b"\n")
                self._stdin.flush()
        threading.Thread(target=self._report, daemon=True).start()

    def end(self) -> None:
        """Close its input, which asks it to end; then kill the rest of its process group."""
        with contextlib.suppress(BrokenPipeError):
            self._stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(GRACE_S)
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: EPERM when only zombies are left
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def _hear(self, line: str) -> None:
        with contextlib.suppress(ValueError):  # whatever else a library prints
            self._events.put(ServiceMessage(self.service, json.loads(line)))

    def _report(self) -> None:
        status = self.process.wait()
        self._stdout.join(1.0)
        self._stderr.join(1.0)
        self._events.put(Died(self, status, self._stderr.last or ("" if self._ours else self._stdout.last)))
