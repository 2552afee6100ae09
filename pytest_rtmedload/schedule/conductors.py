"""Conductors decide how many users are active at each moment; workers follow.

A conductor's commands carry the time they are for and are sent ahead, so the moment a user starts does not depend on
how quickly a message travels, and every shard picks its own users out of the same commands. A conductor that must see
how the agent does before it can go on *steers*: the coordinator shows it what was measured so far, once a second.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, Protocol

from pytest_rtmedload.results.recording import Phase
from pytest_rtmedload.schedule.arrivals import RateSpan, due_times

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_rtmedload.results.plan import Stage
    from pytest_rtmedload.spec.load_spec import LoadSpec


class Command(NamedTuple):
    """One instruction to all shards, due `at` seconds after the start line."""

    at: float
    kind: str
    """`users`: the number over all shards from now on; `end`: no more iterations start."""
    value: float = 0.0


class Standing(NamedTuple):
    """How the targets stood in some seconds of a test."""

    met: bool
    """By the evidence, or by the point estimate where the evidence does not decide."""
    decided: bool
    """By evidence; more seconds would say the same."""
    spoiled: bool = False
    """The load generator could have changed the verdict, so the level says nothing about the agent."""


class Moment(Protocol):
    """A test under way, as a conductor that steers sees it."""

    @property
    def elapsed(self) -> float:
        """Seconds since the start line that all shards have reported."""

    @property
    def users(self) -> int:
        """Users active over all shards."""

    def standing(self, begin: float, end: float) -> Standing:
        """How the targets stood between these seconds since the start line."""


class Conductor:
    """Shape of a load test over time. One of your own is a subclass, given as `shape=` of the marker.

    It must be picklable: under pytest-xdist it is sent to the coordinator.
    """

    def phases(self) -> dict[Phase, tuple[float, float]]:
        """Phases in order of time, in seconds since the start line; infinity where the end is not known."""
        raise NotImplementedError

    def commands(self) -> list[Command]:
        """The commands for the shards, in order of time."""
        raise NotImplementedError

    def arrivals(self, seed: int) -> Iterator[float]:  # noqa: ARG002 - for those that draw
        """When iterations are due, in seconds since the start line, over all shards; none in the closed model."""
        return iter(())

    def stages(self) -> Sequence[Stage]:
        """Stages to be judged separately, in order of time; none when the load is constant."""
        return ()

    def steer(self, moment: Moment) -> list[Command]:  # noqa: ARG002 - for those that steer
        """Further commands in order of time, by what was measured until now."""
        return []


class Steady(Conductor):
    """A constant number of users: ramp, warm-up, measured phase.

    Users are added one by one, evenly over the ramp. With a number of iterations the test ends when all are done.
    """

    def __init__(self, spec: LoadSpec) -> None:
        self._spec = spec

    def phases(self) -> dict[Phase, tuple[float, float]]:
        """Ramp and warm-up only where they take time."""
        spec = self._spec
        end = float("inf") if spec.iterations is not None else spec.load_begins + spec.duration
        return phases_until(spec, end)

    def commands(self) -> list[Command]:
        """One command per user of the ramp, then the end."""
        spec = self._spec
        starts = rise(0.0, spec.ramp, 0, spec.users)
        return starts if spec.iterations is not None else [*starts, Command(spec.load_begins + spec.duration, "end")]


class Arrivals(Conductor):
    """Iterations that are due at a rate, whatever the agent does: the open model.

    Over the ramp the rate rises from 0, over the warm-up it is the first rate, then it stays or changes linearly.
    """

    def __init__(self, spec: LoadSpec) -> None:
        self._spec = spec

    def phases(self) -> dict[Phase, tuple[float, float]]:
        """As of a closed test; a number of iterations ends the arrivals, not the time."""
        return Steady(self._spec).phases()

    def commands(self) -> list[Command]:
        """Only the end: the arrivals are known to every shard."""
        spec = self._spec
        return [] if spec.iterations is not None else [Command(spec.load_begins + spec.duration, "end")]

    def arrivals(self, seed: int) -> Iterator[float]:
        """Due times of all shards together."""
        spec = self._spec
        first, last = spec.shape.rates or (spec.rate or 0.0, spec.rate or 0.0)
        spans = [*run_up(spec, first), RateSpan(spec.load_begins, spec.load_begins + spec.duration, first, last)]
        times = due_times([span for span in spans if span.end > span.begin], seed if spec.shape.poisson else None)
        return islice(times, spec.iterations)


def phases_until(spec: LoadSpec, end: float) -> dict[Phase, tuple[float, float]]:
    """Ramp, warm-up and the measured phase up to `end`; only those that take time."""
    planned = {
        Phase.RAMP: (0.0, spec.ramp),
        Phase.WARMUP: (spec.ramp, spec.load_begins),
        Phase.MEASURE: (spec.load_begins, end),
    }
    return {phase: (begin, end) for phase, (begin, end) in planned.items() if end > begin}


def rise(begin: float, seconds: float, first: int, last: int) -> list[Command]:
    """Users are added one by one, evenly over `seconds`; all at once when that is 0."""
    if seconds <= 0:
        return [Command(begin, "users", last)]
    more = last - first
    return [Command(begin + seconds * n / more, "users", first + n + 1) for n in range(more)]


def run_up(spec: LoadSpec, rate: float) -> list[RateSpan]:
    """Arrivals of ramp and warm-up, before the measured phase begins with this rate."""
    return [RateSpan(0.0, spec.ramp, 0.0, rate), RateSpan(spec.ramp, spec.load_begins, rate, rate)]
