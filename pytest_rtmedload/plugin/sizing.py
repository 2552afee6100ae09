"""Combines a load test's marker and the options into a `LoadSpec`."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pytest_rtmedload.plugin.marker import OF_USERS, BySuite
from pytest_rtmedload.results.names import ITERATION
from pytest_rtmedload.results.plan import PERCENTILES, Evidence, Target
from pytest_rtmedload.spec.load_spec import DEFAULT_TIMEOUT_S, LoadSpec
from pytest_rtmedload.spec.shapes import RAMP_STEPS, Shape, ShapeKind, parse_shape

if TYPE_CHECKING:
    from pytest_rtmedload.plugin.marker import MarkerArguments
    from pytest_rtmedload.schedule.conductors import Conductor
    from pytest_rtmedload.spec.load_config import LoadConfig

T = TypeVar("T")

DEFAULT_ERRORS: Final = 0.05
CRITICAL_ERRORS: Final = 0.005
"""Error limits of tests that state none: 5 %, and 0.5 % for `critical=True`."""


@dataclass(frozen=True, slots=True)
class GivenSizes:
    """The sizes that one source names; None where it names none. Durations are seconds."""

    users: int | None = None
    duration: float | None = None
    ramp: float | None = None
    warmup: float | None = None
    think: float | None = None
    rate: float | None = None
    shape: Shape | None = None
    evidence: Evidence | None = None

    def named(self) -> dict[str, Any]:
        """Those that it names."""
        values = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: value for name, value in values if value is not None}


@dataclass(frozen=True, slots=True)
class FullSizes:
    """The sizes of a load test, with nothing left open. Durations are seconds."""

    users: int
    duration: float
    ramp: float
    warmup: float
    think: float
    evidence: Evidence
    shape: Shape = Shape()  # noqa: RUF009 - frozen
    rate: float | None = None
    iterations: int | None = None

    def overruled(self, by: GivenSizes) -> FullSizes:
        """The sizes with those of a stronger source in place of these.

        A shape of users and a rate of arrivals exclude each other: what the weaker source said gives way.
        """
        changed = replace(self, **by.named())
        if by.rate is not None and by.shape is None and self.shape.of_users:
            return replace(changed, shape=Shape())
        if by.shape is not None and by.rate is None and by.shape.of_users:
            return replace(changed, rate=None)
        return changed


def load_spec(nodeid: str, group: str, arguments: MarkerArguments, config: LoadConfig) -> LoadSpec:
    """The load test that these arguments and options describe.

    Raises:
        ValueError: sizes that exclude each other, in one line.
    """
    timeout = DEFAULT_TIMEOUT_S if arguments.timeout is None else arguments.timeout
    sizes = _debugged(_sizes(group, arguments, config)) if config.debug else _sizes(group, arguments, config)
    spec = LoadSpec(
        nodeid=nodeid,
        group=group,
        users=sizes.users,
        duration=sizes.duration,
        ramp=sizes.ramp,
        warmup=sizes.warmup,
        think=sizes.think,
        iterations=sizes.iterations,
        timeout=timeout,
        grace=timeout if arguments.grace is None else arguments.grace,
        shape=sizes.shape,
        rate=sizes.rate,
        max_in_flight=arguments.max_in_flight,
        evidence=sizes.evidence,
        targets=_targets(arguments),
        metric=arguments.metric or ITERATION,
        critical=bool(arguments.critical),
        negative=bool(arguments.negative),
    )
    if spec.shape.kind is not ShapeKind.CUSTOM:
        return spec
    shape = _made(spec.shape, spec)
    return replace(spec, shape=shape, users=_users_of(shape.conductor, spec.users))


def _users_of(conductor: Conductor, otherwise: int) -> int:
    """The most users that a conductor asks for, as far as that is known beforehand."""
    with contextlib.suppress(Exception):  # one that fails does so again when its test runs, and is named there
        return max(
            (round(command.value) for command in conductor.commands() if command.kind == "users"), default=otherwise
        )
    return otherwise


def _made(shape: Shape, spec: LoadSpec) -> Shape:
    """The shape with the conductor that a hook's load profile makes for this test.

    Raises:
        ValueError: it makes none; one line.
    """
    if shape.profile is None:
        return shape
    try:
        found = parse_shape(shape.profile(spec))
    except Exception as error:
        raise ValueError(f"shape {shape.text!r}: {type(error).__name__}: {error}") from error
    if found.conductor is None:
        raise ValueError(f"shape {shape.text!r}: its load profile returned {found.text!r}, not a Conductor")
    return replace(found, text=shape.text)


def _debugged(sizes: FullSizes) -> FullSizes:
    """One iteration of one user, whose latency is not judged."""
    return FullSizes(
        users=1, duration=sizes.duration, ramp=0.0, warmup=0.0, think=0.0, evidence=Evidence.NONE, iterations=1
    )


def _sizes(group: str, arguments: MarkerArguments, config: LoadConfig) -> FullSizes:
    """Sizes by precedence: command line > marker > ini > environment > suite, which the marker may refine."""
    suite = config.suite
    refined, iterations_of_suite = _refined(arguments, suite.name)
    sizes = FullSizes(
        users=suite.users_of(group),
        duration=suite.duration_of(group),
        ramp=suite.ramp,
        warmup=suite.warmup,
        think=suite.think,
        evidence=suite.evidence,
    ).overruled(refined)
    if config.users_cap is not None:
        sizes = replace(sizes, users=min(sizes.users, config.users_cap))
    if config.duration_cap is not None:
        sizes = replace(sizes, duration=config.duration_cap)
    marked = _marked(arguments, config.users_cap)
    weaker = (GivenSizes(**config.environment.of(group)), GivenSizes(**config.ini.of(group)))
    sources = (*weaker, marked, GivenSizes(**config.command_line.of(group)))
    for source in sources:
        sizes = sizes.overruled(source)
    if config.users_cap is not None and marked.shape is not None:
        sizes = replace(sizes, shape=sizes.shape.capped(config.users_cap))
    timed = "duration" in config.command_line.values
    of_suite = suite.iterations if iterations_of_suite is None else iterations_of_suite
    sizes = replace(sizes, iterations=_plain(arguments.iterations) or (None if timed else of_suite))
    if sizes.iterations is not None:
        named = {name for source in (refined, *sources) for name in source.named()}
        ramp, warmup = (sizes.ramp if "ramp" in named else 0.0), (sizes.warmup if "warmup" in named else 0.0)
        sizes = replace(sizes, ramp=ramp, warmup=warmup)
    sizes = replace(sizes, shape=_fitting_shape(sizes))
    return sizes if sizes.shape.users is None else replace(sizes, users=sizes.shape.users[0])


def _marked(arguments: MarkerArguments, users_cap: int | None) -> GivenSizes:
    """The sizes that the marker gives, whatever the suite."""
    users = _plain(arguments.users)
    return GivenSizes(
        users=users if users is None or users_cap is None else min(users, users_cap),
        duration=_plain(arguments.duration),
        ramp=_plain(arguments.ramp),
        warmup=_plain(arguments.warmup),
        think=_plain(arguments.think),
        rate=arguments.rate,
        shape=arguments.shape,
    )


def _refined(arguments: MarkerArguments, suite: str) -> tuple[GivenSizes, int | None]:
    """The sizes, and the iterations, that the marker gives for this suite alone."""
    sizes = GivenSizes(
        users=_of_suite(arguments.users, suite),
        duration=_of_suite(arguments.duration, suite),
        ramp=_of_suite(arguments.ramp, suite),
        warmup=_of_suite(arguments.warmup, suite),
        think=_of_suite(arguments.think, suite),
    )
    return sizes, _of_suite(arguments.iterations, suite)


def _plain(size: T | BySuite[T] | None) -> T | None:
    return None if isinstance(size, BySuite) else size


def _of_suite(size: T | BySuite[T] | None, suite: str) -> T | None:
    return size.sizes.get(suite) if isinstance(size, BySuite) else None


def _fitting_shape(sizes: FullSizes) -> Shape:
    """The shape of a test with these sizes.

    Raises:
        ValueError: a shape of users together with a rate of arrivals.
    """
    shape = sizes.shape
    if sizes.iterations is not None and shape.kind is not ShapeKind.CUSTOM and not shape.open:
        shape = Shape()  # a number of iterations leaves no time for a shape
    if sizes.rate is not None and shape.of_users:
        raise ValueError(f"shape {shape.text!r}: {OF_USERS}")
    if sizes.rate is not None and shape.kind is ShapeKind.STEADY:
        return Shape(ShapeKind.ARRIVALS, text="arrivals")
    if shape.of_users and shape.users is None:  # up to what the suite, the marker or the command line says
        return replace(shape, users=(max(1, round(sizes.users / RAMP_STEPS)), max(2, sizes.users)))
    return shape


def _targets(arguments: MarkerArguments) -> tuple[Target, ...]:
    metric = arguments.metric or ITERATION
    limits = {name: getattr(arguments, name) for name in (*PERCENTILES, "max")}
    found = [Target(metric, name, limit) for name, limit in limits.items() if limit is not None]
    found += arguments.targets or ()
    default = CRITICAL_ERRORS if arguments.critical else DEFAULT_ERRORS
    errors = arguments.errors
    found.append(Target("", "errors", default if errors is None else errors, default=errors is None))
    if arguments.min_rate is not None:
        found.append(Target("", "min_rate", arguments.min_rate))
    return tuple(found)
