"""Failures of the load generator itself: its open files, ports, memory, threads and name service.

The rule: they happen before anything is sent, so they say nothing about the agent. They are counted by kind, next to
the samples, and the verdict (`pytest_rtmedload/verdict/own_limits.py`) says what to do.
"""

from __future__ import annotations

import errno
import os
import re
import socket
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.clients.causes import links
from pytest_rtmedload.results.names import OwnLimit

if TYPE_CHECKING:
    from pytest_rtmedload.clients.recorder import SampleRecorder

_ERRNO: Final = {
    errno.EMFILE: OwnLimit.OPEN_FILES,
    errno.ENFILE: OwnLimit.OPEN_FILES_OF_MACHINE,
    errno.EADDRNOTAVAIL: OwnLimit.PORTS,
    errno.ENOBUFS: OwnLimit.MEMORY,
    errno.ENOMEM: OwnLimit.MEMORY,
}
_TEXT: Final = {
    **{os.strerror(number).lower(): limit for number, limit in _ERRNO.items()},
    "can't start new thread": OwnLimit.THREADS,
    "temporary failure in name resolution": OwnLimit.NAMES,
}
_NUMBER: Final = re.compile(r"\[Errno (-?\d+)\]|\(os error (\d+)\)")


def own_limit_in(error: BaseException | None) -> OwnLimit | None:
    """The limit of this process or machine that an exception, or one of its causes, has met."""
    return next((limit for link in links(error) if (limit := _met(link)) is not None), None)


def own_limit_said(text: str) -> OwnLimit | None:
    """Like `own_limit_in`, for a client that gives its causes as text only."""
    found = _NUMBER.search(text)
    if found and found[2]:
        return _ERRNO.get(int(found[2]))
    said = text.lower()
    return next((limit for sign, limit in _TEXT.items() if sign in said), None)


def count_own_limit(recorder: SampleRecorder, limit: OwnLimit | None) -> None:
    """Report the limit to the recorder, if it accepts it: a plain list in a test does not."""
    told = getattr(recorder, "own_limit", None)
    if limit is not None and told is not None:
        told(limit)


def _met(error: BaseException) -> OwnLimit | None:
    if isinstance(error, socket.gaierror):
        return OwnLimit.NAMES if error.errno == socket.EAI_AGAIN else None
    if isinstance(error, MemoryError):
        return OwnLimit.MEMORY
    if isinstance(error, OSError):
        return _ERRNO.get(error.errno or 0)
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        return OwnLimit.THREADS
    return None
