from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.embedded.speech.laboratory import Laboratory, Speech

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def laboratory() -> Iterator[Laboratory]:
    laboratory = Laboratory()
    yield laboratory
    laboratory.close()


@pytest.fixture(scope="session")
def speech(laboratory: Laboratory) -> Iterator[Speech]:
    """A service that fails in no way."""
    with laboratory.serving() as speech:
        yield speech
