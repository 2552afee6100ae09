"""The virtual user: what a test body sees as `load`."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import random
import time
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload
from urllib.parse import urlsplit

from pytest_rtmedload.clients.connecting import Connecting
from pytest_rtmedload.results.recording import Outcome, SeriesKey
from pytest_rtmedload.users import synthetic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pytest_rtmedload.clients.http.client import HttpClient
    from pytest_rtmedload.clients.observe.observer import Observer
    from pytest_rtmedload.clients.websocket.client import WebSocketClient
    from pytest_rtmedload.dialects import Dialect
    from pytest_rtmedload.measure.recorder import Recorder
    from pytest_rtmedload.measure.rows import Row
    from pytest_rtmedload.spec.load_config import LoadConfig
    from pytest_rtmedload.voice.call_kinds import BrowserCall, PhoneCall
    from pytest_rtmedload.voice.pacer import Pacer
    from pytest_rtmedload.voice.timeline import KeptCall


C = TypeVar("C")

CURRENT: ContextVar[VirtualUser] = ContextVar("virtual user")
"""The user on whose behalf the present task runs."""


class NeedsAgent(BaseException):
    """Raised by the first relative URL while no agent is known: the load test starts over once there is one."""


class ChecksFailed(AssertionError):  # noqa: N818 - its name is what reports show
    """Raised at the end of an iteration in which a `load.check` failed."""


@dataclass(slots=True)
class Surroundings:
    """What all users of a load test share."""

    settings: LoadConfig
    seed: int
    timeout: float
    """Seconds one operation may take."""
    agent_url: str | None = None
    nodeid: str = ""
    pacer: Pacer | None = None
    """Sends the audio of all calls; there once somebody calls."""
    kept_calls: int = 0
    """Calls that are written down so far."""


class VirtualUser:
    """One concurrent caller: its identity, its measured clients and its own measurements.

    All times given to and taken from this class are milliseconds unless a name says otherwise.
    """

    def __init__(self, index: int, recorder: Recorder, surroundings: Surroundings) -> None:
        self.user = index
        """Index of this user over all shards, from 0."""
        self.iteration = -1
        """Number of this user's present iteration, from 0; −1 in user fixtures."""
        self.random = random.Random(f"{surroundings.seed}:{index}")
        """Random numbers that are the same in every run with the same seed."""
        self.settings = surroundings.settings
        """The options of this run."""
        self.thought_ns = 0
        self._pauses = 0
        self._paused_since = 0
        self.failed_operations = 0
        self.failed_checks: list[str] = []
        self.late_ns = 0
        self._tag = ""
        self._call = ""
        self._in_setup = True
        self._surroundings = surroundings
        self._recorder = recorder
        self._appenders: dict[tuple[str, str], Callable[[Row], None]] = {}
        self._http: HttpClient | None = None
        self._sockets: list[WebSocketClient] = []
        self._observer: Observer | None = None
        self._at_end: list[Callable[[], None]] = []

    @property
    def http(self) -> HttpClient:
        """The measured HTTP client of this user, with connections of its own."""
        if self._http is None:
            from pytest_rtmedload.clients.http.client import HttpClient  # noqa: PLC0415 - where it is used

            self._http = HttpClient(
                self,
                base_url=self._base_url,
                headers_for=self._headers_for,
                timeout=self._surroundings.timeout,
                redact=self.settings.redact,
            )
        return self._http

    def ws(self, url: str, *, name: str | None = None, **options: Any) -> WebSocketClient:
        """A measured WebSocket of this user: `async with load.ws("/ws/relay", name="relay") as ws:`.

        Args:
            url: absolute, or relative to the agent's URL.
            name: the metric of messages answered (`ws.ask`), instead of `ws.message`; handshakes and pings keep theirs.
            **options: those of `WebSocketClient`.
        """
        from pytest_rtmedload.clients.websocket.client import WebSocketClient  # noqa: PLC0415 - where it is used

        socket = WebSocketClient(self, url, name=name, **(self.connecting._asdict() | options))
        self._sockets = [*(one for one in self._sockets if one.is_open), socket]
        return socket

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
            call_id: the id that the agent is told, where it knows the call already; a new one when left out.

        Raises:
            ValueError: another kind.
        """
        from pytest_rtmedload.voice.call_kinds import BrowserCall, PhoneCall  # noqa: PLC0415 - where it is used
        from pytest_rtmedload.voice.place_call import placed  # noqa: PLC0415 - as above

        kinds: dict[str, type[PhoneCall | BrowserCall]] = {"phone": PhoneCall, "browser": BrowserCall}
        if kind not in kinds:
            raise ValueError(f"load.call({kind!r}): a call is one of {', '.join(kinds)}")
        return placed(kinds[kind], self, call_id)

    def observe(self, client: C) -> C:
        """Measure a client of your own, of httpx, httpx2 or websockets, until this user ends; returns the client.

        Raises:
            TypeError: a client of another kind.
        """
        from pytest_rtmedload.clients.observe.observer import Observer  # noqa: PLC0415 - where it is used

        if self._observer is None:
            self._observer = Observer(self, redact=self.settings.redact)
            self.at_end(self._observer.stop)
        return self._observer.observe(client)

    @contextlib.contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Measure a block under a name; an exception makes it a failed sample, a timeout a censored one."""
        start = time.perf_counter_ns()
        outcome = Outcome.OK
        try:
            yield
        except (TimeoutError, asyncio.CancelledError):
            outcome = Outcome.CENSORED
            raise
        except BaseException:
            outcome = Outcome.FAILED
            raise
        finally:
            self.add(name, start, time.perf_counter_ns(), outcome)

    def record(self, name: str, milliseconds: float) -> None:
        """Record a latency that was measured elsewhere and has just ended."""
        end = time.perf_counter_ns()
        self.add(name, end - round(milliseconds * 1e6), end)

    def value(self, name: str, amount: float, unit: str = "", *, at_ns: int | None = None) -> None:
        """Record a quantity that is not a time, such as a word error rate.

        Args:
            name: the metric.
            amount: the quantity.
            unit: shown beside it.
            at_ns: when what it describes began, on `time.perf_counter_ns`; now, when left out.
        """
        if self._recorder.measuring if at_ns is None else self._recorder.measured(at_ns):
            self._recorder.value(name, self._tag, float(amount), unit)

    def count(self, name: str, by: int = 1) -> None:
        """Add to a counter of this test."""
        if self._recorder.measuring:
            self._recorder.count(name, by)

    def tally(self, name: str, by: int = 1) -> None:
        """Add to a counter in every phase, set-up and tear-down included: what was created and removed."""
        self._recorder.count(name, by)

    def check(self, name: str, condition: object) -> bool:
        """A soft assertion: a failed check fails the iteration when it ends. Returns whether it held."""
        if not condition:
            self.failed_checks.append(name)
        return bool(condition)

    def tag(self, name: str, value: str) -> None:
        """Label all that this user records from now on until its iteration ends, as `name=value`."""
        self._label(f"{name}={value}")

    async def think(self, shortest: float, longest: float | None = None) -> None:
        """Pause as a person would, in seconds; not part of the iteration's time.

        Args:
            shortest: the pause, or its lower limit when `longest` is given (uniform between both).
            longest: upper limit.
        """
        start = time.perf_counter_ns()
        if not self._pauses:
            self._paused_since = start
        self._pauses += 1
        try:
            await asyncio.sleep(shortest if longest is None else self.random.uniform(shortest, longest))
        finally:
            self._pauses -= 1
            now = time.perf_counter_ns()
            if not self._pauses:  # pauses side by side are one
                self.thought_ns += now - self._paused_since
                self._recorder.paused(self._paused_since, now)

    def pausing_ns(self, now_ns: int) -> int:
        """Think time of the present iteration so far, a pause that has not ended included."""
        return self.thought_ns + (now_ns - self._paused_since if self._pauses else 0)

    def add(self, metric: str, start_ns: int, end_ns: int, outcome: str = Outcome.OK) -> None:
        """Record an operation by its start and end on `time.perf_counter_ns`; what measured clients call."""
        append = self._appenders.get((metric, outcome))
        if append is None:
            append = self._open_series(metric, outcome)
        append((start_ns - self.late_ns, start_ns, end_ns, self.user))
        if outcome != "ok":
            self.failed_operations += 1

    def error(self, message: str, example: str = "") -> None:
        """Count an error under its message."""
        self._recorder.error(message, example)

    def begin_iteration(self) -> None:
        """Forget what belongs to the previous iteration."""
        self.iteration += 1
        self.thought_ns = 0
        self.failed_operations = 0
        if self.failed_checks:
            self.failed_checks = []
        if self._tag:
            self._label("")

    def leave_setup(self) -> None:
        """User fixtures are entered: from now on samples belong to the phase they begin in."""
        self._in_setup = False
        self._appenders.clear()

    @functools.cached_property
    def data(self) -> Mapping[str, str]:
        """This user's row of synthetic data: the same in every run, marked as synthetic, nobody's in fact."""
        return synthetic.row(self.user)

    @property
    def nodeid(self) -> str:
        """The test this user runs."""
        return self._surroundings.nodeid

    @property
    def number(self) -> str:
        """The telephone number this user calls from; synthetic."""
        return self.data["phone"]

    def keeps_call(self) -> int:
        """Number of the next call among those to be written down, the first ones of each process; 0: it is not."""
        if self._surroundings.kept_calls >= self.settings.record_calls:
            return 0
        self._surroundings.kept_calls += 1
        return self._surroundings.kept_calls

    def conversed(self, call: KeptCall) -> None:
        """A call has ended: it may serve as an example of the calls of this test, if it began in the measured phase."""
        from pytest_rtmedload.voice.summary import conversed  # noqa: PLC0415 - only calls need it

        if self._recorder.measured(call.connected_ns):
            told = conversed(call, self._tag, self._surroundings.seed)
            if told is not None:
                self._recorder.conversation(told)

    def call_kept(self, call: str, stem: str) -> None:
        """A call was written down, to files that begin like this in the folder of the results."""
        self._recorder.tape(call, stem)

    def call_lost(self, reason: str) -> None:
        """A call could not be written down: no failure, and told in one line."""
        self._recorder.note(reason)

    @property
    def connecting(self) -> Connecting:
        """How WebSocket clients of this user reach the agent."""
        return Connecting(self._ws_base_url, self._headers_for, self.settings.redact, self._surroundings.timeout)

    @property
    def dialect(self) -> Dialect:
        """How the agent speaks."""
        from pytest_rtmedload.dialects import dialect_named  # noqa: PLC0415 - only calls need it

        return dialect_named(self.settings.dialect)

    @property
    def pacer(self) -> Pacer:
        """Sends the audio of all calls of this process."""
        if self._surroundings.pacer is None:
            from pytest_rtmedload.voice.pacer import Pacer  # noqa: PLC0415 - only calls need it

            self._surroundings.pacer = Pacer(asyncio.get_running_loop(), self._recorder.frames_sent)
        return self._surroundings.pacer

    def enter_call(self, call: str) -> None:
        """What is recorded from now on belongs to this call, so that the turns of a call are judged together."""
        self._call = call
        self._appenders.clear()

    def leave_call(self) -> None:
        """The call is over."""
        self._recorder.end_call(self._call)
        self._call = ""
        self._appenders.clear()

    def at_end(self, callback: Callable[[], None]) -> None:
        """Call this when the user ends."""
        self._at_end.append(callback)

    async def aclose(self) -> None:
        """Close this user's connections."""
        for callback in self._at_end:
            callback()
        for socket in self._sockets:
            await socket.close()
        if self._http is not None:
            await self._http.aclose()

    def _ws_base_url(self) -> str:
        return self.settings.ws_host or self._base_url()

    def _base_url(self) -> str:
        url = self._surroundings.agent_url
        if url is None:
            raise NeedsAgent
        return url

    def _headers_for(self, origin: str) -> Mapping[str, str]:
        """The headers of the options are the agent's: they may hold credentials that are nobody else's business."""
        urls = filter(None, (self._surroundings.agent_url, self.settings.ws_host))
        return self.settings.headers if any(same_origin(url, origin) for url in urls) else {}

    def _label(self, tag: str) -> None:
        self._tag = tag
        self._appenders.clear()

    def _open_series(self, metric: str, outcome: str) -> Callable[[Row], None]:
        key = SeriesKey(metric, self._tag, outcome)
        append = self._recorder.appender(key, setup=self._in_setup, call=self._call)
        self._appenders[metric, outcome] = append
        return append

    def __repr__(self) -> str:
        return f"<virtual user {self.user}, iteration {self.iteration}>"


def same_origin(one: str, other: str) -> bool:
    """Whether two URLs have the same scheme, host and port; a WebSocket has those of its HTTP handshake."""

    def origin(url: str) -> tuple[str, str | None, int]:
        parts = urlsplit(url)
        scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
        return scheme, parts.hostname, parts.port or {"https": 443}.get(scheme, 80)

    return origin(one) == origin(other)


def describe(error: BaseException) -> str:
    """One stable line for an error, by which equal errors are counted together."""
    text = str(error).strip()
    first = text.splitlines()[0] if text else ""
    name = type(error).__name__
    return f"{name}: {first}" if first else name
