"""The recorder of one shard: samples are appended as rows and turned into histograms once a second.

The hot path is one `list.append` of a tuple, about 150 ns. Phases, seconds and buckets are worked out for all rows
of a series at once when the recorder is drained, which costs less per sample than recording into a histogram and
lets a sample be judged by its *intended start* and by lag that was noticed only after it had ended.
"""

from __future__ import annotations

import threading
import time
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from pytest_rtmedload.results.conversations import Conversations
from pytest_rtmedload.results.details import SlowOperation
from pytest_rtmedload.results.folding import MOST_NAMES, OTHER, BoundedNames
from pytest_rtmedload.results.histogram import Histogram
from pytest_rtmedload.results.names import ITERATION, PARTS
from pytest_rtmedload.results.recording import (
    CallSample,
    Cell,
    Clock,
    Health,
    Outcome,
    Phase,
    Recording,
    SeriesKey,
    ValueStats,
)
from pytest_rtmedload.results.samples import NOBODY, SampleRows
from pytest_rtmedload.results.slowest import MOST, Slowest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from pytest_rtmedload.measure.rows import Row
    from pytest_rtmedload.measure.trace import Trace
    from pytest_rtmedload.results.conversations import Conversed
    from pytest_rtmedload.results.names import OwnLimit

NS = 1_000_000_000
_FOREVER = 2**62
_NO_EVENTS = PARTS | {"voice.response", "voice.ttfb"}
"""Metrics of an answer of which another metric measures the whole: a user waits for it once."""
TOO_MANY_TAGS = f"more than {MOST_NAMES} tags: samples of further ones are tagged with the value '{OTHER}'"


def warm_up() -> None:
    """Drain once before the test: the first time takes numpy 50 ms, which would block the users."""
    recorder = Recorder()
    recorder.start(0, {Phase.MEASURE: (0.0, 1.0)})
    append = recorder.appender(SeriesKey("warm up"))
    for start in (0, NS):  # two cells, so that all branches are taken
        append((start, start, start + 10, 0))
    recorder.lagged(0, 1)
    recorder.drain(NS)


