"""What goes wrong with a service, in one line that says what to do.

The rule: whatever a client raises while it is measured becomes a `ServiceError`, which is in the samples already and
carries no secret. A service that refuses because of a quota is not broken: that is an error of its own.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from pytest_rtmedload.clients.causes import links

if TYPE_CHECKING:
    from pytest_rtmedload.results.names import OwnLimit

INSTALL: Final = "pip install 'pytest-rtmedload[backends]'"
_LONGEST: Final = 300


class SdkMissing(Exception):  # noqa: N818 - says what is the case
    """The client of a service cannot be used here."""


class ServiceError(Exception):
    """A request that a service did not answer as it should."""

    def __init__(
        self, message: str, *, status: int | None = None, censored: bool = False, passing: bool = False
    ) -> None:
        super().__init__(message)
        self.status = status
        """Of an HTTP answer."""
        self.censored = censored
        """True when nothing came within the deadline: it would have taken longer."""
        self.passing = passing or (status is not None and (status >= 500 or status == 429))
        """Whether the same request may well succeed a moment later: the service is there and knows us."""
        self.counted = False
        """Whether the failure is in the samples already."""
        self.own: OwnLimit | None = None
        """The limit of the load generator that was met, so that nothing was sent."""


class Throttled(ServiceError):  # noqa: N818 - says what is the case
    """The service is at its quota and asks to be left alone for a while."""

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message, status=429)
        self.retry_after_s = retry_after_s


def no_answer(seconds: float) -> ServiceError:
    """Nothing came within our own deadline, whatever the client's is."""
    return ServiceError(f"no answer within {seconds:g} s", censored=True)


def throttled(what: str, retry_after_s: float) -> Throttled:
    """The quota is reached."""
    return Throttled(f"throttled (429): {what} is reached", retry_after_s=retry_after_s)


def unreachable(error: BaseException, variable: str) -> ServiceError:
    """There is no connection; says why as far as the chain of causes tells."""
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
    "name or service not known": "the host name is not known",
    "nodename nor servname": "the host name is not known",
    "name resolution": "the host name is not known",
    "no address associated": "the host name is not known",
    _RESET: "the connection was reset",
}
"""What clients say in words of their own, by which it is recognised."""


def one_line(error: BaseException | str) -> str:
    """The first line of an error, not too long."""
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
