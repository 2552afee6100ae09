"""Watching load tests while they run: shipments of samples become what a live view shows.

Sums are made of every shipment; what they amount to is worked out only when it is shown. Several tests may run at
once, each reported by its own thread.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_rtmedload.live.aggregate import Tally
from pytest_rtmedload.live.progress import Progress
from pytest_rtmedload.live.standings import targets_so_far
from pytest_rtmedload.results.recording import Clock
from pytest_rtmedload.schedule.factory import conductor_for
from pytest_rtmedload.text import formats

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_rtmedload.live.view import LiveView
    from pytest_rtmedload.results.plan import Target
    from pytest_rtmedload.results.recording import Recording
    from pytest_rtmedload.spec.load_spec import LoadSpec


@dataclass(slots=True)
class _Seen:
    """What was seen of one test."""

    spec: LoadSpec
    total_s: float | None
    tally: Tally
    phase: str = ""
    elapsed: float = 0.0
    users: int = 0
    rate: float | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, phase: str, elapsed: float, users: int, delta: Recording) -> None:
        """The shards have shipped."""
        with self.lock:
            new, since = self.tally.add(delta), elapsed - self.elapsed
            self.rate = new / since if since > 0 else self.rate
            self.phase, self.elapsed, self.users = phase, elapsed, users

    def progress(self, table: Iterable[Iterable[Target]]) -> Progress:
        """What there is to show of it."""
        with self.lock:
            spec, tally = self.spec, self.tally
            worst = tally.error()
            return Progress(
                nodeid=spec.nodeid,
                phase=self.phase,
                elapsed_s=self.elapsed,
                total_s=self.total_s,
                stage=stage_at(spec, self.elapsed),
                users=self.users,
                open=spec.open,
                iterations=tally.iterations,
                rate=self.rate,
                failed_share=tally.lost / tally.iterations if tally.iterations else None,
                error=None if worst is None else f"{worst[1]:,} × {formats.one_line(worst[0], 200)}",
                targets=targets_so_far(spec, table, tally, self.elapsed - spec.load_begins),
                generator=tally.generator(),
            )


class RunWatch:
    """The coordinator's observer behind the live view.

    Args:
        view: shows it.
        table: limits from the options, weakest first.
    """

    def __init__(self, view: LiveView, table: Iterable[Iterable[Target]] = ()) -> None:
        self._view = view
        self._table = tuple(map(tuple, table))
        self._seen: dict[str, _Seen] = {}

    def started(self, spec: LoadSpec, seconds: float | None) -> None:
        """The start line of a test was drawn."""
        clock = Clock.RESPONSE if spec.open else Clock.SERVICE
        seen = self._seen[spec.nodeid] = _Seen(spec, seconds, Tally(clock))
        self._view.start(spec.nodeid, lambda: seen.progress(self._table))

    def progressed(self, spec: LoadSpec, phase: str, elapsed: float, users: int, delta: Recording) -> None:
        """All shards of a test shipped their samples."""
        seen = self._seen.get(spec.nodeid)
        if seen is not None:
            seen.take(phase, elapsed, users, delta)
            self._view.update(spec.nodeid)

    def finished(self, spec: LoadSpec | None = None) -> None:
        """A test is over; None: all that are under way."""
        for nodeid in list(self._seen) if spec is None else [spec.nodeid]:
            self._seen.pop(nodeid, None)
            self._view.finish(nodeid)


def stage_at(spec: LoadSpec, elapsed: float) -> str | None:
    """The part of the shape a test is in, such as `20 users (2 of 5)`; None when the load is the same throughout."""
    stages = conductor_for(spec).stages()
    number = next((i for i, stage in enumerate(stages) if elapsed < stage.end), None)
    return None if number is None else f"{stages[number].name} ({number + 1} of {len(stages)})"
