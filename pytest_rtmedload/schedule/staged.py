"""Shapes with stages that are known beforehand: steps that rise, and a spike with the time to recover from it.

Each stage is judged separately, over whole seconds and without its first second, in which users start.
"""

from __future__ import annotations

from itertools import pairwise
from math import ceil, floor
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.results.plan import Stage
from pytest_rtmedload.schedule.arrivals import RateSpan, due_times
from pytest_rtmedload.schedule.conductors import Command, Conductor, phases_until, rise, run_up

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_rtmedload.results.recording import Phase
    from pytest_rtmedload.spec.load_spec import LoadSpec

SETTLE_S: Final = 1.0
"""Users that a step adds start within this time, and their first samples are not judged with the step."""
BEFORE, SPIKE, AFTER = "before the spike", "spike", "after the spike"


def stage(name: str, users: int, begin: float, end: float) -> Stage:
    """The judged part of what happens under one load between two moments."""
    return Stage(name, users, float(ceil(begin + SETTLE_S)), float(floor(end)))


class Steps(Conductor):
    """Users rise step by step, and stay for a while on each."""

    def __init__(self, spec: LoadSpec) -> None:
        self._spec = spec
        self._levels = spec.shape.levels
        self._each = spec.shape.step_s(spec.duration)
        self._begins = [spec.load_begins + n * self._each for n in range(len(self._levels) + 1)]

    def phases(self) -> dict[Phase, tuple[float, float]]:
        """All steps are measured."""
        return phases_until(self._spec, self._begins[-1])

    def commands(self) -> list[Command]:
        """The first step like a steady test; what others add starts within their first second."""
        commands = rise(0.0, self._spec.ramp, 0, self._levels[0])
        for begin, (before, users) in zip(self._begins[1:], pairwise(self._levels), strict=False):
            commands += rise(begin, SETTLE_S, before, users)
        return [*commands, Command(self._begins[-1], "end")]

    def stages(self) -> Sequence[Stage]:
        """One for each step."""
        spans = zip(self._levels, pairwise(self._begins), strict=True)
        return [stage(users_text(users), users, begin, end) for users, (begin, end) in spans]


class Spike(Conductor):
    """A sudden jump and back: of users, or of arrivals where the test has a rate."""

    def __init__(self, spec: LoadSpec) -> None:
        self._spec = spec
        self._peak = spec.shape.peak or 0.0
        length, total = spec.shape.spike_s, spec.shape.lasts(spec.duration)
        self._begin = float(ceil(spec.load_begins + (total - length) / 2))
        self._over = float(ceil(self._begin + length))
        self._end = spec.load_begins + max(total, self._over + length - spec.load_begins)

    def phases(self) -> dict[Phase, tuple[float, float]]:
        """Before, during and after the spike is measured."""
        return phases_until(self._spec, self._end)

    def commands(self) -> list[Command]:
        """Up at once and down at once; surplus users finish their iteration."""
        end = Command(self._end, "end")
        if self._spec.open:
            return [end]
        users = self._spec.users
        jump = [Command(self._begin, "users", self._peak), Command(self._over, "users", users)]
        return [*rise(0.0, self._spec.ramp, 0, users), *jump, end]

    def arrivals(self, seed: int) -> Iterator[float]:
        """Due times of all shards together."""
        spec, base = self._spec, self._spec.rate
        if base is None:
            return iter(())
        moments = [spec.load_begins, self._begin, self._over, self._end]
        rates = (base, self._peak, base)
        steady = [RateSpan(a, b, rate, rate) for (a, b), rate in zip(pairwise(moments), rates, strict=True)]
        spans = [*run_up(spec, base), *steady]
        return due_times([span for span in spans if span.end > span.begin], seed if spec.shape.poisson else None)

    def stages(self) -> Sequence[Stage]:
        """Three; the spike and what follows are judged from their first second on, since that is what they are for."""
        users = 0 if self._spec.open else self._spec.users
        peak = 0 if self._spec.open else round(self._peak)
        return [
            Stage(BEFORE, users, float(ceil(self._spec.load_begins)), self._begin),
            Stage(SPIKE, peak, self._begin, self._over),
            Stage(AFTER, users, self._over, float(floor(self._end))),
        ]


def users_text(users: int) -> str:
    """`1 user`, `20 users`."""
    return f"{users:,} user{'' if users == 1 else 's'}"
