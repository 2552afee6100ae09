"""Endpoints and credentials of backend services, read from the environment.

The rule: only an endpoint selects a service. A key, a token or a deployment alone selects nothing, so that no paid
service is used by accident. A value is checked when a test first asks for its service, and no message repeats it: the
content of a wrong variable is often a connection string with a key.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

REDIS: Final = "redis"
LLM: Final = "llm"
COSMOS: Final = "cosmos"
SPEECH: Final = "speech"
SERVICES: Final = (REDIS, LLM, COSMOS, SPEECH)

EMBEDDED: Final = "embedded"
DEFAULT: Final = "default"
DEFAULT_REDIS: Final = "redis://localhost:6379"
REDIS_HOST: Final = "REDIS_HOST"
DEFAULT_API_VERSION: Final = "2024-10-21"
"""The oldest generally available version that accepts `max_completion_tokens`."""
DEFAULT_LANGUAGE: Final = "en-US"
BEARER: Final = "AZURE_BEARER_TOKEN"
PLAIN_REDIS_PORT: Final = "6379"
_REDIS_OF_AZURE: Final = {".windows.net": "6380", ".redis.azure.net": "10000"}
"""Suffix of a host name → its default TLS port."""
_AZURE: Final = (".azure.com", ".azure-api.net", ".azure.us", ".azure.cn", ".microsoft.com")


@dataclass(frozen=True, slots=True)
class Variables:
    """Environment variables of one service; of several with the same meaning the first that is set counts."""

    endpoint: tuple[str, ...]
    schemes: tuple[str, ...]
    example: str
    """An example of an endpoint, for messages."""
    key: tuple[str, ...] = ()
    token: tuple[str, ...] = ()
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def secret(self) -> tuple[str, ...]:
        """Variables whose values must not be shown."""
        return self.key + self.token

    @property
    def names(self) -> tuple[str, ...]:
        """All variables."""
        return self.endpoint + self.secret + tuple(name for names in self.options.values() for name in names)


_HTTP: Final = ("http", "https")
VARIABLES: Final[Mapping[str, Variables]] = {
    REDIS: Variables(
        endpoint=("REDIS_URL", REDIS_HOST),
        schemes=("redis", "rediss", "unix"),
        example="rediss://:PASSWORD@HOST:6380",
        key=("REDIS_ACCESS_KEY",),
        options={"port": ("REDIS_PORT",)},
    ),
    LLM: Variables(
        endpoint=("AZURE_OPENAI_ENDPOINT", "OPENAI_ENDPOINT", "OPENAI_BASE_URL"),
        schemes=_HTTP,
        example="https://NAME.openai.azure.com",
        key=("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_KEY", "OPENAI_API_KEY"),
        token=("AZURE_OPENAI_AD_TOKEN", BEARER),
        options={
            "model": ("AZURE_OPENAI_DEPLOYMENT", "AZURE_OPENAI_CHAT_DEPLOYMENT_ID", "OPENAI_MODEL"),
            "api_version": ("AZURE_OPENAI_API_VERSION", "OPENAI_API_VERSION"),
            "max_tokens": ("OPENAI_MAX_COMPLETION_TOKENS",),
            "reasoning_effort": ("OPENAI_REASONING_EFFORT",),
        },
    ),
    COSMOS: Variables(
        endpoint=("COSMOS_ENDPOINT", "AZURE_COSMOS_ENDPOINT"),
        schemes=_HTTP,
        example="https://ACCOUNT.documents.azure.com:443",
        key=("COSMOS_KEY", "AZURE_COSMOS_KEY"),
        token=("COSMOS_TOKEN", BEARER),
        options={
            "database": ("COSMOS_DATABASE", "AZURE_COSMOS_DATABASE"),
            "container": ("COSMOS_CONTAINER", "AZURE_COSMOS_CONTAINER"),
        },
    ),
    SPEECH: Variables(
        endpoint=("SPEECH_ENDPOINT", "AZURE_SPEECH_ENDPOINT", "SPEECH_REGION", "AZURE_SPEECH_REGION"),
        schemes=(*_HTTP, "ws", "wss"),
        example="https://NAME.cognitiveservices.azure.com",
        key=("SPEECH_KEY", "AZURE_SPEECH_KEY"),
        token=("SPEECH_TOKEN", BEARER),
        options={
            "resource_id": ("AZURE_SPEECH_RESOURCE_ID",),
            "language": ("SPEECH_LANGUAGE", "AZURE_SPEECH_LANGUAGE"),
            "voice": ("SPEECH_VOICE", "AZURE_SPEECH_VOICE"),
        },
    ),
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Address of a service, and the credentials of its client."""

    service: str
    url: str = field(repr=False)
    """For Azure Speech also a region, without a scheme. For Redis it may contain a password."""
    source: str
    """The variable that configures it, `embedded`, or `default`."""
    key: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    options: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def embedded(self) -> bool:
        """True for the embedded service of the plugin."""
        return self.source == EMBEDDED

    @property
    def described(self) -> str:
        """Description for messages: service, address and source, without secrets."""
        parts = urlsplit(self.url)
        place = parts.netloc.rpartition("@")[2] or parts.path
        return f"the embedded {self.service}" if self.embedded else f"the {self.service} at {place} ({self.source})"


