"""Blocking calls and event loops on daemon threads.

The rule: a call that exceeds its deadline is left running on a daemon thread. The default executor would be joined when
the loop closes, and native clients can block for longer than a minute.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_rtmedload.backends.errors import no_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")


async def blocking(call: Callable[[], T], seconds: float) -> T:
    """Wait for a blocking call, for at most `seconds`.

    Raises:
        ServiceError: it took longer.
        Exception: what the call raised.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(value: Any, error: BaseException | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(value)
        else:
            done.set_exception(error)

    def run() -> None:
        value: Any = None
        raised: BaseException | None = None
        try:
            value = call()
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            raised = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nothing waits for the result
            loop.call_soon_threadsafe(settle, value, raised)

    threading.Thread(target=run, daemon=True).start()
    try:
        return await asyncio.wait_for(done, seconds)
    except TimeoutError:
        raise no_answer(seconds) from None


def run_apart(work: Callable[[], Coroutine[Any, Any, T]], seconds: float) -> T:
    """Run a coroutine on an event loop of its own, on a thread of its own, and wait for it.

    Raises:
        ServiceError: it took longer than `seconds`.
        Exception: what it raised.
    """
    answers: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            answers.put((asyncio.run(work()), None))
        except BaseException as error:  # noqa: BLE001 - as above
            answers.put((None, error))

    threading.Thread(target=run, daemon=True).start()
    try:
        value, error = answers.get(timeout=seconds)
    except queue.Empty:
        raise no_answer(seconds) from None
    if error is not None:
        raise error
    return value  # type: ignore[no-any-return]  # what `work` returned


class Mailbox:
    """Passes messages from other threads to an event loop, in the order in which they were posted.

    Created on the loop's thread; `post` may be called on any thread.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._letters: asyncio.Queue[Any] = asyncio.Queue()

    def post(self, letter: Any) -> None:
        """Pass a message on; messages posted after the loop has closed are dropped."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._letters.put_nowait, letter)

    async def take(self) -> Any:
        """Wait for the next message."""
        return await self._letters.get()
