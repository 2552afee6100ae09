"""Whether a service lets us in, asked once for all tests of it.

The rule: a service that is down, refuses the key or has no client here is one reason, found before any user starts and
within a deadline of our own; after the first test it is known and nobody asks again.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pytest_rtmedload.backends.errors import SdkMissing, ServiceError, one_line
from pytest_rtmedload.backends.threads import run_apart
from pytest_rtmedload.spec.endpoints import DEFAULT
from pytest_rtmedload.text.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pytest_rtmedload.spec.endpoints import Endpoint

PATIENCE_S: Final = 10.0
"""The longest a service may take to let us in; a cold client's import comes on top."""
TRIES: Final = 5
"""A service that refuses now and then is one to be tested."""
_PAUSE_S: Final = 0.2
_HOLD_UP_S: Final = 20.0


class NotReady(Exception):  # noqa: N818 - says what is the case
    """The service cannot be tested; the message is one line that says why."""

    def __init__(self, reason: str, *, broken: bool) -> None:
        super().__init__(reason)
        self.broken = broken
        """True for the first test that meets a service which should answer and does not. Later ones have no failure of
        their own, nor have those that lack a client or whose service nobody named."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A service that answers."""

    endpoint: Endpoint
    found: Any
    """What was found or made when it was asked."""


class Readiness:
    """Remembers what was asked."""

    def __init__(self) -> None:
        self._ready: dict[Endpoint, Ready] = {}
        self._reasons: dict[Endpoint, str] = {}

    def ask(self, endpoint: Endpoint, ask: Callable[[Endpoint, float], Awaitable[Any]]) -> Ready:
        """The service, once it has answered. Blocks.

        Args:
            endpoint: where it is.
            ask: asks it, within so many seconds.

        Raises:
            NotReady: it does not let us in.
        """
        if endpoint in self._reasons:
            raise NotReady(self._reasons[endpoint], broken=False)
        if endpoint not in self._ready:
            try:
                self._ready[endpoint] = Ready(endpoint, _asked(endpoint, ask))
            except Exception as error:  # noqa: BLE001 - a traceback of a client's own would show what it was given
                raise self._remembered(endpoint, error) from None
        return self._ready[endpoint]

    def _remembered(self, endpoint: Endpoint, error: Exception) -> NotReady:
        missing = isinstance(error, SdkMissing)
        why = (
            str(error) if isinstance(error, SdkMissing | ServiceError) else f"{type(error).__name__}: {one_line(error)}"
        )
        guessed = endpoint.source == DEFAULT
        told = why if missing else f"{endpoint.described} cannot be tested: {why}"
        if guessed and not missing:
            told = f"nobody said where its {endpoint.service} is, and {told}"
        self._reasons[endpoint] = reason = redact(told, (endpoint.key, endpoint.token))
        return NotReady(reason, broken=not missing and not guessed)


def _asked(endpoint: Endpoint, ask: Callable[[Endpoint, float], Awaitable[Any]]) -> Any:
    async def asking() -> Any:
        for _ in range(TRIES - 1):
            try:
                return await ask(endpoint, PATIENCE_S)
            except ServiceError as error:
                if not error.passing:
                    raise
                await asyncio.sleep(_PAUSE_S)
        return await ask(endpoint, PATIENCE_S)

    return run_apart(asking, PATIENCE_S + _HOLD_UP_S)