@dataclass(frozen=True, slots=True)
class NamedServices:
    """The services that the environment configures."""

    values: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> NamedServices:
        """Keep the variables of services."""
        names = [name for variables in VARIABLES.values() for name in variables.names]
        return cls({name: environment[name].strip() for name in names if environment.get(name, "").strip()})

    @property
    def secrets(self) -> tuple[str, ...]:
        """Values that must not appear in any log or report."""
        given = [self.values[name] for each in VARIABLES.values() for name in each.secret if name in self.values]
        return (*given, *_passwords(self.values.get("REDIS_URL", "")))

    def endpoint(self, service: str) -> Endpoint | None:
        """The configured endpoint; None if there is none, even if there are keys.

        Raises:
            ValueError: the value is not an endpoint; the message does not repeat it.
        """
        variables = VARIABLES[service]
        source = self._first(variables.endpoint)
        if source is None:
            return None
        url, options = self.values[source], self._options(variables)
        if source == REDIS_HOST:
            url = _redis_url(url, options)
        _check(source, url, variables)
        return Endpoint(
            service=service,
            url=url,
            source=source,
            key=self._value(tuple(name for name in variables.key if _is_for(name, source, url))),
            token=self._value(variables.token),
            options=options,
        )

    def _options(self, variables: Variables) -> dict[str, str]:
        return {name: value for name, names in variables.options.items() if (value := self._value(names))}

    def _first(self, names: tuple[str, ...]) -> str | None:
        return next((name for name in names if name in self.values), None)

    def _value(self, names: tuple[str, ...]) -> str:
        name = self._first(names)
        return "" if name is None else self.values[name]


def _redis_url(host: str, options: Mapping[str, str]) -> str:
    """URL of a Redis that is configured by host and port, as Azure's are: TLS on every port but 6379.

    Raises:
        ValueError: not a host name, or not a port; the message does not repeat the value.
    """
    name, _, port = host.partition(":") if host.count(":") == 1 else (host, "", "")
    port = options.get("port", port)
    if not port:
        tls = next((number for ending, number in _REDIS_OF_AZURE.items() if name.endswith(ending)), None)
        port = PLAIN_REDIS_PORT if tls is None else tls
    if not re.fullmatch(r"[\w.-]+|\[[0-9a-fA-F:]+\]", name):
        raise ValueError(f"{REDIS_HOST} is not a host name: write it as NAME.redis.cache.windows.net")
    if not (port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
        raise ValueError("REDIS_PORT is not a port: write it as 6380")
    return f"{'redis' if port == PLAIN_REDIS_PORT else 'rediss'}://{name}:{port}"


def azure_host(url: str) -> bool:
    """True for a URL of Azure."""
    return (urlsplit(url).hostname or "").endswith(_AZURE)


def _is_for(key: str, source: str, url: str) -> bool:
    """True if a key may be sent to this endpoint: OpenAI keys are not sent to Azure, nor Azure keys elsewhere."""
    if "OPENAI" not in key or key.startswith("AZURE_") == source.startswith("AZURE_"):
        return True
    return source.startswith("OPENAI_") and azure_host(url)


def _check(source: str, value: str, variables: Variables) -> None:
    if source.endswith("_REGION"):
        if not value.isalnum():
            raise ValueError(f"{source} is not a region: write it as westeurope")
        return
    try:
        parts = urlsplit(value)
        right = parts.scheme in variables.schemes and bool(parts.path if parts.scheme == "unix" else parts.hostname)
        _ = parts.port  # raises if it is not a port
    except ValueError:
        right = False
    if not right:
        raise ValueError(f"{source} is not a URL: write it as {variables.example}")


def _passwords(url: str) -> tuple[str, ...]:
    try:
        password = urlsplit(url).password
    except ValueError:
        return (url,)
    return () if password is None else (password, unquote(password))
