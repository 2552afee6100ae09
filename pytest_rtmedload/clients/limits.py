"""Converts time-outs, in any of the accepted forms, to seconds.

The rule: unambiguous values are accepted, all others are refused in one line. A time-out that is not understood must
not turn into no time-out.
"""

from __future__ import annotations

from datetime import timedelta
from numbers import Real
from typing import Final, Protocol

from pytest_rtmedload.spec.durations import some_seconds


class Parts(Protocol):
    """What an `httpx.Timeout` and an `aiohttp.ClientTimeout` have in common."""

    @property
    def connect(self) -> float | None: ...  # noqa: D102 - theirs


Timeout = float | str | timedelta | Parts | None
"""Read by `seconds_of`."""

_PARTS: Final = ("read", "connect", "write", "pool", "sock_read", "sock_connect")
"""Attributes of `httpx.Timeout` and `aiohttp.ClientTimeout`; `total` comes before them."""
_READING: Final = ("read", "sock_read")


def seconds_of(timeout: object) -> float | None:
    """The seconds that a time-out stands for; None for no limit.

    Args:
        timeout: seconds, text such as `300ms`, a `timedelta`, an `httpx.Timeout` or `aiohttp.ClientTimeout`, whose
            total, or else the largest of whose parts, limits the whole operation; None for no limit.

    Raises:
        TypeError, ValueError: it is none of these; one line.
    """
    if timeout is None or timeout == float("inf"):
        return None
    if isinstance(timeout, timedelta):
        return some_seconds(timeout.total_seconds())
    if isinstance(timeout, str) or (isinstance(timeout, Real) and not isinstance(timeout, bool)):
        try:
            return some_seconds(timeout if isinstance(timeout, str) else float(timeout))
        except ValueError as error:
            raise ValueError(f"timeout={timeout!r}: {error}") from None
    return _of_parts(timeout)


def a_limit(timeout: object) -> float:
    """Like `seconds_of`, for a wait that must have a limit; 0 takes only what has already arrived.

    Raises:
        TypeError, ValueError: it has none, or is not understood; one line.
    """
    found = 0.0 if timeout == 0 and not isinstance(timeout, bool) else seconds_of(timeout)
    if found is None:
        raise ValueError(f"timeout={timeout!r}: a wait for a WebSocket's message has a limit, in seconds")
    return found


def _of_parts(timeout: object) -> float | None:
    total = getattr(timeout, "total", None)
    parts = {name: getattr(timeout, name) for name in _PARTS if hasattr(timeout, name)}
    if isinstance(total, Real):
        return some_seconds(float(total))
    if not parts or not all(each is None or isinstance(each, Real) for each in parts.values()):
        raise TypeError(
            f"timeout={timeout!r}: give seconds, text such as '300ms', an httpx.Timeout, or None for no limit"
        )
    if any(name in _READING and each is None for name, each in parts.items()):
        return None  # the caller wants to wait for the answer without a limit
    return some_seconds(max(float(each) for each in parts.values() if each is not None))
