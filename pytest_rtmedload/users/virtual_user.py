"""The virtual user: its identity, its state and its measurements. Tests see it as a `Load`."""

from __future__ import annotations

import asyncio
import random
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.results.recording import Outcome, SeriesKey
from pytest_rtmedload.users import synthetic
from pytest_rtmedload.users.agent_clients import AgentClients

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Self

    from pytest_rtmedload.clients.connecting import Connecting
    from pytest_rtmedload.dialects import Dialect
    from pytest_rtmedload.measure.recorder import Recorder
    from pytest_rtmedload.measure.rows import Row
    from pytest_rtmedload.results.names import OwnLimit
    from pytest_rtmedload.users.shared_context import SharedContext
    from pytest_rtmedload.voice.pacer import Pacer
    from pytest_rtmedload.voice.timeline import KeptCall


CURRENT: ContextVar[VirtualUser] = ContextVar("virtual user")
"""The user on whose behalf the present task runs."""


MOST_APPENDERS: Final = 256
"""Series that a user remembers the way to."""


class ChecksFailed(AssertionError):  # noqa: N818 - its name is what reports show
    """Raised at the end of an iteration in which a `load.check` failed."""

    @classmethod
    def of(cls, names: Sequence[str], heard: Sequence[str]) -> Self:
        """The error for these checks; what was heard instead is in its notes, so that equal checks count together."""
        error = cls("check failed: " + ", ".join(names))
        for name, instead in zip(names, heard, strict=True):
            if instead:
                error.add_note(f"expected: {name}; there was: {instead}")
        return error


