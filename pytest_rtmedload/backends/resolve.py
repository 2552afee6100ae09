"""The endpoint of the service that a test drives: the configured one, else the embedded one.

The rule: if an agent is configured, the embedded services say nothing about it, so a service without an endpoint is not
tested, and the reason is reported. Redis alone is tried at its default address, and labelled as the default.
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


class NotNamed(Exception):  # noqa: N818 - names a state
    """No endpoint of the service is configured; the message is one line with what to do."""


class ServiceOptions(Protocol):
    """The options that decide."""

    @property
    def services(self) -> NamedServices:
        """The configured services."""

    @property
    def host(self) -> str | None:
        """URL of the configured agent."""


def find(service: str, options: ServiceOptions, embedded: Callable[[str], Mapping[str, str]]) -> Endpoint:
    """The endpoint of a service.

    Args:
        service: `redis`, `llm`, `cosmos` or `speech`.
        options: the options of the run.
        embedded: starts the embedded service and returns its `url` and `key`.

    Raises:
        NotNamed: an agent is configured and this service is not.
        ValueError: there is no such service, or its endpoint is not valid.
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
        f"the agent under test is not the embedded one, and no endpoint of its {service} is configured: "
        f"set {' or '.join(variables)} to test it"
    )
