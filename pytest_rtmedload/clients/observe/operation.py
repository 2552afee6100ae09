"""What one observed client leaves in the recorder of the user it is measured for."""

from __future__ import annotations

import asyncio
import contextlib
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.clients.own_limits import count_own_limit, own_limit_in
from pytest_rtmedload.clients.timeouts import time_out_in
from pytest_rtmedload.results.recording import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_rtmedload.clients.recorder import SampleRecorder
    from pytest_rtmedload.results.names import OwnLimit

OK: Final = Outcome.OK.value
FAILED: Final = Outcome.FAILED.value
CENSORED: Final = Outcome.CENSORED.value
MOST_READ: Final = 4_000
"""Bytes of an answer that are read; more is redacted than shown, so that no secret is cut in half."""
_SHOWN: Final = 500


class ObservedOperation:
    """Something under way: at most one sample, whatever happens."""

    def __init__(self, watch: OperationWatch, metric: str) -> None:
        self.metric = metric
        self.start_ns = perf_counter_ns()
        self._watch = watch
        watch.under_way.add(self)

    def end(self, outcome: str, end_ns: int | None = None) -> bool:
        """Record how and when it ended (default: now). Returns False if it had ended before."""
        if not self.drop():
            return False
        self._watch.add(self.metric, self.start_ns, end_ns or perf_counter_ns(), outcome)
        return True

    def fail(self, error: BaseException | None, reason: str, *, where: str = "", example: str = "") -> None:
        """Record it with a reason: censored if `error` is a cancellation or a limit that is over, else failed."""
        late = isinstance(error, asyncio.CancelledError) or time_out_in(error) is not None
        if self.end(CENSORED if late else FAILED):
            self._watch.own_limit(own_limit_in(error))
            if not isinstance(error, asyncio.CancelledError):  # the code that cancelled it knows
                self._watch.error(f"{self.metric}{where and ' '}{where}: {reason}", example)
            with contextlib.suppress(AttributeError):  # None, or an exception that takes no attributes
                error.counted = True  # type: ignore[union-attr]

    def drop(self) -> bool:
        """Discard it: it is not an operation of the agent. Returns False if it had ended before."""
        if self not in self._watch.under_way:
            return False
        self._watch.under_way.discard(self)
        return True


class OperationWatch:
    """The measuring of one client.

    Args:
        undo: removes the wrapping from the client.
    """

    def __init__(self, undo: Callable[[], None] = lambda: None) -> None:
        self.undo = undo
        self.under_way: set[ObservedOperation] = set()
        self._users: list[tuple[SampleRecorder, Callable[[str], str]]] = []

    def watch_for(self, recorder: SampleRecorder, redact: Callable[[str], str]) -> None:
        """Measure for a user, after all earlier ones."""
        self._users.append((recorder, redact))

    def leave(self, recorder: SampleRecorder) -> bool:
        """Stop measuring for a user. Returns True if it was the last one and the client is restored."""
        remaining = [user for user in self._users if user[0] is not recorder]
        if not remaining:
            for operation in list(self.under_way):
                operation.end(CENSORED)
            self.undo()
        self._users = remaining
        return not remaining

    def add(self, metric: str, start_ns: int, end_ns: int, outcome: str) -> None:
        """Keep a sample."""
        if self._users:
            self._users[0][0].add(metric, start_ns, end_ns, outcome)

    def error(self, message: str, example: str) -> None:
        """Keep an error, secrets taken out."""
        if self._users:
            recorder, redact = self._users[0]
            recorder.error(redact(message), redact(example)[:_SHOWN])

    def own_limit(self, limit: OwnLimit | None) -> None:
        """Count a failure of the load generator itself."""
        if self._users:
            count_own_limit(self._users[0][0], limit)

    def count(self, name: str) -> None:
        """Add to a counter of the test, if it has counters."""
        count = getattr(self._users[0][0], "count", None) if self._users else None
        if count is not None:
            count(name)
