"""The work as this plugin does it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from pytest_rtmedload import user_fixture

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MESSAGE = "x" * 100


@pytest.mark.load(think=0)
async def test_http(load: Any) -> None:
    response = await load.http.get(os.environ["PEERS_HTTP"])
    assert response.status_code == 200


@pytest.mark.load(think=0, grace="500ms")
async def test_calls(load: Any, phone_call: Any) -> None:  # noqa: ARG001 - the call is this user's
    while True:
        await phone_call.say("chest_pain_1")


@user_fixture
async def echo(load: Any) -> AsyncIterator[Any]:
    async with load.ws(os.environ["PEERS_WS"]) as ws:
        yield ws


@pytest.mark.load(think=0)
async def test_ws(load: Any, echo: Any) -> None:  # noqa: ARG001 - the fixture is this user's
    assert await echo.ask(MESSAGE) == MESSAGE
