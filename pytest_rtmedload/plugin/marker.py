"""The `load` marker: its arguments, checked once for each test."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import pytest

from pytest_rtmedload.plugin.extensions import load_profiles
from pytest_rtmedload.results.names import ITERATION
from pytest_rtmedload.results.plan import PERCENTILES, Target
from pytest_rtmedload.spec.durations import per_second, seconds, some_seconds
from pytest_rtmedload.spec.groups import CUSTOM_GROUP, GROUPS
from pytest_rtmedload.spec.shapes import Shape, parse_shape
from pytest_rtmedload.spec.suites import SUITES
from pytest_rtmedload.spec.target_syntax import from_mapping, make_target

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

OF_USERS: Final = "it is about users, not about arrivals: leave the rate out"


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError("a whole number of at least 1 is needed")
    return value


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("True or False is needed")  # noqa: TRY004 - one kind of error for all wrong arguments
    return value


def _name(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("a name is needed")
    return value


def _suites(value: Any) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else tuple(value)
    for name in names:
        if name not in SUITES:
            raise ValueError(f"{name!r} is not a suite: choose among {', '.join(SUITES)}")
    return names


def _limit(name: str) -> Callable[[Any], float]:
    return lambda value: make_target("" if name in ("errors", "min_rate") else ITERATION, name, value).limit


ARGUMENTS: Final[dict[str, Callable[[Any], Any]]] = {
    "users": _whole,
    "duration": some_seconds,
    "ramp": seconds,
    "warmup": seconds,
    "rate": per_second,
    "max_in_flight": _whole,
    "shape": parse_shape,
    "iterations": _whole,
    "think": seconds,
    "timeout": seconds,
    "grace": seconds,
    "group": _name,
    "critical": _boolean,
    "negative": _boolean,
    "suites": _suites,
    "metric": _name,
    **{name: _limit(name) for name in (*PERCENTILES, "max", "errors", "min_rate")},
    "targets": from_mapping,
}
"""Arguments of the marker and what checks them."""


SIZED_BY_SUITE: Final = ("users", "duration", "ramp", "warmup", "think", "iterations")
"""Arguments that may name a size for each suite, as `users={"quick": 24}`."""


@dataclass(frozen=True, slots=True)
class BySuite(Generic[T]):
    """A size that depends on the suite; suites that are not named keep their own."""

    sizes: Mapping[str, T]


def _by_suite(sizes: Mapping[str, Any], read: Callable[[Any], T]) -> BySuite[T]:
    _suites(list(sizes))
    return BySuite({suite: read(size) for suite, size in sizes.items()})


@dataclass(frozen=True, slots=True)
class MarkerArguments:
    """The arguments of `load` or `load_run`, checked; None where one was not given. Durations are seconds."""

    users: int | BySuite[int] | None = None
    duration: float | BySuite[float] | None = None
    ramp: float | BySuite[float] | None = None
    warmup: float | BySuite[float] | None = None
    rate: float | None = None
    """Arrivals per second."""
    max_in_flight: int | None = None
    shape: Shape | None = None
    iterations: int | BySuite[int] | None = None
    think: float | BySuite[float] | None = None
    timeout: float | None = None
    grace: float | None = None
    group: str | None = None
    critical: bool | None = None
    negative: bool | None = None
    suites: tuple[str, ...] | None = None
    metric: str | None = None
    p50: float | None = None
    """Limits of percentiles of `metric`, and of its maximum, in milliseconds."""
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None
    p999: float | None = None
    max: float | None = None
    errors: float | None = None
    """A fraction."""
    min_rate: float | None = None
    """Iterations per second."""
    targets: tuple[Target, ...] | None = None

    def over(self, weaker: MarkerArguments) -> MarkerArguments:
        """These arguments, and those of a weaker source that are not given here."""
        values = ((field.name, getattr(self, field.name)) for field in fields(self))
        return replace(weaker, **{name: value for name, value in values if value is not None})


_PARSED: pytest.StashKey[tuple[list[pytest.Mark], MarkerArguments]] = pytest.StashKey()


def marker_arguments(item: pytest.Item) -> MarkerArguments:
    """The checked arguments of all `load` markers of a test; those closer to the function win.

    Markers are read once, and again only when some were added since.

    Raises:
        ValueError: one line naming the test, the argument and what would be right.
    """
    marks = list(item.iter_markers("load"))
    read, arguments = item.stash.get(_PARSED, ([], MarkerArguments()))
    if [id(mark) for mark in marks] == [id(mark) for mark in read]:
        return arguments
    arguments = MarkerArguments()
    for mark in reversed(marks):
        if mark.args:
            raise ValueError(f"{item.nodeid}: load({mark.args[0]!r}): arguments are given by name, as load(p95=150)")
        arguments = checked(f"{item.nodeid}: load", mark.kwargs, item.config).over(arguments)
    item.stash[_PARSED] = (marks, arguments)
    return arguments


def checked(where: str, given: Mapping[str, Any], config: pytest.Config) -> MarkerArguments:
    """The arguments of one marker, or of one call of `load_run`.

    Args:
        where: stands before the argument in messages.
        given: arguments as they were written.
        config: pytest's, which knows the load profiles of hooks.

    Raises:
        ValueError: an argument that does not exist or cannot be.
    """
    read: dict[str, Any] = {}
    for name, value in given.items():
        if name not in ARGUMENTS:
            raise ValueError(f"{where}() has no argument {name!r}; it has {', '.join(ARGUMENTS)}")
        by_suite = isinstance(value, Mapping) and name in SIZED_BY_SUITE
        try:
            if name == "shape":
                read[name] = parse_shape(value, functools.partial(load_profiles, config))
            else:
                read[name] = _by_suite(value, ARGUMENTS[name]) if by_suite else ARGUMENTS[name](value)
        except (ValueError, TypeError) as error:
            raise ValueError(f"{where}({name}={value!r}): {error}") from None
    arguments = MarkerArguments(**read)
    if arguments.timeout == 0:
        raise ValueError(f"{where}(timeout=0): every answer would be too late")
    if arguments.users is not None and arguments.rate is not None:
        raise ValueError(f"{where}(users=…, rate=…): arrivals at a rate are not users; limit them with max_in_flight")
    shape, rate = arguments.shape, arguments.rate
    if shape is not None and shape.of_users and rate is not None:
        raise ValueError(f"{where}(shape={given['shape']!r}, rate=…): {OF_USERS}")
    if shape is not None and shape.open and shape.rates is None and rate is None:
        raise ValueError(f"{where}(shape={given['shape']!r}): say how many arrive: rate=50, or arrivals(10..200)")
    return arguments


def group_of(item: pytest.Item, arguments: MarkerArguments) -> str:
    """The group a test belongs to: of its marker, else of the folder it lies in."""
    if arguments.group is not None:
        return arguments.group
    folders = PurePath(item.nodeid.partition("::")[0]).parts[:-1]
    return next((folder for folder in reversed(folders) if folder in GROUPS), CUSTOM_GROUP)
