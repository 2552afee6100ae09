"""Conductors say how many users there are at which moment; workers obey.

A conductor's commands carry the time they are for and are sent ahead, so the moment a user starts does not depend on
how quickly a message travels, and every shard picks its own users out of the same commands.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, Protocol

from pytest_rtmedload.results.recording import Phase
from pytest_rtmedload.workload.arrivals import Span, due_times

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_rtmedload.workload.spec import LoadSpec


class Command(NamedTuple):
    """One instruction to all shards, due `at` seconds after the start line."""

    at: float
    kind: str
    """`users`: from now on so many over all shards; `end`: no iteration starts any more."""
    value: float = 0.0


class Conductor(Protocol):
    """Shape of a load test over time."""

    def phases(self) -> dict[Phase, tuple[float, float]]:
        """Phases in order of time, in seconds since the start line; infinity where the end is not known."""

    def commands(self) -> list[Command]:
        """What the shards are told, in order of time."""

    def arrivals(self, seed: int) -> Iterator[float]:
        """When iterations are due, in seconds since the start line, over all shards; none in the closed model."""


class Steady:
    """A constant number of users: ramp, warm-up, measured phase.

    Users are added one by one, evenly over the ramp. With a number of iterations the test ends when all are done.
    """

    def __init__(self, spec: LoadSpec) -> None:
        self._spec = spec

    def phases(self) -> dict[Phase, tuple[float, float]]:
        """Ramp and warm-up only where they take time."""
        spec = self._spec
        end = float("inf") if spec.iterations is not None else spec.load_begins + spec.duration
        planned = {
            Phase.RAMP: (0.0, spec.ramp),
            Phase.WARMUP: (spec.ramp, spec.load_begins),
            Phase.MEASURE: (spec.load_begins, end),
        }
        return {phase: (begin, end) for phase, (begin, end) in planned.items() if end > begin}

    def commands(self) -> list[Command]:
        """One command per user of the ramp, then the end."""
        spec = self._spec
        if spec.ramp > 0:
            starts = [Command(spec.ramp * n / spec.users, "users", n + 1) for n in range(spec.users)]
        else:
            starts = [Command(0.0, "users", spec.users)]
        if spec.iterations is None:
            starts.append(Command(spec.load_begins + spec.duration, "end"))
        return starts

    def arrivals(self, seed: int) -> Iterator[float]:  # noqa: ARG002 - nobody arrives: users are there
        """None: in the closed model users iterate as fast as they are answered."""
        return iter(())


class Arrivals:
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
        spans = [
            Span(0.0, spec.ramp, 0.0, first),
            Span(spec.ramp, spec.load_begins, first, first),
            Span(spec.load_begins, spec.load_begins + spec.duration, first, last),
        ]
        times = due_times([span for span in spans if span.end > span.begin], seed if spec.shape.poisson else None)
        return islice(times, spec.iterations)


def conductor_for(spec: LoadSpec) -> Conductor:
    """The conductor of a load test's shape."""
    return Arrivals(spec) if spec.open else Steady(spec)
