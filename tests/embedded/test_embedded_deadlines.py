from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest
import uvloop

from pytest_rtmedload.embedded import deadlines as module
from pytest_rtmedload.embedded.deadlines import ServiceDeadlines

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

MS = 1_000_000


@pytest.fixture(params=["timer of the kernel", "timer of the loop"])
def _timer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "timer of the loop":
        monkeypatch.setattr(module._LinuxTimer, "create", lambda: None)
    elif module._LinuxTimer.create() is None:
        pytest.skip("no timerfd here")


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest, _timer: None) -> Callable[[Coroutine[object, object, None]], None]:
    runner: Callable[[Coroutine[object, object, None]], None] = request.param
    return runner


@pytest.mark.timing
def test_waiters_return_in_order_and_never_early(run: Callable[[Coroutine[object, object, None]], None]) -> None:
    async def main() -> None:
        deadlines = ServiceDeadlines()
        begin = time.perf_counter_ns()
        returned: list[float] = []

        async def wait(ms: float) -> None:
            await deadlines.until(begin + int(ms * MS))
            assert time.perf_counter_ns() >= begin + int(ms * MS)
            returned.append(ms)

        await asyncio.gather(*map(wait, [60, 0.3, 20.5, 40, 1.7, 20.5]))
        assert returned == sorted(returned)
        deadlines.close()

    run(main())


def test_a_cancelled_waiter_does_not_hold_up_others(run: Callable[[Coroutine[object, object, None]], None]) -> None:
    async def main() -> None:
        deadlines = ServiceDeadlines()
        now = time.perf_counter_ns()
        cancelled = asyncio.create_task(deadlines.until(now + 5 * MS))
        waiting = asyncio.create_task(deadlines.until(now + 10 * MS))
        await asyncio.sleep(0)
        cancelled.cancel()
        await waiting
        assert cancelled.cancelled()
        await deadlines.until(now)
        deadlines.close()

    run(main())
