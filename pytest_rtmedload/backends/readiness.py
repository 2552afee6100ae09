"""Checks once, for all tests of a service, that it can be used.

The rule: a service that is down, refuses the key or has no installed client is found before any user starts and within
a deadline of our own; later tests reuse the result of the first check.
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
"""Longest time of the check; the import of the client is not included."""
TRIES: Final = 5
"""A service that fails sometimes is tested nevertheless."""
_PAUSE_S: Final = 0.2
_HOLD_UP_S: Final = 20.0


class NotReady(Exception):  # noqa: N818 - names a state
    """The service cannot be tested; the message is one line with the reason."""

    def __init__(self, reason: str, *, broken: bool) -> None:
        super().__init__(reason)
        self.broken = broken
        """True for the first test of a configured service that does not answer. Later tests are skipped, and so are
        tests without an installed client or a configured endpoint."""


@dataclass(frozen=True, slots=True)
class ReadyService:
    """A service that answers."""

    endpoint: Endpoint
    found: Any
    """Result of the check."""


class Readiness:
    """Remembers the results of the checks."""

    def __init__(self) -> None:
        self._ready: dict[Endpoint, ReadyService] = {}
        self._reasons: dict[Endpoint, str] = {}

    def ask(self, endpoint: Endpoint, ask: Callable[[Endpoint, float], Awaitable[Any]]) -> ReadyService:
        """The service, after it has answered. Blocks.

        Args:
            endpoint: of the service.
            ask: the check, given the endpoint and a time limit in seconds.

        Raises:
            NotReady: it cannot be used.
        """
        if endpoint in self._reasons:
            raise NotReady(self._reasons[endpoint], broken=False)
        if endpoint not in self._ready:
            try:
                self._ready[endpoint] = ReadyService(endpoint, _asked(endpoint, ask))
            except Exception as error:  # noqa: BLE001 - the client's traceback could show keys
                raise self._remembered(endpoint, error) from None
        return self._ready[endpoint]

    def _remembered(self, endpoint: Endpoint, error: Exception) -> NotReady:
        missing = isinstance(error, SdkMissing)
        why = (
            str(error) if isinstance(error, SdkMissing | ServiceError) else f"{type(error).__name__}: {one_line(error)}"
        )
        guessed = endpoint.source == DEFAULT
        text = why if missing else f"{endpoint.described} cannot be tested: {why}"
        if guessed and not missing:
            text = f"no endpoint of the agent's {endpoint.service} is configured, and {text}"
        self._reasons[endpoint] = reason = redact(text, (endpoint.key, endpoint.token))
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
