"""One embedded Cosmos DB serves all tests that do not spoil it; whoever does starts one of their own."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from pytest_rtmedload.embedded.settings import EmbeddedSettings
from pytest_rtmedload.embedded.supervised import Supervised
from tests.embedded.cosmos.cosmos_client import RawCosmos

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from pytest_rtmedload.embedded.services import Service

SEED = 7


@contextmanager
def started(*pairs: str) -> Iterator[Service]:
    with Supervised.launch(EmbeddedSettings.parse(["cosmos.delay=0ms", *pairs], SEED)) as supervised:
        yield supervised.service("cosmos")


@pytest.fixture(scope="session")
def cosmos() -> Iterator[Service]:
    """A healthy one without delays."""
    with started() as service:
        yield service


@pytest.fixture
def raw(cosmos: Service) -> Iterator[RawCosmos]:
    """A client of bare HTTP, and a fresh container for it."""
    with RawCosmos(cosmos["url"], cosmos["key"]) as client:
        yield client


@pytest.fixture
def cosmos_with() -> Callable[..., AbstractContextManager[Service]]:
    """Start one with settings of its own."""
    return started
