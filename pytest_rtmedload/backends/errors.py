"""Failures of a service, each in one line that says what to do.

The rule: every exception of a client in a measured request becomes a `ServiceError`, which is already in the samples
and contains no secret. A service that refuses because of a quota is not broken: that is an error of its own.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from pytest_rtmedload.clients.causes import links

if TYPE_CHECKING:
    from pytest_rtmedload.results.names import OwnLimit

INSTALL: Final = "pip install 'pytest-rtmedload[backends]'"
_LONGEST: Final = 300


class SdkMissing(Exception):  # noqa: N818 - names a state
    """The client of a service cannot be used in this environment."""


class ServiceError(Exception):
    """A request that failed, or was not answered in time."""

    def __init__(
        self, message: str, *, status: int | None = None, censored: bool = False, passing: bool = False
    ) -> None:
        super().__init__(message)
        self.status = status
        """Status of the HTTP answer, if there was one."""
        self.censored = censored
        """True when there was no answer within the deadline."""
        self.passing = passing or (status is not None and (status >= 500 or status == 429))
        """True when the same request may succeed a moment later: the service is available and accepts the key."""
        self.counted = False
        """True when the failure has been recorded."""
        self.own: OwnLimit | None = None
        """The limit of the load generator that was met, so that nothing was sent."""


class Throttled(ServiceError):  # noqa: N818 - names a state
    """The quota is reached; the service asks to wait before the next request."""

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message, status=429)
        self.retry_after_s = retry_after_s


def no_answer(seconds: float) -> ServiceError:
    """There was no answer within our own deadline, whatever the client's is."""
    return ServiceError(f"no answer within {seconds:g} s", censored=True)


def throttled(what: str, retry_after_s: float) -> Throttled:
    """The quota is reached."""
    return Throttled(f"throttled (429): {what} is reached", retry_after_s=retry_after_s)


def unreachable(error: BaseException, variable: str) -> ServiceError:
    """There is no connection; the reason is found in the chain of causes."""
    text = " ".join(str(link) for link in links(error)).lower().replace("_", " ")
    for sign, reason in _REASONS.items():
        if sign in text:
            reset = sign == _RESET
            return ServiceError(reason if reset else f"{reason}; check {variable}", passing=reset)
    return ServiceError(f"no connection: {one_line(error)}; check {variable}")


_RESET: Final = "reset by peer"
_REASONS: Final = {
    "certificate verify failed": "TLS refused: the certificate is not trusted",
    "invalid peer certificate": "TLS refused: the certificate is not trusted",
    "wrong version number": "TLS refused: the service speaks plain text at this port",
    "record layer failure": "TLS refused: the service speaks plain text at this port",
    "refused": "connection refused: nothing listens there",
    "connect call failed": "connection refused: nothing listens there",
    "name or service not known": "the host name cannot be resolved",
    "nodename nor servname": "the host name cannot be resolved",
    "name resolution": "the host name cannot be resolved",
    "no address associated": "the host name cannot be resolved",
    _RESET: "the connection was reset",
}
"""Text in the messages of clients → the reason."""


def one_line(error: BaseException | str) -> str:
    """The first line of an error, shortened."""
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:_LONGEST]


def load_sdk(module: str, package: str) -> Any:
    """Import a client.

    Raises:
        SdkMissing: it is not installed, or its native library does not load here.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        raise SdkMissing(f"{package} is not installed: {INSTALL}") from None
    except (ImportError, OSError) as error:
        raise SdkMissing(f"{package} does not load here ({one_line(error)}): {INSTALL}") from None
