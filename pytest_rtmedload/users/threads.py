"""Plain `def` bodies: each user runs its body on a thread of its own, where the same names block.

Measured clients live on the event loop. A thread hands its calls over and waits, so what is measured is what an async
body would measure; the hand-over, some 50 µs, lies outside of it.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import queue
import threading
from typing import TYPE_CHECKING, Any, Final

from pytest_rtmedload.users.virtual_user import CURRENT, VirtualUser

if TYPE_CHECKING:
    from collections.abc import Callable

SIMPLE: Final = (str, bytes, int, float, bool, type(None), list, tuple, dict, set)
"""Types that are handed out as they are; the rest of what a user gives may have coroutines."""


class Blocking:
    """An object of the event loop as a thread sees it: coroutines become calls that wait.

    Args:
        wrapped: the object on the event loop.
        loop: the event loop.
    """

    def __init__(self, wrapped: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._wrapped = wrapped
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        """The attribute; a method waits for what it returns."""
        found = getattr(self._wrapped, name)
        if inspect.ismethod(found) or inspect.isfunction(found):
            return functools.partial(self._call, found)
        return self._seen(found)

    def __enter__(self) -> Any:
        return self._seen(self._wait(self._wrapped.__aenter__()))

    def __exit__(self, *error: object) -> Any:
        return self._wait(self._wrapped.__aexit__(*error))

    def __iter__(self) -> Blocking:
        return Blocking(aiter(self._wrapped), self._loop)

    def __next__(self) -> Any:
        try:
            return self._seen(self._wait(anext(self._wrapped)))
        except StopAsyncIteration:
            raise StopIteration from None

    def __repr__(self) -> str:
        return repr(self._wrapped)

    def __dir__(self) -> list[str]:
        return dir(self._wrapped)

    def _call(self, method: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        result = method(*args, **kwargs)
        return self._seen(self._wait(result) if inspect.iscoroutine(result) else result)

    def _wait(self, awaitable: Any) -> Any:
        async def waited() -> Any:
            return await awaitable

        return asyncio.run_coroutine_threadsafe(waited(), self._loop).result()

    def _seen(self, value: Any) -> Any:
        """Objects that work on the event loop are wrapped as well; answers and plain values are not."""
        return Blocking(value, self._loop) if lives_on_loop(value) else value


def lives_on_loop(value: object) -> bool:
    """True for objects of this package with coroutines, which a plain body must reach through `Blocking`."""
    if inspect.isasyncgen(value):
        return True
    module = type(value).__module__
    if not module.startswith("pytest_rtmedload.") and module != "contextlib":
        return False
    waits = any(hasattr(value, name) for name in ("__aenter__", "__aiter__", "aclose", "aread", "hang_up", "think"))
    return waits and not isinstance(value, SIMPLE)


class BodyThread:
    """The thread of one user: runs one call at a time; the event loop waits for it without blocking."""

    def __init__(self, name: str) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._busy = False
        # A daemon: a body that never returns must not keep pytest from ending.
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    async def run(self, call: Callable[[], object]) -> object:
        """Run a call on the thread.

        Raises:
            RuntimeError: an earlier call that was given up on has not returned yet.
            BaseException: what the call raised.
        """
        if self._busy:
            raise RuntimeError("the body of an earlier iteration was cut off and still occupies this user's thread")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[object] = loop.create_future()
        self._busy = True
        self._jobs.put(functools.partial(self._perform, call, loop, done))
        return await done

    def end(self) -> None:
        """Let the thread end after its present call."""
        self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()

    def _perform(
        self, call: Callable[[], object], loop: asyncio.AbstractEventLoop, done: asyncio.Future[object]
    ) -> None:
        result, error = None, None
        try:
            result = call()
        except BaseException as raised:  # noqa: BLE001 - belongs to the iteration that waits for it
            error = raised
        self._busy = False
        try:
            loop.call_soon_threadsafe(_settle, done, result, error)
        except RuntimeError:  # the load test is over and its loop closed: there is nothing to wake
            return


def _settle(done: asyncio.Future[object], result: object, error: BaseException | None) -> None:
    if done.done():  # cut off
        return
    if isinstance(error, StopIteration):  # a future refuses to carry one
        error = RuntimeError(f"the body raised {error!r}")
    if error is not None:
        done.set_exception(error)
    else:
        done.set_result(result)


def on_threads(body: Callable[..., object]) -> Callable[..., Any]:
    """A plain function as the fan-out wants it: a coroutine function, one thread per virtual user."""
    threads: dict[VirtualUser, BodyThread] = {}

    async def threaded(**arguments: Any) -> None:
        loop, user = asyncio.get_running_loop(), CURRENT.get()
        thread = threads.get(user)
        if thread is None:
            thread = threads[user] = BodyThread(f"virtual user {user.user}")
            user.at_end(thread.end)
        seen = {name: Blocking(value, loop) if lives_on_loop(value) else value for name, value in arguments.items()}
        result = await thread.run(functools.partial(body, **seen))
        if inspect.iscoroutine(result):
            result.close()
            raise TypeError("the body returned a coroutine that is never awaited: make it 'async def'")

    return threaded
