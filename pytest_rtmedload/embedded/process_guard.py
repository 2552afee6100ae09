"""Runs a third-party server and ensures that it does not outlive the process that started this guard.

The rule: when standard input ends, the server is ended and its folder removed; when the server ends, the guard ends
with the same status. On Linux the kernel also kills the server if the guard is killed. Run as an isolated script that
uses the standard library only: it starts in 20 ms and needs 8 MB.

    python -I -S process_guard.py FOLDER COMMAND [ARGUMENT …]
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading

GRACE_S = 1.0
_PR_SET_PDEATHSIG = 1


def main() -> int:
    """Run the command until it or standard input ends; returns its exit status."""
    folder, *command = sys.argv[1:]
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=_die_with_parent)  # noqa: PLW1509, S603 - single-threaded here
    threading.Thread(target=_end_with_input, args=(server,), daemon=True).start()
    status = server.wait()
    shutil.rmtree(folder, ignore_errors=True)
    if status < 0:  # die as the server did, so that the supervisor reports the server's own end
        signal.signal(-status, signal.SIG_DFL) if -status != signal.SIGKILL else None
        os.kill(os.getpid(), -status)
    return status


def _die_with_parent() -> None:
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _end_with_input(server: subprocess.Popen[bytes]) -> None:
    os.read(0, 1)
    server.terminate()
    try:
        server.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        server.kill()


if __name__ == "__main__":
    sys.exit(main())
