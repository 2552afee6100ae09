"""The page on backend services names every variable that is read, every client's limit and every metric."""

from __future__ import annotations

import re

import pytest

from pytest_rtmedload.spec.endpoints import DEFAULT_API_VERSION, DEFAULT_LANGUAGE, SERVICES, VARIABLES
from pytest_rtmedload.verdict.clients import CLIENTS
from tests.docs.pages import ROOT, names, section, tables

PAGE = ROOT / "docs" / "backend.md"
ROWS = dict(zip(SERVICES, tables(section(PAGE, "Pointing a test at a service"))[0], strict=True))


@pytest.mark.parametrize("service", SERVICES)
def test_every_variable_in_the_order_they_count(service: str) -> None:
    variables = VARIABLES[service]
    _, endpoint, key, token, also = map(names, ROWS[service])
    assert tuple(endpoint) == variables.endpoint
    assert (tuple(key), tuple(token)) == (variables.key, variables.token)
    assert also == [name for option in variables.options.values() for name in option]


def test_defaults() -> None:
    assert DEFAULT_API_VERSION in ROWS["llm"][4]
    assert DEFAULT_LANGUAGE in ROWS["speech"][4]


def test_the_limit_of_every_client() -> None:
    documented = {
        name: sorted(map(int, re.findall(r"\d+", limit)))
        for name, limit in tables(section(PAGE, "Where the client is the limit"))[0]
    }
    heavy = {
        client.name.removeprefix("the "): sorted(filter(None, (client.users, client.rate)))
        for client in CLIENTS
        if client.heavy
    }
    assert documented == heavy


def test_every_metric_of_the_suite() -> None:
    told = set(names(section(PAGE, "What is measured")))
    folder = ROOT / "tests" / "load" / "backend"
    used = {
        name
        for test in folder.glob("test_*.py")
        for name in re.findall(r'"((?:redis|llm|stt|tts|cosmos)\.\w+)"', test.read_text())
    }
    assert used <= told
