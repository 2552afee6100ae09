from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pytest_rtmedload.backends.resolve import NotNamed, find
from pytest_rtmedload.spec.endpoints import EMBEDDED, SERVICES, VARIABLES, Endpoint, NamedServices

SECRET = "ThisIsASecret"  # noqa: S105 - it is none


def named(service: str, **environment: str) -> Endpoint | None:
    return NamedServices.from_environment(environment).endpoint(service)


@pytest.mark.parametrize("service", SERVICES)
def test_a_key_alone_selects_nothing(service: str) -> None:
    everything_else = {name: SECRET for name in VARIABLES[service].names if name not in VARIABLES[service].endpoint}
    assert named(service, **everything_else) is None


def test_an_endpoint_with_what_belongs_to_it() -> None:
    found = named(
        "llm",
        AZURE_OPENAI_ENDPOINT="https://name.openai.azure.com/",
        AZURE_OPENAI_API_KEY=SECRET,
        AZURE_OPENAI_DEPLOYMENT="gpt-4o",
        OPENAI_ENDPOINT="http://elsewhere",
    )
    assert found is not None
    assert (found.url, found.source, found.key) == (
        "https://name.openai.azure.com/",
        "AZURE_OPENAI_ENDPOINT",
        SECRET,
    )
    assert found.options == {"model": "gpt-4o"}
    assert not found.embedded
    assert SECRET not in repr(found)
    assert found.described == "the llm at name.openai.azure.com (AZURE_OPENAI_ENDPOINT)"


@pytest.mark.parametrize(
    ("source", "url", "variable", "given"),
    [
        ("AZURE_OPENAI_ENDPOINT", "https://n.openai.azure.com", "OPENAI_API_KEY", ""),
        ("AZURE_OPENAI_ENDPOINT", "https://n.openai.azure.com", "AZURE_OPENAI_API_KEY", SECRET),
        ("OPENAI_BASE_URL", "http://localhost:8000/v1", "AZURE_OPENAI_API_KEY", ""),
        ("OPENAI_BASE_URL", "http://localhost:8000/v1", "OPENAI_API_KEY", SECRET),
        ("OPENAI_ENDPOINT", "https://n.openai.azure.com", "AZURE_OPENAI_API_KEY", SECRET),
    ],
)
def test_a_key_goes_to_nobody_else(source: str, url: str, variable: str, given: str) -> None:
    found = named("llm", **{source: url, variable: SECRET})
    assert found is not None
    assert found.key == given


@pytest.mark.parametrize(
    ("service", "variable", "value"),
    [
        ("redis", "REDIS_URL", f"host:6380,password={SECRET},ssl=True"),
        ("redis", "REDIS_URL", f"redis://:{SECRET}@"),
        ("redis", "REDIS_URL", f"redis://:{SECRET}@host:port"),
        ("redis", "REDIS_HOST", f"rediss://:{SECRET}@host"),
        ("redis", "REDIS_HOST", f"host/{SECRET}"),
        ("cosmos", "COSMOS_ENDPOINT", f"AccountEndpoint=https://a;AccountKey={SECRET}"),
        ("llm", "OPENAI_ENDPOINT", SECRET),
        ("speech", "SPEECH_ENDPOINT", f"ftp://{SECRET}"),
        ("speech", "SPEECH_REGION", f"west europe {SECRET}"),
    ],
)
def test_what_is_no_endpoint_is_one_line_that_does_not_repeat_it(service: str, variable: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"^{variable} is not a .*: write it as ") as caught:
        named(service, **{variable: value})
    assert SECRET not in str(caught.value)


def test_a_region_is_an_endpoint() -> None:
    found = named("speech", AZURE_SPEECH_REGION="westeurope", SPEECH_KEY=SECRET)
    assert found is not None
    assert (found.url, found.key) == ("westeurope", SECRET)


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({"REDIS_HOST": "r.redis.cache.windows.net"}, "rediss://r.redis.cache.windows.net:6380"),
        ({"REDIS_HOST": "r.eastus.redis.azure.net"}, "rediss://r.eastus.redis.azure.net:10000"),
        ({"REDIS_HOST": "localhost"}, "redis://localhost:6379"),
        ({"REDIS_HOST": "[::1]", "REDIS_PORT": "6379"}, "redis://[::1]:6379"),
        ({"REDIS_HOST": "cache:6390"}, "rediss://cache:6390"),
        ({"REDIS_HOST": "cache", "REDIS_PORT": "10000"}, "rediss://cache:10000"),
        ({"REDIS_HOST": "cache", "REDIS_URL": "redis://mine"}, "redis://mine"),
    ],
)
def test_redis_by_its_host(variables: dict[str, str], url: str) -> None:
    found = named("redis", REDIS_ACCESS_KEY=SECRET, **variables)
    assert found is not None
    assert (found.url, found.key, SECRET in repr(found)) == (url, SECRET, False)


@pytest.mark.parametrize("port", ["6380a", "0", "70000"])
def test_a_wrong_port_of_redis_is_one_line(port: str) -> None:
    with pytest.raises(ValueError, match=r"^REDIS_PORT is not a port: write it as 6380$"):
        named("redis", REDIS_HOST="cache", REDIS_PORT=port)


def test_a_key_of_redis_alone_names_nothing() -> None:
    assert named("redis", REDIS_ACCESS_KEY=SECRET, REDIS_PORT="6380") is None


def test_every_secret_is_known() -> None:
    services = NamedServices.from_environment(
        {"COSMOS_KEY": "one", "AZURE_BEARER_TOKEN": "two", "REDIS_URL": "rediss://u:th%72ee@host:6380", "HOME": "four"}
    )
    assert set(services.secrets) == {"one", "two", "th%72ee", "three"}


def options(host: str | None = None, **environment: str) -> Any:
    return SimpleNamespace(host=host, services=NamedServices.from_environment(environment))


def embedded(name: str) -> dict[str, str]:
    return {"url": f"http://127.0.0.1/{name}", "key": SECRET}


def not_asked_for(name: str) -> dict[str, str]:
    raise AssertionError(f"the embedded {name} was started")


@pytest.mark.parametrize("service", SERVICES)
def test_embedded_when_nothing_is_named(service: str) -> None:
    assert find(service, options(), embedded) == Endpoint(service, f"http://127.0.0.1/{service}", EMBEDDED, key=SECRET)


def test_the_named_service_before_all_others() -> None:
    found = find("redis", options("http://agent", REDIS_URL="redis://mine:6379"), not_asked_for)
    assert (found.url, found.source) == ("redis://mine:6379", "REDIS_URL")


@pytest.mark.parametrize("service", ["llm", "cosmos", "speech"])
def test_a_remote_agent_s_services_must_be_named(service: str) -> None:
    with pytest.raises(
        NotNamed, match=f"no endpoint of its {service} is configured: set .*{VARIABLES[service].endpoint[0]}"
    ):
        find(service, options("http://agent"), not_asked_for)


def test_a_remote_agent_s_redis_is_tried_at_its_usual_place() -> None:
    found = find("redis", options("http://agent"), not_asked_for)
    assert found.described == "the redis at localhost:6379 (default)"


def test_an_unknown_service() -> None:
    with pytest.raises(ValueError, match="'kafka' is not a service: choose one of redis, llm, cosmos, speech"):
        find("kafka", options(), not_asked_for)
