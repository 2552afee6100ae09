"""The arguments that every request of `load.http` accepts, and the messages for those it does not."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypedDict

from pytest_rtmedload.clients.limits import seconds_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pytest_rtmedload.clients.encoding import HeaderItems
    from pytest_rtmedload.clients.limits import Timeout
    from pytest_rtmedload.clients.multipart import Files
    from pytest_rtmedload.clients.urls import Pairs


class Default:
    """The type of `DEFAULT`: None means no limit."""

    def __repr__(self) -> str:
        return "the client's timeout"


DEFAULT: Final = Default()


class Options(TypedDict, total=False):
    """What every request takes; described at `HttpClient.request`."""

    params: Pairs | str | None
    headers: HeaderItems | None
    cookies: Mapping[str, str] | None
    json: Any
    content: Any
    data: Any
    files: Files | None
    auth: object
    follow_redirects: bool
    timeout: Timeout | Default
    expect: int | Collection[int] | None
    name: str | None


def is_expected(status: int, expect: int | Collection[int]) -> bool:
    """True when the test expects this status."""
    return status == expect if isinstance(expect, int) else status in expect


def refusal(method: str, unknown: Mapping[str, object]) -> str:
    """The error message for unknown arguments."""
    names = ", ".join(f"{name}=" for name in unknown)
    known = ", ".join((*Options.__annotations__,))
    return (
        f"load.http.{method.lower()}() has no argument {names} (it has {known}); "
        "a client of your own has more: load.observe(httpx.AsyncClient(…)) measures it"
    )


def limit_of(timeout: object) -> timedelta | None:
    """A time-out as pyreqwest takes it.

    Raises:
        TypeError, ValueError: it is not understood.
    """
    limit = seconds_of(timeout)
    return None if limit is None else timedelta(seconds=limit)
