"""Checks that the configured agent and services respond.

The rule: no request leaves a trace or costs money: an agent gets a health check, Redis a PING, and other services any
HTTP request, so a wrong key is not noticed here. Every request has a short time limit.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from pytest_rtmedload.agent_provider import AgentUnavailable, ask, only_its_own, without_secrets
from pytest_rtmedload.backends.readiness import NotReady, Readiness
from pytest_rtmedload.command.findings import Finding, limit, stop, well
from pytest_rtmedload.dialects import DIALECTS
from pytest_rtmedload.embedded.supervised import EmbeddedAgentError, check_platform
from pytest_rtmedload.spec.endpoints import REDIS, SERVICES, SPEECH, VARIABLES, Endpoint, NamedServices

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ANSWER_S: Final = 3.0
_REGION: Final = "https://{}.api.cognitive.microsoft.com"
"""Where the Speech service of a region issues tokens."""


def look_at_agent(project: Mapping[str, Any]) -> Finding:
    """The agent that a run would test."""
    host = project["host"]
    if host is None:
        return _embedded(project["dialect"], project["embedded"])
    try:
        ask(host, project["health"], ANSWER_S)
    except AgentUnavailable as error:
        return stop("agent", str(error), "")
    return well("agent", f"{without_secrets(host)} answers")


def _embedded(dialect: str, pairs: list[str]) -> Finding:
    from pytest_rtmedload.embedded.settings import EmbeddedSettings  # noqa: PLC0415 - where needed

    if dialect not in DIALECTS:
        return stop("agent", only_its_own(dialect), "")
    try:
        check_platform()
        EmbeddedSettings.parse(pairs)
    except (EmbeddedAgentError, ValueError) as error:
        return stop("agent", str(error), "or name an agent with --host")
    return well("agent", "none named: the embedded one would be started, a stand-in")


def look_at_services(*, embedded: bool, environment: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """The services that tests of backends would use.

    Args:
        embedded: whether the embedded agent, which has services of its own, would be used.
        environment: configures services.
    """
    named = NamedServices.from_environment(environment)
    for service in SERVICES:
        try:
            endpoint = named.endpoint(service)
        except ValueError as error:
            yield limit(service, str(error), "tests of it will fail")
            continue
        if endpoint is not None:
            yield _service(endpoint)
        elif embedded:
            yield well(service, "none named: the embedded one would be started")
        else:
            yield limit(service, "none named, its tests are skipped", f"set {' or '.join(VARIABLES[service].endpoint)}")


def _service(endpoint: Endpoint) -> Finding:
    name, place = endpoint.service, endpoint.described
    try:
        if name == REDIS:
            _ping(endpoint)
            return well(name, f"{place} answers and accepts the credentials")
        ask(_url(endpoint), "/", ANSWER_S)
    except (AgentUnavailable, NotReady) as error:
        reason = str(error).partition(": ")[2] or str(error)
        return limit(name, f"{place} does not answer: {reason.partition('; start it')[0]}", "its tests will fail")
    return well(name, f"{place} answers (its key was not tried)")


def _ping(endpoint: Endpoint) -> None:
    from pytest_rtmedload.backends.redis_client import ask as ping  # noqa: PLC0415 - redis-py is optional

    Readiness().ask(endpoint, lambda asked, _: ping(asked, ANSWER_S))


def _url(endpoint: Endpoint) -> str:
    """The HTTP URL of a service; the socket of a speech service has the same host."""
    parts = urlsplit(endpoint.url)
    if endpoint.service == SPEECH and not parts.scheme:
        return _REGION.format(endpoint.url)
    return f"{'https' if parts.scheme in ('https', 'wss') else 'http'}://{parts.netloc}"
