"""One user's measured requests to one service.

The rule: every request has a deadline of our own, because those of the clients can exceed a minute; every request is
one sample, whatever its client did in the meantime; a client's exception is reported in one line without secrets.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Final, Protocol, TypeVar, cast

from pytest_rtmedload.backends.errors import ServiceError, Throttled, no_answer, one_line
from pytest_rtmedload.clients.own_limits import count_own_limit, own_limit_in
from pytest_rtmedload.clients.timeouts import time_out_in
from pytest_rtmedload.results.recording import Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from pytest_rtmedload.clients.connecting import Connecting
    from pytest_rtmedload.spec.load_config import LoadConfig
    from pytest_rtmedload.voice.pacer import Pacer

    Explain = Callable[[Exception], ServiceError | None]
    """Maps an exception of a client to an error; None for other exceptions."""

T = TypeVar("T")

DEADLINE_S: Final = 10.0
"""The longest any of these services may take for one answer: ten times the slowest target."""
SHARE_OF_TIMEOUT: Final = 0.5
"""Share of the iteration's time limit, so that the request times out before the iteration does."""
MOST_TRIES: Final = 20


class Handle(Protocol):
    """The `load` of a test: a `pytest_rtmedload.Load`."""

    @property
    def __rtmedload_user__(self) -> User: ...


class User(Protocol):
    """The part of a virtual user that clients use."""

    user: int
    iteration: int
    settings: LoadConfig

    @property
    def connecting(self) -> Connecting: ...  # noqa: D102 - as a virtual user has them
    @property
    def pacer(self) -> Pacer: ...  # noqa: D102
    def add(self, metric: str, start_ns: int, end_ns: int, outcome: str = ...) -> None: ...  # noqa: D102
    def error(self, message: str, example: str = "") -> None: ...  # noqa: D102
    def count(self, name: str, by: int = 1) -> None: ...  # noqa: D102
    def tally(self, name: str, by: int = 1) -> None: ...  # noqa: D102
    def value(self, name: str, amount: float, unit: str = "") -> None: ...  # noqa: D102
    async def think(self, shortest: float, longest: float | None = None) -> None: ...  # noqa: D102


def user_behind(load: User | Handle) -> User:
    """The user behind a test's handle; anything else is a user itself."""
    found: User = getattr(load, "__rtmedload_user__", None) or cast("User", load)
    return found


class Calls:
    """Measures requests to one service for one user.

    Args:
        load: the user.
        service: begins the name of what is counted, `<service>.throttled`.
        explain: maps an exception of the client to an error; None for other exceptions.
    """

    def __init__(self, load: User, service: str, explain: Explain) -> None:
        self.load = load
        self.deadline_s = min(DEADLINE_S, SHARE_OF_TIMEOUT * load.connecting.timeout)
        """Longest time of one request, in seconds."""
        self._service = service
        self._explain = explain

    @contextlib.asynccontextmanager
    async def call(self, metric: str, *, expect: int | None = None, throttling: bool = False) -> AsyncIterator[None]:
        """Measure the request in this block.

        Args:
            metric: its name.
            expect: the only HTTP status that is a success, such as 409.
            throttling: whether a 429 is expected, too; it is then a sample of `<service>.throttled` instead.

        Raises:
            ServiceError: it failed; `Throttled` when the quota is reached.
        """
        start = time.perf_counter_ns()
        try:
            async with asyncio.timeout(self.deadline_s):
                yield
        except asyncio.CancelledError:
            self.load.add(metric, start, time.perf_counter_ns(), Outcome.CENSORED)
            raise
        except Exception as error:
            found = self.explained(error)
            if found is None:
                self.load.add(metric, start, time.perf_counter_ns(), Outcome.FAILED)
                raise
            if found.status is not None and found.status == expect:
                self.load.add(metric, start, time.perf_counter_ns())
                return
            raise self.failed(metric, start, found, throttling=throttling) from None
        if expect is not None:
            raise self.failed(metric, start, ServiceError(f"was accepted, but HTTP {expect} was expected"))
        self.load.add(metric, start, time.perf_counter_ns())

    async def quietly(self, request: Callable[[], Awaitable[T]]) -> T:
        """Make a request without recording it, such as one that cleans up.

        Raises:
            ServiceError: it failed; `Throttled` when the quota is reached.
        """
        async with in_our_words(self._explain, self.deadline_s):
            return await request()

    def explained(self, error: Exception) -> ServiceError | None:
        """The error that an exception stands for; None if it is neither the client's nor that of our deadline."""
        return explained(error, self._explain, self.deadline_s)

    def failed(self, metric: str, start_ns: int, found: ServiceError, *, throttling: bool = False) -> ServiceError:
        """Record a request that failed; returns the error to raise."""
        if not found.counted:
            message = f"{metric}: {self.load.settings.redact(str(found))}"  # a metric's name is never redacted
            found.args, found.counted = (message,), True
            expected = throttling and isinstance(found, Throttled)
            if isinstance(found, Throttled):
                self.load.count(f"{self._service}.throttled")
                self.load.value(f"{self._service}.retry_after", found.retry_after_s, "s")
            outcome = Outcome.OK if expected else Outcome.CENSORED if found.censored else Outcome.FAILED
            self.load.add(
                f"{self._service}.throttled" if expected else metric, start_ns, time.perf_counter_ns(), outcome
            )
            if not expected:
                self.load.error(message)
                count_own_limit(self.load, found.own)
        return found

    async def patiently(self, request: Callable[[], Awaitable[T]]) -> T:
        """Make a request that may be throttled, and repeat it after the time that the service asks for.

        Waiting counts as think time: the quota causes it, not the service.

        Raises:
            ServiceError: it failed, or was throttled at every attempt.
        """
        for _ in range(MOST_TRIES - 1):
            try:
                return await request()
            except Throttled as refused:
                wait = refused.retry_after_s or 1.0
                await self.load.think(wait, 1.5 * wait)  # not all at the same moment again
        return await request()

    async def warm_up(self, request: Callable[[], Awaitable[object]]) -> None:
        """Make a first request before anything is judged, so that no judged request includes connecting.

        A failure is recorded; access to the service was checked before.
        """
        with contextlib.suppress(ServiceError):
            await request()


@contextlib.asynccontextmanager
async def in_our_words(explain: Explain, deadline_s: float) -> AsyncIterator[None]:
    """Turn a client's exceptions into `ServiceError`, and give the block a deadline.

    Raises:
        ServiceError: the client raised, or took longer.
    """
    try:
        async with asyncio.timeout(deadline_s):
            yield
    except Exception as error:
        found = explained(error, explain, deadline_s)
        if found is None:
            raise
        raise found from None


def explained(error: Exception, explain: Explain, deadline_s: float) -> ServiceError | None:
    """The error that an exception stands for; None if it is neither the client's nor that of our deadline."""
    if isinstance(error, ServiceError):
        return error
    found, late = explain(error), time_out_in(error)
    if found is None and late is not None:
        found = no_answer(deadline_s) if late is error else ServiceError(one_line(error), censored=True)
    if found is not None and found.status is None:  # an answer, such as 504, is not a time-out of the client
        found.censored = found.censored or late is not None
        found.own = own_limit_in(error)
    return found