class VirtualUser:
    """One concurrent caller, as the engine and measured clients use it.

    Times are nanoseconds of `time.perf_counter_ns` unless a name says otherwise.
    """

    def __init__(self, index: int, recorder: Recorder, shared: SharedContext) -> None:
        self.user = index
        """Index of this user over all shards, from 0."""
        self.iteration = -1
        """Number of this user's present iteration, from 0; −1 in user fixtures."""
        self.random = random.Random(f"{shared.seed}:{index}")
        self.settings = shared.settings
        self.thought_ns = 0
        self.failed_operations = 0
        self.unanswered = 0
        self.failed_checks: list[str] = []
        self.heard_instead: list[str] = []
        self.late_ns = 0
        self._pauses = 0
        self._paused_since = 0
        self._tag = ""
        self._call = ""
        self._in_setup = True
        self._shared = shared
        self._recorder = recorder
        self._appenders: dict[tuple[str, str], Callable[[Row], None]] = {}
        self._data: Mapping[str, str] | None = None
        self._at_end: list[Callable[[], None]] = []
        self.clients = AgentClients(self, shared)
        """Its measured clients."""

    # --- measurements

    def add(self, metric: str, start_ns: int, end_ns: int, outcome: str = Outcome.OK) -> None:
        """Record an operation; what measured clients call. The hot path: see benchmarks/test_iteration.py."""
        append = self._appenders.get((metric, outcome))
        if append is None:
            append = self._open_series(metric, outcome)
        append((start_ns - self.late_ns, start_ns, end_ns, self.user))
        if outcome != "ok":
            self.failed_operations += 1
            self.unanswered += outcome == "censored"

    def error(self, message: str, example: str = "") -> None:
        """Count an error under its message."""
        self._recorder.error(message, example)

    def own_limit(self, limit: OwnLimit) -> None:
        """An operation failed because the load generator itself ran out of this."""
        self._recorder.own_limit(limit)

    def value(self, name: str, amount: float, unit: str = "", *, at_ns: int | None = None) -> None:
        """Record a quantity that is not a time, if what it describes began in the measured phase."""
        if self._recorder.measuring if at_ns is None else self._recorder.measured(at_ns):
            self._recorder.value(name, self._tag, float(amount), unit)

    def count(self, name: str, by: int = 1) -> None:
        """Add to a counter, in the measured phase only."""
        if self._recorder.measuring:
            self._recorder.count(name, by)

    def tally(self, name: str, by: int = 1) -> None:
        """Add to a counter in every phase, set-up and tear-down included: what was created and removed."""
        self._recorder.count(name, by)

    def check(self, name: str, condition: object, heard: object = None) -> bool:
        """A soft assertion: a failed check fails the iteration when it ends. Returns the condition's truth.

        Args:
            name: what is expected; equal names are counted together.
            condition: whether it is so.
            heard: what there was instead, for the example of the error.
        """
        if not condition:
            self.failed_checks.append(name)
            self.heard_instead.append("" if heard is None else str(heard))
        return bool(condition)

    def label(self, tag: str) -> None:
        """Tag what is recorded from now on."""
        self._tag = tag
        self._appenders.clear()

    async def think(self, shortest: float, longest: float | None = None) -> None:
        """Pause for some seconds that are not part of the iteration's time; concurrent pauses count once."""
        start = time.perf_counter_ns()
        if not self._pauses:
            self._paused_since = start
        self._pauses += 1
        try:
            await asyncio.sleep(shortest if longest is None else self.random.uniform(shortest, longest))
        finally:
            self._pauses -= 1
            now = time.perf_counter_ns()
            if not self._pauses:
                self.thought_ns += now - self._paused_since
                self._recorder.paused(self._paused_since, now)

    def pausing_ns(self, now_ns: int) -> int:
        """Think time of the present iteration so far, a pause that has not ended included."""
        return self.thought_ns + (now_ns - self._paused_since if self._pauses else 0)

    # --- its life

    def begin_iteration(self) -> None:
        """Forget what belongs to the previous iteration."""
        self.iteration += 1
        self.thought_ns = 0
        self.failed_operations = self.unanswered = 0
        if self.failed_checks:
            self.failed_checks, self.heard_instead = [], []
        if self._tag:
            self.label("")

    def leave_setup(self) -> None:
        """User fixtures are entered: from now on samples belong to the phase they begin in."""
        self._in_setup = False
        self._appenders.clear()

    def at_end(self, callback: Callable[[], None]) -> None:
        """Call this when the user ends."""
        self._at_end.append(callback)

    async def aclose(self) -> None:
        """Close this user's connections."""
        for callback in self._at_end:
            callback()
        await self.clients.aclose()

    # --- who it is, and how it reaches the agent

    @property
    def data(self) -> Mapping[str, str]:
        """This user's row of synthetic data."""
        if self._data is None:
            self._data = synthetic.row(self.user)
        return self._data

    @property
    def number(self) -> str:
        """The telephone number this user calls from; synthetic."""
        return self.data["phone"]

    @property
    def nodeid(self) -> str:
        """The test this user runs."""
        return self._shared.nodeid

    @property
    def connecting(self) -> Connecting:
        """How WebSocket clients of this user reach the agent."""
        return self.clients.connecting

    @property
    def dialect(self) -> Dialect:
        """The agent's wire protocol."""
        return self.settings.wire

    # --- its calls

    @property
    def pacer(self) -> Pacer:
        """Sends the audio of all calls of this process."""
        if self._shared.pacer is None:
            from pytest_rtmedload.voice.pacer import Pacer  # noqa: PLC0415 - only calls need it

            self._shared.pacer = Pacer(asyncio.get_running_loop(), self._recorder.frames_sent)
        return self._shared.pacer

    def enter_call(self, call: str) -> None:
        """What is recorded from now on belongs to this call, so that the turns of a call are judged together."""
        self._call = call
        self._appenders.clear()

    def leave_call(self) -> None:
        """The call is over."""
        self._recorder.end_call(self._call)
        self._call = ""
        self._appenders.clear()

    def keeps_call(self) -> int:
        """Number of the next call among those to be recorded to files, the first ones of each process; 0: it is not."""
        if self._shared.kept_calls >= self.settings.record_calls:
            return 0
        self._shared.kept_calls += 1
        return self._shared.kept_calls

    def conversed(self, call: KeptCall) -> None:
        """A call has ended: it may serve as an example of the calls of this test, if it began in the measured phase."""
        from pytest_rtmedload.voice.summary import conversed  # noqa: PLC0415 - only calls need it

        if self._recorder.measured(call.connected_ns):
            conversation = conversed(call, self._tag, self._shared.seed)
            if conversation is not None:
                self._recorder.conversation(conversation)

    def call_kept(self, call: str, stem: str) -> None:
        """A call was recorded to files whose names begin with `stem`, in the folder of the results."""
        self._recorder.tape(call, stem)

    def call_lost(self, reason: str) -> None:
        """A call could not be recorded to files: one line of the report, not a failure."""
        self._recorder.note(reason)

    def _open_series(self, metric: str, outcome: str) -> Callable[[Row], None]:
        key = SeriesKey(metric, self._tag, outcome)
        append = self._recorder.appender(key, setup=self._in_setup, call=self._call)
        if len(self._appenders) >= MOST_APPENDERS:  # ids in names
            self._appenders.clear()
        self._appenders[metric, outcome] = append
        return append

    def __repr__(self) -> str:
        return f"<virtual user {self.user}, iteration {self.iteration}>"


def describe(error: BaseException) -> str:
    """One stable line for an error, by which equal errors are counted together."""
    text = str(error).strip()
    first = text.splitlines()[0] if text else ""
    name = type(error).__name__
    return f"{name}: {first}" if first else name
