"""Rate limits as in Azure OpenAI: requests and tokens a minute, and concurrent requests.

The rule: tokens are counted before the answer (prompt and reply limit) in a window of a minute; requests a minute are
spread, so that each part of a minute admits only its share. A refused request does not count.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from pytest_rtmedload.embedded.llm.settings import LlmSettings

Headers = list[tuple[bytes, bytes]]

_SECOND: Final = 1_000_000_000
_MINUTE: Final = 60 * _SECOND
_SPREAD_PER_MINUTE: Final = 6
"""Azure looks at requests in periods of 1 s or 10 s; six shares a minute are 10 s."""
_BUSY_NS: Final = _SECOND
"""When to retry if too many requests run: the end of a running request cannot be known."""


class Refusal(NamedTuple):
    """Why a request may not run now."""

    unit: str
    """The exceeded limit: `requests`, `tokens` or `concurrency`."""
    limit: int
    wait_ns: int
    """Time after which a retry can succeed."""

    @property
    def headers(self) -> Headers:
        """Headers that state when to retry; the OpenAI client obeys `retry-after-ms` first."""
        seconds = b"%d" % math.ceil(self.wait_ns / _SECOND)
        return [(b"retry-after", seconds), (b"retry-after-ms", b"%d" % math.ceil(self.wait_ns / 1_000_000))]


class Window:
    """An allowance that is whole again at the end of each window; the first begins with the first request."""

    def __init__(self, limit: int, length_ns: int) -> None:
        self.limit = limit
        self.used = 0
        self._length = length_ns
        self._begin: int | None = None

    def wait(self, now: int, amount: int) -> int:
        """Nanoseconds until `amount` is available; 0: now. More than the whole allowance is never available."""
        return 0 if amount <= self.remaining(now) else self.left(now)

    def remaining(self, now: int) -> int:
        """The amount available now."""
        self._advance(now)
        return self.limit - self.used

    def left(self, now: int) -> int:
        """Nanoseconds until the allowance is whole again."""
        return self._length if self._begin is None else self._begin + self._length - now

    def _advance(self, now: int) -> None:
        if self._begin is None:
            self._begin = now
        elif now - self._begin >= self._length:
            self._begin += (now - self._begin) // self._length * self._length
            self.used = 0


class Limits:
    """All limits of the service; those that were not set limit nothing."""

    def __init__(self, settings: LlmSettings) -> None:
        self._windows: dict[str, tuple[int, Window]] = {}
        if settings.rpm is not None:
            share = math.ceil(settings.rpm / _SPREAD_PER_MINUTE)
            self._windows["requests"] = settings.rpm, Window(share, _MINUTE * share // settings.rpm)
        if settings.tpm is not None:
            self._windows["tokens"] = settings.tpm, Window(settings.tpm, _MINUTE)
        self._concurrency = settings.concurrency
        self.running = 0

    def admit(self, now: int, tokens: int) -> Refusal | None:
        """None: the request runs from now on, until `leave`."""
        if self._concurrency is not None and self.running >= self._concurrency:
            return Refusal("concurrency", self._concurrency, _BUSY_NS)
        needs = [(unit, window, 1 if unit == "requests" else tokens) for unit, (_, window) in self._windows.items()]
        for unit, window, amount in needs:
            if wait := window.wait(now, amount):
                return Refusal(unit, self._windows[unit][0], wait)
        for _, window, amount in needs:
            window.used += amount
        self.running += 1
        return None

    def leave(self) -> None:
        """A request that ran has ended."""
        self.running -= 1

    def headers(self, now: int) -> Headers:
        """Headers in every answer that state how much is left; empty without limits."""
        found: Headers = []
        for unit, (limit, window) in self._windows.items():
            name = unit.encode()
            found += [
                (b"x-ratelimit-limit-" + name, b"%d" % limit),
                (b"x-ratelimit-remaining-" + name, b"%d" % window.remaining(now)),
                (b"x-ratelimit-reset-" + name, b"%dms" % math.ceil(window.left(now) / 1_000_000)),
            ]
        return found
