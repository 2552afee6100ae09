"""The load that one core of this machine can generate: requests of `load.http`, and frames of calls.

The rule: the processor time of this process per operation is measured against a server in another process, so that
neither the server nor a busy machine affects the result. The rate per core is calculated from it and called an
estimate, because the test body also needs processor time.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_rtmedload.clients.connecting import Connecting
from pytest_rtmedload.clients.http.client import HttpClient
from pytest_rtmedload.clients.http.native import prepare
from pytest_rtmedload.command.findings import Finding, limit, well
from pytest_rtmedload.dialects import RTMEDAGENT
from pytest_rtmedload.voice.call_kinds import PhoneCall
from pytest_rtmedload.voice.pacer import FRAME_NS, Pacer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

COMMAND: Final = "pytest-rtmedload doctor"
MEASURED_S: Final = 1.5
SETTLING_S: Final = 0.3
USERS, CALLS = 10, 20
LONGEST_S: Final = 20.0
"""For all of it, including connecting; a longer measurement is abandoned."""


class Cost(NamedTuple):
    """Processor time of operations."""

    operations: int
    each_us: float

    @property
    def per_second(self) -> float:
        """Operations per second of one core that does nothing else."""
        return 1e6 / self.each_us


class MeasuredCost:
    """A virtual user that only counts operations and keeps the first error.

    Args:
        url: of the server.
        samples: count samples; otherwise count frames of calls.
    """

    number = "+15550100000"
    dialect = RTMEDAGENT

    def __init__(self, url: str, *, samples: bool) -> None:
        self._samples = samples
        self.connecting = Connecting(lambda: url, lambda _: {}, str, LONGEST_S)
        self.pacer = Pacer(asyncio.get_running_loop(), self._sent)
        self.operations = 0
        self.wrong = ""

    def add(self, metric: str, start_ns: int, end_ns: int, outcome: str = "ok") -> None:  # noqa: ARG002 - as users do
        """An operation ended."""
        self.operations += self._samples

    def value(self, name: str, amount: float, unit: str = "", *, at_ns: int | None = None) -> None:
        """Ignored."""

    def error(self, message: str, example: str = "") -> None:  # noqa: ARG002 - as above
        """Keep the first error."""
        self.wrong = self.wrong or message

    def check(self, name: str, condition: object) -> bool:  # noqa: ARG002 - as above
        """The condition itself."""
        return bool(condition)

    def _sent(self, due_ns: int, sent_ns: int, count: int) -> None:  # noqa: ARG002 - what a pacer calls
        self.operations += 0 if self._samples else count


def look_at_generator(*, uvloop: bool) -> list[Finding]:
    """The findings; takes a few seconds.

    Args:
        uvloop: whether the options select it.
    """
    try:
        with asyncio.Runner(loop_factory=_loop_factory(uvloop=uvloop)) as runner:
            requests, frames = runner.run(measure())
    except (OSError, RuntimeError, TimeoutError, ValueError) as error:
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return [limit("generator", f"could not be measured: {reason}", "skip it with --no-measure")]
    calls = frames.per_second * FRAME_NS / 1e9
    return [
        well("HTTP", f"about {requests.per_second:,.0f} requests/s on one core, {_basis(requests, 'request')}"),
        well(
            "calls",
            f"about {frames.per_second:,.0f} frames/s on one core, which is {calls:,.0f} calls,"
            f" {_basis(frames, 'frame of 20 ms, both directions')}",
        ),
    ]


def _basis(cost: Cost, what: str) -> str:
    return f"an estimate from {cost.each_us:.0f} µs a {what} (n = {cost.operations:,}, {COMMAND})"


def _loop_factory(*, uvloop: bool) -> Callable[[], asyncio.AbstractEventLoop] | None:
    if uvloop:
        with contextlib.suppress(ImportError):  # reported elsewhere
            from uvloop import new_event_loop  # noqa: PLC0415 - optional

            return new_event_loop
    return None


async def measure() -> tuple[Cost, Cost]:
    """Processor time of a request and of a frame.

    Raises:
        OSError, RuntimeError, TimeoutError, ValueError: it could not be measured.
    """
    async with asyncio.timeout(LONGEST_S), _partner() as (web, phone):
        requests = await _cost_of(_requests, MeasuredCost(web, samples=True))
        return requests, await _cost_of(_frames, MeasuredCost(phone, samples=False))


@contextlib.asynccontextmanager
async def _partner() -> AsyncIterator[tuple[str, str]]:
    """The server's two addresses; it ends when its standard input is closed, whatever happens to this process."""
    pipe = subprocess.PIPE
    command = (sys.executable, "-m", "pytest_rtmedload.command.calibration_server")
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)
    assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - pipes
    try:
        web, phone = (await process.stdout.readline()).split()
        yield f"http://127.0.0.1:{int(web)}", f"http://127.0.0.1:{int(phone)}"
    finally:
        process.stdin.close()
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _cost_of(work: Callable[[MeasuredCost], Coroutine[None, None, None]], user: MeasuredCost) -> Cost:
    """Processor time of all threads of this process per operation."""
    working = asyncio.create_task(work(user))
    await asyncio.wait([working], timeout=SETTLING_S)
    operations, worked = user.operations, time.process_time_ns()
    await asyncio.wait([working], timeout=MEASURED_S)
    operations, worked = user.operations - operations, time.process_time_ns() - worked
    working.cancel()
    (ended,) = await asyncio.gather(working, return_exceptions=True)
    if user.wrong or isinstance(ended, Exception) or not operations:
        raise RuntimeError(user.wrong or str(ended) or "no operation succeeded")
    return Cost(operations, worked / operations / 1e3)


async def _requests(user: MeasuredCost) -> None:
    """Users that send requests without a pause, until cancelled."""
    prepare()
    clients = [HttpClient(user, base_url=user.connecting.base_url()) for _ in range(USERS)]

    async def ask(client: HttpClient) -> None:
        while True:
            await client.get("/health")

    try:
        await asyncio.gather(*map(ask, clients))
    finally:
        for client in clients:
            await client.aclose()


async def _frames(user: MeasuredCost) -> None:
    """Calls that send and receive in real time, until cancelled."""
    calls = [PhoneCall(user, call_id=f"doctor-{index}") for index in range(CALLS)]
    try:
        await asyncio.gather(*(call.connect() for call in calls))
        await asyncio.Event().wait()
    finally:
        for call in calls:
            await call.hang_up()