class Recorder:
    """Collects the samples of one shard between two drains.

    Args:
        response_time: record the response time (end − intended start) beside the service time: open model.
        each: keep the samples one by one as well, to be taken with `take_rows`.
        trace: prints every operation as it ends.
        keep: names that are never folded, see `pytest_rtmedload/results/folding.py`.
    """

    def __init__(
        self,
        *,
        response_time: bool = False,
        each: bool = False,
        trace: Trace | None = None,
        keep: Iterable[str] = (),
    ) -> None:
        self._metrics = BoundedNames(keep)
        self._tags = BoundedNames()
        self._quantities = BoundedNames(keep)
        self._response_time = response_time
        self._trace = trace
        self._each: list[SampleRows] | None = [] if each else None
        self._slowest = Slowest()  # of all drains: what the next one must exceed
        self._conversations = Conversations()
        self._rows: dict[tuple[SeriesKey, bool, str], list[Row]] = {}
        self._ended_calls: set[str] = set()
        self._frames: list[tuple[int, int, int]] = []
        self._pending = Recording()
        self._lock = threading.Lock()  # plain bodies record from threads of their own
        self._t0: int | None = None
        self._borders: list[tuple[int, Phase]] = []
        self._lag_windows: list[tuple[int, int]] = []
        self._users = 0
        self._users_peak = 0
        self._users_second = 0

    def appender(self, key: SeriesKey, *, setup: bool = False, call: str = "") -> Callable[[Row], None]:
        """The function that takes the rows of a series; keep it, it stays valid across drains.

        Args:
            key: names the series; its clock is set by the recorder.
            setup: samples made in user fixtures: phase *setup*, whenever they happen.
            call: the call the samples belong to, until `end_call`; they are then kept one by one, too.
        """
        key = key._replace(metric=self._metrics.name(key.metric), tag=self._tag(key.tag))
        append = self._rows.setdefault((key, setup, call), []).append
        return append if self._trace is None else self._trace.watched(append, key, call)

    def _tag(self, tag: str) -> str:
        """The tag, or, beyond those that are kept, `name=other`."""
        if not tag or self._tags.name(tag) == tag:
            return tag
        self._pending.notes[TOO_MANY_TAGS] = None
        return f"{tag.partition('=')[0]}={OTHER}"

    def end_call(self, call: str) -> None:
        """No more samples of this call."""
        self._ended_calls.add(call)

    def frames_sent(self, due_ns: int, sent_ns: int, count: int) -> None:
        """Frames of audio that were due at the same moment were sent."""
        self._frames.append((due_ns, sent_ns, count))

    def start(self, t0_ns: int, phases: Mapping[Phase, tuple[float, float]]) -> None:
        """Set the start line and the phases (seconds since then, in order of time)."""
        self._t0 = t0_ns
        self._borders = [(t0_ns + round(begin * NS), phase) for phase, (begin, _) in phases.items()]

    def end_phase(self, phase: Phase, at_ns: int) -> None:
        """From now on, samples due after `at_ns` belong to `phase`."""
        self._borders = [border for border in self._borders if border[0] < at_ns] + [(at_ns, phase)]

    def users_changed(self, by: int, now_ns: int) -> None:
        """A virtual user became active (+1) or ended (−1)."""
        self._fill_users(now_ns)
        self._users += by
        self._users_peak = max(self._users_peak, self._users)

    @property
    def users(self) -> int:
        """Virtual users active now."""
        return self._users

    @property
    def measuring(self) -> bool:
        """True while the measured phase lasts: values and counters are kept only then."""
        return self.measured(time.perf_counter_ns())

    def measured(self, at_ns: int) -> bool:
        """Whether a moment is in the measured phase."""
        return self.phase_at(at_ns) is Phase.MEASURE

    def lagged(self, begin_ns: int, end_ns: int) -> None:
        """The event loop was late between these moments: samples that overlap are marked."""
        windows = self._lag_windows
        if windows and begin_ns <= windows[-1][1]:  # a ticker reports lag in order of time
            windows[-1] = (windows[-1][0], max(end_ns, windows[-1][1]))
        else:
            windows.append((begin_ns, end_ns))

    def paused(self, begin_ns: int, end_ns: int) -> None:
        """A user thought between these moments, for Little's law."""
        if self.phase_at(begin_ns) is Phase.MEASURE:
            self._pending.health.paused_ns += end_ns - begin_ns
            self._pending.health.pauses += 1

    def value(self, name: str, tag: str, amount: float, unit: str) -> None:
        """Record a quantity that is not a time."""
        name, tag = self._quantities.name(name), self._tag(tag)
        with self._lock:
            self._pending.values.setdefault((name, tag), ValueStats(unit)).add(amount)

    def count(self, name: str, by: int = 1) -> None:
        """Add to a counter."""
        name = self._quantities.name(name)
        with self._lock:
            counts = self._pending.counts
            counts[name] = counts.get(name, 0) + by

    def error(self, message: str, example: str = "") -> None:
        """Count an error under its message."""
        with self._lock:
            self._pending.add_error(message, example)
        if self._trace is not None:
            self._trace.error(message)

    def own_limit(self, limit: OwnLimit) -> None:
        """Something failed because the load generator itself ran out of this."""
        key = str(limit), str(self.phase_at(time.perf_counter_ns()))
        with self._lock:
            found = self._pending.health.own_errors
            found[key] = found.get(key, 0) + 1

    def tape(self, call: str, stem: str) -> None:
        """A call was recorded to files whose names begin like this."""
        with self._lock:
            self._pending.tapes[call] = stem

    def conversation(self, call: Conversed) -> None:
        """A call that began in the measured phase has ended."""
        if self._conversations.admits(call):
            self._conversations.add(call)
            self._pending.conversations.add(call)

    def note(self, line: str) -> None:
        """Something a reader of the result should know."""
        with self._lock:
            self._pending.notes[line] = None

    def phase_at(self, at_ns: int) -> Phase:
        """The phase a moment belongs to."""
        found = Phase.SETUP
        for border, phase in self._borders:
            if at_ns < border:
                break
            found = phase
        return found

    def drain(self, now_ns: int, *, health: Health | None = None, final: bool = False) -> Recording:
        """All that was recorded since the last drain.

        Args:
            now_ns: the present moment.
            health: what the health probe saw since the last drain.
            final: also give out the second that has not ended yet.
        """
        self._fill_users(now_ns)
        with self._lock:
            delta, self._pending = self._pending, Recording()
        ended, self._ended_calls = self._ended_calls, set()
        for (key, setup, call), rows in list(self._rows.items()):
            taken = len(rows)
            if taken:
                batch, rows[:taken] = rows[:taken], []
                self._bin(delta, key, batch, setup=setup, call=call)
            if call in ended:
                del self._rows[key, setup, call]
        self._account_frames(delta.health)
        if final and self._t0 is not None:
            delta.users[self._users_second] = self._users_peak
        if health is not None:
            delta.health.merge(health)
        if final and self._trace is not None:
            self._trace.flush()
        return delta

    def take_rows(self) -> list[SampleRows]:
        """The samples one by one that were drained since the last call, if they are kept."""
        taken = self._each or []
        if self._each is not None:
            self._each = []
        return taken

    def _account_frames(self, health: Health) -> None:
        """How late the frames of the measured phase were."""
        frames, self._frames = self._frames, []
        measured = [(sent - due, count) for due, sent, count in frames if self.phase_at(due) is Phase.MEASURE]
        if measured:
            late_ns, counts = np.array(measured, np.int64).T
            health.frames += int(counts.sum())
            health.frames_late_ns += int((late_ns * counts).sum())
            health.frame_lateness.record_array(np.repeat(late_ns // 1000, counts))

    def _bin(self, into: Recording, key: SeriesKey, rows: list[Row], *, setup: bool, call: str) -> None:
        flat = np.fromiter(chain.from_iterable(rows), np.int64, 4 * len(rows)).reshape(-1, 4)
        intended, start, end, user = flat.T
        phase = self._phases_of(intended, setup=setup)
        clocks = {Clock.SERVICE: end - start}
        if self._response_time:
            clocks[Clock.RESPONSE] = end - intended
        for cell, chosen in self._cells(intended, end, phase):
            if cell.phase == Phase.MEASURE:
                _account(into.health, key.metric, clocks[Clock.SERVICE][chosen])
            for clock, latency in clocks.items():
                us = latency[chosen] // 1000
                into.cells(key._replace(clock=clock)).setdefault(cell, Histogram()).record_array(us)
                if call:
                    samples = into.calls.setdefault(key._replace(clock=clock), [])
                    samples.extend(CallSample(call, cell, each) for each in us.tolist())
            if cell.phase == Phase.MEASURE and key.outcome in (Outcome.OK, Outcome.CENSORED):
                slow = self._slow(key.metric, us)  # of the last clock, which is the judged one
                if len(slow):
                    who, ms = user[chosen][slow].tolist(), (us[slow] / 1000).tolist()
                    self._note_slow(into, key, call, cell.second, zip(who, ms, strict=True))
        if self._each is not None:
            times = flat[:, :3] - self._zero(intended)
            names = tuple(map(str, self._phase_names))
            table = np.column_stack((phase, user, times))
            self._each.append(SampleRows(*key[:3], call, names, table, self._response_time))

    def _slow(self, metric: str, us: NDArray[np.int64]) -> NDArray[np.intp]:
        """Indices of those that may be among the slowest; one comparison finds that there are mostly none."""
        above = np.flatnonzero(us > self._slowest.floor_ms(metric) * 1000)
        return above if len(above) <= MOST else above[np.argpartition(us[above], -MOST)[-MOST:]]

    def _note_slow(
        self, into: Recording, key: SeriesKey, call: str, second: int, found: Iterable[tuple[int, float]]
    ) -> None:
        operations = [
            SlowOperation(key.metric, key.tag, ms, second, user, call, str(key.outcome))
            for user, ms in found
            if user != NOBODY
        ]
        self._slowest.add(operations)
        into.slowest.add(operations)

    @property
    def _phase_names(self) -> list[Phase]:
        """Phases by number."""
        return [Phase.SETUP, *(name for _, name in self._borders)]

    def _phases_of(self, intended: NDArray[np.int64], *, setup: bool) -> NDArray[np.int64]:
        """The numbers of the phases of rows."""
        borders = np.array([border for border, _ in self._borders], np.int64)
        return np.zeros_like(intended) if setup else np.searchsorted(borders, intended, side="right")

    def _zero(self, intended: NDArray[np.int64]) -> int:
        """The start line; where there is none yet, the first of these rows."""
        return self._t0 if self._t0 is not None else int(intended[0])

    def _cells(
        self, intended: NDArray[np.int64], end: NDArray[np.int64], phase: NDArray[np.int64]
    ) -> Iterator[tuple[Cell, NDArray[np.bool_]]]:
        """The cells that occur among the rows, each with the rows that belong to it."""
        second = np.maximum((intended - self._zero(intended)) // NS, 0)
        code = (phase << 33) | (second << 1) | self._overlaps_lag(intended, end)
        names = self._phase_names
        codes = code[:1] if (code == code[0]).all() else np.unique(code)  # most drains see one second of one phase
        for found in codes.tolist():
            cell = Cell(names[found >> 33], (found >> 1) & 0xFFFFFFFF, bool(found & 1))
            yield cell, code == found

    def _overlaps_lag(self, intended: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.bool_]:
        if not self._lag_windows:
            return np.zeros(len(end), np.bool_)
        begins = np.array([begin for begin, _ in self._lag_windows], np.int64)
        ends = np.array([end for _, end in self._lag_windows], np.int64)
        first_open = np.searchsorted(ends, intended)  # first window that ends at or after the sample's start
        return np.append(begins, _FOREVER)[first_open] <= end

    def _fill_users(self, now_ns: int) -> None:
        """Close the seconds that have passed: each keeps the most users that were active in it."""
        if self._t0 is None:
            return
        second = max(0, (now_ns - self._t0) // NS)
        while self._users_second < second:
            self._pending.users[self._users_second] = self._users_peak
            self._users_second += 1
            self._users_peak = self._users


def _account(health: Health, metric: str, lengths_ns: NDArray[np.int64]) -> None:
    """What the users of the measured phase did, for the share of their time that lag took."""
    if metric == ITERATION:
        health.iterations += len(lengths_ns)
        health.iterating_ns += int(lengths_ns.sum())
    elif metric not in _NO_EVENTS:
        health.operations += len(lengths_ns)
