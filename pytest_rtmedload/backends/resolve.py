"""Where the service that a test drives is: the one that was named, else the embedded one.

The rule: with an agent of somebody's, the embedded services say nothing about it, so a service nobody named is not
tested, and the reason is told. Redis alone is tried at its usual place, and then labelled as the default.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pytest_rtmedload.spec.endpoints import (
    DEFAULT,
    DEFAULT_REDIS,
    EMBEDDED,
    REDIS,
    SERVICES,
    VARIABLES,
    Endpoint,
    NamedServices,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class NotNamed(Exception):  # noqa: N818 - says what is the case
    """There is no such service to test; the message is one line with what to do."""


class Options(Protocol):
    """What of the options decides."""

    @property
    def services(self) -> NamedServices:
        """The services that were named."""

    @property
    def host(self) -> str | None:
        """The agent that was named."""


def find(service: str, options: Options, embedded: Callable[[str], Mapping[str, str]]) -> Endpoint:
    """The endpoint of a service.

    Args:
        service: `redis`, `llm`, `cosmos` or `speech`.
        options: the options of the run.
        embedded: starts the embedded service and tells its `url` and `key`.

    Raises:
        NotNamed: an agent was named and this service was not.
        ValueError: there is no such service, or what was named is no endpoint.
    """
    if service not in SERVICES:
        raise ValueError(f"{service!r} is not a service: choose one of {', '.join(SERVICES)}")
    named = options.services.endpoint(service)
    if named is not None:
        return named
    if options.host is None:
        found = embedded(service)
        return Endpoint(service, found["url"], EMBEDDED, key=found["key"])
    if service == REDIS:
        return Endpoint(service, DEFAULT_REDIS, DEFAULT)
    variables = VARIABLES[service].endpoint
    raise NotNamed(
        f"the agent under test is not the embedded one, and nobody said where its {service} is: "
        f"set {' or '.join(variables)} to test it"
    )
