from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from pytest_rtmedload.voice.call_kinds import BrowserCall, PhoneCall
from tests.voice.talkers import Talker, left_over


@pytest_asyncio.fixture
async def quiet(caplog: pytest.LogCaptureFixture) -> AsyncIterator[None]:
    """Nothing is left to asyncio's last resort, and nothing is logged."""
    unhandled: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context))
    with caplog.at_level(logging.WARNING):
        yield
    assert unhandled == []
    assert caplog.records == []


@pytest_asyncio.fixture
async def talker() -> Talker:
    return Talker()


@pytest_asyncio.fixture
async def calling(
    talker: Talker, quiet: None, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[..., BrowserCall | PhoneCall]]:
    """Makes calls that are hung up after the test, and leave nothing behind."""
    monkeypatch.setattr(
        "pytest_rtmedload.voice.turn_tracker.QUIET_NS", 60_000_000
    )  # an answer is over sooner: a faster test
    made: list[BrowserCall | PhoneCall] = []
    before = asyncio.all_tasks()

    def make(
        port: int, kind: type[BrowserCall | PhoneCall] = BrowserCall, limit: float = 5.0
    ) -> BrowserCall | PhoneCall:
        talker.port = port
        made.append(kind(talker, limit=limit))
        return made[-1]

    yield make
    for call in made:
        await call.hang_up()
    await asyncio.sleep(0)
    assert left_over(before) == []
