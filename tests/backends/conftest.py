"""Embedded services for tests of the clients that drive them, and an environment that names none."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from pytest_rtmedload.embedded.settings import EmbeddedSettings
from pytest_rtmedload.embedded.supervised import Supervised
from pytest_rtmedload.spec.endpoints import EMBEDDED, VARIABLES, Endpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    Start = Callable[..., AbstractContextManager[Endpoint]]


@pytest.fixture(autouse=True)
def _nothing_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for variables in VARIABLES.values():
        for name in variables.names:
            monkeypatch.delenv(name, raising=False)


@contextmanager
def started(service: str, *pairs: str) -> Iterator[Endpoint]:
    with Supervised.launch(EmbeddedSettings.parse(pairs, 3)) as supervised:
        found = supervised.service(service)
        yield Endpoint(service, found["url"], EMBEDDED, key=found["key"])


@pytest.fixture
def embedded() -> Start:
    """Start an embedded service with settings of its own."""
    return started
