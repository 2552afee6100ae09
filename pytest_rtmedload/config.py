"""The configuration of a run: every option read from the strongest source that names it.

The sizes of a load test come from the command line, the marker, the ini file, the environment or the suite, in this
order; here they are kept apart by source, because the marker stands between them.
"""

from __future__ import annotations

import os
import re
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_rtmedload.dialects import DEFAULT_DIALECT, dialect_named
from pytest_rtmedload.options import BY_NAME, GROUP_OPTIONS, SIZES, Option
from pytest_rtmedload.report.secrets import redact
from pytest_rtmedload.results.plan import Evidence
from pytest_rtmedload.services.endpoints import NamedServices
from pytest_rtmedload.suites import DEFAULT_SUITE, Suite, suite_named
from pytest_rtmedload.targets import parse_target
from pytest_rtmedload.workload.durations import per_second, seconds, some_seconds
from pytest_rtmedload.workload.shapes import parse_shape

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pytest_rtmedload.results.plan import Target

DEFAULT_GREETING_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Sizes:
    """The sizes one source names: those it does not name are absent."""

    values: Mapping[str, Any] = field(default_factory=dict)
    users_of: Mapping[str, int] = field(default_factory=dict)
    """Users by group, weaker than users of all groups from the same source."""

    def of(self, group: str) -> dict[str, Any]:
        """The sizes for tests of a group."""
        return ({"users": self.users_of[group]} if group in self.users_of else {}) | dict(self.values)


@dataclass(frozen=True)
class LoadConfig:
    """Everything the options say. Durations are seconds."""

    suite: Suite
    suite_named: bool
    """True when somebody asked for this suite."""
    command_line: Sizes
    ini: Sizes
    environment: Sizes
    targets: tuple[tuple[Target, ...], ...]
    """Overrides, weakest first."""
    host: str | None
    ws_host: str | None
    """Base of relative WebSocket URLs; None: that of the agent."""
    dialect: str
    headers: Mapping[str, str]
    allow_calls: bool
    call_number: str | None
    greeting: float
    """Seconds a call waits for the agent's greeting; 0: there is none."""
    record_calls: int
    """Calls of each test that are written down."""
    report_dir: str
    root: Path
    """Where relative folders begin."""
    seed: int
    live: bool | None
    uvloop: bool
    parallel: bool
    """Groups run at the same time, where pytest-xdist can do it."""
    embedded: tuple[str, ...]
    duration_cap: float | None
    """`TEST_DURATION`: replaces the suite's duration."""
    users_cap: int | None
    """`MAX_USERS`: caps users of markers and suites."""
    samples: bool = False
    """Every sample is written to a file."""
    debug: bool = False
    """Load tests run once, by one user, and tell what they do."""
    debug_named: bool = False
    """True when that was asked for on the command line."""
    services: NamedServices = field(default_factory=NamedServices)
    """The backend services that were named, with their keys."""

    @property
    def directory(self) -> Path:
        """Where results are written."""
        return self.root / self.report_dir

    @property
    def sized_by_command_line(self) -> bool:
        """True when a suite, a size or debugging was asked for on the command line: load tests are wanted."""
        return self.suite_named or self.debug_named or bool(self.command_line.values or self.command_line.users_of)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Values that must not appear in any log or report."""
        return (*(value for value in self.headers.values() if value), *self.services.secrets)

    def redact(self, text: str) -> str:
        """The text with secrets replaced."""
        return redact(text, self.secrets)


def _count(text: str) -> int:
    """A whole number of at least 1."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise ValueError(f"{text!r} is not a whole number of at least 1")
    return number


