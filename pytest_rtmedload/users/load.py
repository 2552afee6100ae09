"""`Load`: the handle of one virtual user that tests and user fixtures get as `load`.

The rule: every name without an underscore is documented (docs/reference.md) and stays. What the engine and the
measured clients need of a user is on `VirtualUser`, behind the handle.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from pytest_rtmedload.clients.own_limits import count_own_limit, own_limit_in
from pytest_rtmedload.clients.timeouts import time_out_in
from pytest_rtmedload.results.recording import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from random import Random

    from pytest_rtmedload.clients.http.client import HttpClient
    from pytest_rtmedload.clients.websocket.client import WebSocketClient
    from pytest_rtmedload.dialects import Dialect
    from pytest_rtmedload.spec.load_config import LoadConfig
    from pytest_rtmedload.users.virtual_user import VirtualUser
    from pytest_rtmedload.voice.call_kinds import BrowserCall, PhoneCall

C = TypeVar("C")


class Load:
    """One virtual user: its identity, its measured clients and its own measurements.

    Times are milliseconds unless a name or a description says otherwise.
    """

    def __init__(self, user: VirtualUser) -> None:
        self.__rtmedload_user__ = user  # what measured clients of this package look for, see backends/requests.py

    @property
    def user(self) -> int:
        """Index of this user over all shards, from 0."""
        return self.__rtmedload_user__.user

    @property
    def iteration(self) -> int:
        """Number of this user's present iteration, from 0; −1 in user fixtures."""
        return self.__rtmedload_user__.iteration

    @property
    def random(self) -> Random:
        """Random numbers that are the same in every run with the same seed."""
        return self.__rtmedload_user__.random

    @property
    def data(self) -> Mapping[str, str]:
        """This user's row of synthetic data: the same in every run, marked as synthetic, of no real person."""
        return self.__rtmedload_user__.data

    @property
    def settings(self) -> LoadConfig:
        """The options of this run."""
        return self.__rtmedload_user__.settings

    @property
    def nodeid(self) -> str:
        """Node id of the test this user runs."""
        return self.__rtmedload_user__.nodeid

    @property
    def dialect(self) -> Dialect:
        """Paths, bodies and messages of the agent's version."""
        return self.__rtmedload_user__.dialect

    @property
    def http(self) -> HttpClient:
        """The measured HTTP client of this user, with connections of its own."""
        return self.__rtmedload_user__.clients.http

    def ws(self, url: str, *, name: str | None = None, **options: Any) -> WebSocketClient:
        """A measured WebSocket of this user: `async with load.ws("/ws/relay", name="relay") as ws:`.

        Args:
            url: absolute, or relative to the agent's URL.
            name: the metric of messages answered (`ws.ask`), instead of `ws.message`; handshakes and pings keep theirs.
            **options: those of `WebSocketClient`.
        """
        return self.__rtmedload_user__.clients.websocket(url, name, options)

    @overload
    def call(
        self, kind: Literal["phone"] = ..., call_id: str | None = ...
    ) -> contextlib.AbstractAsyncContextManager[PhoneCall]: ...
    @overload
    def call(
        self, kind: Literal["browser"], call_id: str | None = ...
    ) -> contextlib.AbstractAsyncContextManager[BrowserCall]: ...

    def call(self, kind: str = "phone", call_id: str | None = None) -> contextlib.AbstractAsyncContextManager[Any]:
        """A call within an iteration: `async with load.call("phone") as call:`; `phone_call` is one around it.

        Args:
            kind: `phone` or `browser`.
            call_id: the id sent to the agent, where it knows the call already; a new one by default.

        Raises:
            ValueError: another kind.
        """
        from pytest_rtmedload.voice.call_kinds import BrowserCall, PhoneCall  # noqa: PLC0415 - where it is used
        from pytest_rtmedload.voice.place_call import placed  # noqa: PLC0415 - as above

        kinds: dict[str, type[PhoneCall | BrowserCall]] = {"phone": PhoneCall, "browser": BrowserCall}
        if kind not in kinds:
            raise ValueError(f"load.call({kind!r}): a call is one of {', '.join(kinds)}")
        return placed(kinds[kind], self.__rtmedload_user__, call_id)

    def observe(self, client: C) -> C:
        """Measure a client of your own, of httpx, httpx2 or websockets, until this user ends; returns the client.

        Raises:
            TypeError: a client of another kind.
        """
        return self.__rtmedload_user__.clients.observe(client)

    @contextlib.contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Measure a block under a name; an exception makes it a failed sample, a timeout a censored one."""
        start = time.perf_counter_ns()
        outcome = Outcome.OK
        try:
            yield
        except asyncio.CancelledError:
            outcome = Outcome.CENSORED
            raise
        except BaseException as error:
            outcome = Outcome.FAILED if time_out_in(error) is None else Outcome.CENSORED
            if not getattr(error, "counted", False):
                count_own_limit(self.__rtmedload_user__, own_limit_in(error))
            raise
        finally:
            self.__rtmedload_user__.add(name, start, time.perf_counter_ns(), outcome)

    def record(self, name: str, milliseconds: float) -> None:
        """Record a latency that was measured elsewhere and has just ended."""
        end = time.perf_counter_ns()
        self.__rtmedload_user__.add(name, end - round(milliseconds * 1e6), end)

    def value(self, name: str, amount: float, unit: str = "", *, at_ns: int | None = None) -> None:
        """Record a quantity that is not a time, such as a word error rate.

        Args:
            name: the metric.
            amount: the quantity.
            unit: its unit, shown in reports.
            at_ns: when what it describes began, on `time.perf_counter_ns`; now, when left out.
        """
        self.__rtmedload_user__.value(name, amount, unit, at_ns=at_ns)

    def count(self, name: str, by: int = 1) -> None:
        """Add to a counter of this test."""
        self.__rtmedload_user__.count(name, by)

    def check(self, name: str, condition: object, heard: object = None) -> bool:
        """A soft assertion: a failed check fails the iteration when it ends. Returns the condition's truth.

        Args:
            name: what is expected, such as "asks about the pain"; equal names are counted together.
            condition: whether it is so.
            heard: what there was instead, such as the text of an answer: shown as the example of the error.
        """
        return self.__rtmedload_user__.check(name, condition, heard)

    def tag(self, name: str, value: str) -> None:
        """Label all that this user records from now on until its iteration ends, as `name=value`."""
        self.__rtmedload_user__.label(f"{name}={value}")

    async def think(self, shortest: float, longest: float | None = None) -> None:
        """Pause as a person would, in seconds; not part of the iteration's time.

        Args:
            shortest: the pause, or its lower limit when `longest` is given (uniform between both).
            longest: upper limit.
        """
        await self.__rtmedload_user__.think(shortest, longest)

    def __repr__(self) -> str:
        return repr(self.__rtmedload_user__)
