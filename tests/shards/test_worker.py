"""The worker's side of a link: which messages end the test that it waits for."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_rtmedload.shards import messages
from pytest_rtmedload.shards.link import connected
from pytest_rtmedload.shards.load_test import LoadTest, Refused
from pytest_rtmedload.shards.worker import Worker
from tests.shards.shard_fakes import SPEC


async def body(**_: object) -> None:
    """Never begun."""


@pytest.mark.asyncio
async def test_a_refusal_of_an_earlier_test_does_not_end_the_next_one() -> None:
    """Both shards of a test failed by themselves: the refusal for one of them comes when it is at the next test."""
    near, far = connected()
    settings: Any = SimpleNamespace()
    worker = Worker(far, settings)
    arrived = asyncio.Event()
    near.setcallback(lambda message: arrived.set() if isinstance(message, messages.Arrive) else None)
    running = asyncio.create_task(worker.run(LoadTest(SPEC, body, {})))
    await arrived.wait()
    near.send(messages.Refuse("of the test before", skip=True, attempt=1))
    near.send(messages.Refuse("of this one"))
    with pytest.raises(Refused, match="of this one"):
        await running
    assert not worker.turned_away