def _number_from_zero(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise ValueError(f"{text!r} is not a whole number of at least 0")
    return int(text)


def _seed(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a whole number") from None


def _flag(text: str) -> bool:
    if text.lower() in ("1", "true", "yes", "on"):
        return True
    if text.lower() in ("0", "false", "no", "off", ""):
        return False
    raise ValueError(f"{text!r} is not true or false")


def _evidence(text: str) -> Evidence:
    modes = [mode for mode in Evidence if mode is not Evidence.NONE]  # that one is the smoke suite's
    if text not in modes:
        raise ValueError(f"{text!r} is not one of {', '.join(modes)}")
    return Evidence(text)


def _url(text: str) -> str:
    if not text.startswith(("http://", "https://")) or len(text.split("//", 1)[1].strip("/")) == 0:
        raise ValueError(f"{text!r} is not a URL: write it as http://host:port or https://host")
    return text.rstrip("/")


def _ws_url(text: str) -> str:
    scheme, separator, rest = text.partition("://")
    if scheme not in ("ws", "wss", "http", "https") or not separator or not rest.strip("/"):
        raise ValueError(f"{text!r} is not a URL: write it as ws://host:port or wss://host")
    return text.rstrip("/")


def _number(text: str) -> str:
    if not re.fullmatch(r"\+[1-9]\d{1,14}", text):
        raise ValueError(f"{text!r} is not a telephone number: write it as +15550100000")
    return text


def _dialect(text: str) -> str:
    return dialect_named(text).name


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip() or any(c in name + value for c in "\r\n"):
        raise ValueError("a header is written as 'Name: value'")
    return name.strip(), value.strip()


READERS: Final[dict[str, Callable[[str], Any]]] = {
    "users": _count,
    "duration": some_seconds,
    **dict.fromkeys(("ramp", "warmup", "think"), seconds),
    "rate": per_second,
    "shape": parse_shape,
    "evidence": _evidence,
    "suite": suite_named,
    "host": _url,
    "ws_host": _ws_url,
    "dialect": _dialect,
    "header": _header,
    "allow_calls": _flag,
    "greeting": seconds,
    "record_calls": _number_from_zero,
    "call_number": _number,
    "target": parse_target,
    "seed": _seed,
    "live": _flag,
    **dict.fromkeys(("samples", "debug", "uvloop", "parallel"), _flag),
    **{f"{word}_users": _count for word in GROUP_OPTIONS.values()},
}
"""What reads the text of an option; the others are texts."""


class _Source:
    """Reads options of one source, with one clear line for a wrong value."""

    def __init__(self, raw: Callable[[Option], tuple[str, Any]]) -> None:
        self._raw = raw

    def get(self, option: Option) -> Any:
        """The value this source gives, None when it is silent.

        Raises:
            pytest.UsageError: the value is wrong.
        """
        spelling, raw = self._raw(option)
        if raw in (None, "", []):
            return None
        read = READERS.get(option.name, str)
        try:
            if option.many:
                return [read(line) for line in (raw if isinstance(raw, list) else [raw])]
            return read(str(raw))
        except ValueError as error:
            raise pytest.UsageError(f"{spelling}: {error}") from None


def _sources(config: pytest.Config, environment: Mapping[str, str]) -> tuple[_Source, _Source, _Source]:
    def from_ini(option: Option) -> tuple[str, Any]:
        twin = "load_targets" if option.name == "target" else option.dest
        return f"{twin} in the ini file", config.getini(twin) or config.getini(option.dest)

    def from_environment(option: Option) -> tuple[str, Any]:
        for variable in (option.variable, *option.variables):
            if environment.get(variable):
                text = environment[variable]
                return variable, text.splitlines() if option.many else text
        return option.variable, None

    command_line = _Source(lambda option: (option.switch, config.getoption(option.dest, None)))
    return command_line, _Source(from_ini), _Source(from_environment)


def load_config(config: pytest.Config, environment: Mapping[str, str] = os.environ) -> LoadConfig:
    """Read all sources.

    Raises:
        pytest.UsageError: a value is wrong; the message names where it stands and what would be right.
    """
    sources = _sources(config, environment)

    def strongest(name: str, default: Any = None) -> Any:
        option = BY_NAME[name]
        return next((value for source in sources if (value := source.get(option)) is not None), default)

    def sizes(values: _Source) -> Sizes:
        named = {o.name: v for o in SIZES if (v := values.get(o)) is not None}
        users = {g: v for g, word in GROUP_OPTIONS.items() if (v := values.get(BY_NAME[f"{word}_users"])) is not None}
        return Sizes(named, users)

    seed = strongest("seed")
    headers = [pair for source in reversed(sources) for pair in source.get(BY_NAME["header"]) or ()]
    return LoadConfig(
        suite=strongest("suite") or suite_named(DEFAULT_SUITE),
        suite_named=sources[0].get(BY_NAME["suite"]) is not None,
        command_line=sizes(sources[0]),
        ini=sizes(sources[1]),
        environment=sizes(sources[2]),
        targets=tuple(t for source in reversed(sources) for t in source.get(BY_NAME["target"]) or ()),
        host=strongest("host"),
        ws_host=strongest("ws_host"),
        dialect=strongest("dialect", DEFAULT_DIALECT),
        headers=dict(headers),
        allow_calls=strongest("allow_calls", False),
        call_number=strongest("call_number"),
        greeting=strongest("greeting", DEFAULT_GREETING_S),
        record_calls=strongest("record_calls", 0),
        report_dir=strongest("report_dir", "results"),
        root=config.rootpath,
        seed=secrets.randbelow(2**31) if seed is None else seed,
        live=strongest("live"),
        uvloop=strongest("uvloop", False),
        parallel=strongest("parallel", False),
        embedded=tuple(strongest("embedded", ())),
        duration_cap=_from_variable(environment, "TEST_DURATION", seconds),
        users_cap=_from_variable(environment, "MAX_USERS", _count),
        samples=strongest("samples", False),
        debug=strongest("debug", False) or bool(config.getoption("usepdb", False)),
        debug_named=bool(sources[0].get(BY_NAME["debug"])),
        services=NamedServices.from_environment(environment),
    )


def _from_variable(environment: Mapping[str, str], name: str, read: Callable[[str], Any]) -> Any:
    text = environment.get(name)
    if not text:
        return None
    try:
        return read(text)
    except ValueError as error:
        raise pytest.UsageError(f"{name}: {error}") from None
