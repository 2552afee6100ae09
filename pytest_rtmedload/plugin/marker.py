"""The `load` marker: its arguments, checked, and what they make together with the options: a `LoadSpec`."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

from pytest_rtmedload.plugin.extensions import load_profiles
from pytest_rtmedload.results.names import ITERATION
from pytest_rtmedload.results.plan import PERCENTILES, Evidence, Target
from pytest_rtmedload.spec.durations import per_second, seconds, some_seconds
from pytest_rtmedload.spec.load_spec import DEFAULT_TIMEOUT_S, LoadSpec
from pytest_rtmedload.spec.shapes import RAMP_STEPS, Kind, Shape, parse_shape
from pytest_rtmedload.spec.suites import CUSTOM_GROUP, GROUPS, SUITES
from pytest_rtmedload.spec.target_syntax import from_mapping, make_target

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from pytest_rtmedload.schedule.conductors import Conductor
    from pytest_rtmedload.spec.load_config import LoadConfig

DEFAULT_ERRORS: Final = 0.05
CRITICAL_ERRORS: Final = 0.005
"""Error limits of tests that state none: 5 %, and 0.5 % for `critical=True`."""
ONE_LOOK: Final[dict[str, Any]] = {
    "users": 1,
    "iterations": 1,
    **dict.fromkeys(("ramp", "warmup", "think"), 0.0),
    "rate": None,
    "shape": Shape(),
    "evidence": Evidence.NONE,
}
"""Sizes of every load test while it is debugged."""


_OF_USERS: Final = "it is about users, not about arrivals: leave the rate out"


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
class BySuite:
    """A size that depends on the suite; suites that are not named keep their own."""

    sizes: Mapping[str, Any]


def _by_suite(sizes: Mapping[str, Any], read: Callable[[Any], Any]) -> BySuite:
    _suites(list(sizes))
    return BySuite({suite: read(size) for suite, size in sizes.items()})


def marker_arguments(item: pytest.Item) -> dict[str, Any]:
    """The checked arguments of all `load` markers of a test; those closer to the function win.

    Raises:
        ValueError: one line naming the test, the argument and what would be right.
    """
    arguments: dict[str, Any] = {}
    for mark in reversed(list(item.iter_markers("load"))):
        if mark.args:
            raise ValueError(f"{item.nodeid}: load({mark.args[0]!r}): arguments are given by name, as load(p95=150)")
        arguments |= checked(f"{item.nodeid}: load", mark.kwargs, item.config)
    return arguments


def checked(where: str, given: Mapping[str, Any], config: pytest.Config) -> dict[str, Any]:
    """Arguments as the rest of the package takes them.

    Args:
        where: stands before the argument in messages.
        given: arguments as they were written.
        config: pytest's, which knows the load profiles of hooks.

    Raises:
        ValueError: an argument that does not exist or cannot be.
    """
    arguments: dict[str, Any] = {}
    for name, value in given.items():
        if name not in ARGUMENTS:
            raise ValueError(f"{where}() has no argument {name!r}; it has {', '.join(ARGUMENTS)}")
        by_suite = isinstance(value, Mapping) and name in SIZED_BY_SUITE
        try:
            if name == "shape":
                arguments[name] = parse_shape(value, functools.partial(load_profiles, config))
            else:
                arguments[name] = _by_suite(value, ARGUMENTS[name]) if by_suite else ARGUMENTS[name](value)
        except (ValueError, TypeError) as error:
            raise ValueError(f"{where}({name}={value!r}): {error}") from None
    if arguments.get("timeout") == 0:
        raise ValueError(f"{where}(timeout=0): every answer would be too late")
    if "users" in arguments and "rate" in arguments:
        raise ValueError(f"{where}(users=…, rate=…): arrivals at a rate are not users; limit them with max_in_flight")
    shape = arguments.get("shape")
    if shape is not None and shape.of_users and "rate" in arguments:
        raise ValueError(f"{where}(shape={given['shape']!r}, rate=…): {_OF_USERS}")
    if shape is not None and shape.open and shape.rates is None and "rate" not in arguments:
        raise ValueError(f"{where}(shape={given['shape']!r}): say how many arrive: rate=50, or arrivals(10..200)")
    return arguments


def group_of(item: pytest.Item, arguments: Mapping[str, Any]) -> str:
    """The group a test belongs to: of its marker, else of the folder it lies in."""
    if "group" in arguments:
        return str(arguments["group"])
    folders = PurePath(item.nodeid.partition("::")[0]).parts[:-1]
    return next((folder for folder in reversed(folders) if folder in GROUPS), CUSTOM_GROUP)


def spec_of(item: pytest.Item, config: LoadConfig) -> LoadSpec:
    """The load test this item is.

    Raises:
        ValueError: a wrong marker argument, in one line.
    """
    arguments = marker_arguments(item)
    return make_spec(item.nodeid, group_of(item, arguments), arguments, config)


def make_spec(nodeid: str, group: str, arguments: Mapping[str, Any], config: LoadConfig) -> LoadSpec:
    """A load test from checked arguments and the options."""
    timeout = arguments.get("timeout", DEFAULT_TIMEOUT_S)
    spec = LoadSpec(
        nodeid=nodeid,
        group=group,
        timeout=timeout,
        grace=arguments.get("grace", timeout),
        targets=_targets(arguments),
        metric=arguments.get("metric", ITERATION),
        critical=arguments.get("critical", False),
        negative=arguments.get("negative", False),
        max_in_flight=arguments.get("max_in_flight"),
        **(_sizes(group, arguments, config) | (ONE_LOOK if config.debug else {})),
    )
    if spec.shape.kind is not Kind.CUSTOM:
        return spec
    shape = _made(spec.shape, spec)
    return replace(spec, shape=shape, users=_users_of(shape.conductor, spec.users))


def _users_of(conductor: Conductor, otherwise: int) -> int:
    """The most users that a conductor asks for, as far as it says so before it begins."""
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


def _sizes(group: str, arguments: Mapping[str, Any], config: LoadConfig) -> dict[str, Any]:
    """Sizes by precedence: command line > marker > ini > environment > suite, which the marker may refine."""
    suite = config.suite
    refined = _refined(arguments, suite.name)
    found: dict[str, Any] = {
        "users": suite.users_of(group),
        "duration": suite.duration_of(group),
        "ramp": suite.ramp,
        "warmup": suite.warmup,
        "think": suite.think,
        "shape": Shape(),
        "rate": None,
        "evidence": suite.evidence,
    } | {name: size for name, size in refined.items() if name != "iterations"}
    if config.users_cap is not None:
        found["users"] = min(found["users"], config.users_cap)
    if config.duration_cap is not None:
        found["duration"] = config.duration_cap
    of_suite = refined.get("iterations", suite.iterations)
    arguments = {name: value for name, value in arguments.items() if not isinstance(value, BySuite)}
    marked = {name: value for name, value in arguments.items() if name in found}
    if "users" in marked and config.users_cap is not None:
        marked["users"] = min(marked["users"], config.users_cap)
    given = set(marked) | set(refined)
    for source in (config.environment.of(group), config.ini.of(group), marked, config.command_line.of(group)):
        found |= source
        given |= set(source)
        _let_the_stronger_win(found, source)
    if config.users_cap is not None and "shape" in marked:
        found["shape"] = found["shape"].capped(config.users_cap)
    timed = "duration" in config.command_line.values
    found["iterations"] = arguments.get("iterations") or (None if timed else of_suite)
    if found["iterations"] is not None:
        found |= {name: 0.0 for name in ("ramp", "warmup") if name not in given}
    found["shape"] = _fitting_shape(found)
    if found["shape"].users is not None:
        found["users"] = found["shape"].users[0]
    return found


def _refined(arguments: Mapping[str, Any], suite: str) -> dict[str, Any]:
    """Sizes that the marker gives for this suite alone."""
    named = {name: value.sizes for name, value in arguments.items() if isinstance(value, BySuite)}
    return {name: sizes[suite] for name, sizes in named.items() if suite in sizes}


def _let_the_stronger_win(found: dict[str, Any], source: Mapping[str, Any]) -> None:
    """A shape of users and a rate of arrivals exclude each other: what a weaker source said gives way."""
    if "rate" in source and "shape" not in source and found["shape"].of_users:
        found["shape"] = Shape()
    if "shape" in source and "rate" not in source and source["shape"].of_users:
        found["rate"] = None


def _fitting_shape(sizes: Mapping[str, Any]) -> Shape:
    """The shape of a test with these sizes.

    Raises:
        ValueError: a shape of users together with a rate of arrivals.
    """
    shape: Shape = sizes["shape"]
    if sizes["iterations"] is not None and shape.kind is not Kind.CUSTOM and not shape.open:
        shape = Shape()  # so many iterations and no more: there is no time for a shape
    if sizes["rate"] is not None and shape.of_users:
        raise ValueError(f"shape {shape.text!r}: {_OF_USERS}")
    if sizes["rate"] is not None and shape.kind is Kind.STEADY:
        return Shape(Kind.ARRIVALS, text="arrivals")
    if shape.of_users and shape.users is None:  # up to what the suite, the marker or the command line says
        return replace(shape, users=(max(1, round(sizes["users"] / RAMP_STEPS)), max(2, sizes["users"])))
    return shape


def _targets(arguments: Mapping[str, Any]) -> tuple[Target, ...]:
    metric = arguments.get("metric", ITERATION)
    found = [Target(metric, name, arguments[name]) for name in (*PERCENTILES, "max") if name in arguments]
    found += arguments.get("targets", ())
    default = CRITICAL_ERRORS if arguments.get("critical") else DEFAULT_ERRORS
    found.append(Target("", "errors", arguments.get("errors", default), default="errors" not in arguments))
    if "min_rate" in arguments:
        found.append(Target("", "min_rate", arguments["min_rate"]))
    return tuple(found)
