"""Options on the command line, in the ini file and in the environment, and the one configuration they make.

Every option has three spellings: `--load-x`, ini `load_x`, `RTMEDLOAD_X`. The sizes of a load test come from the
strongest source that names them: command line, marker, ini file, environment, suite. Short aliases such as `--suite`
are added only where no other plugin or conftest has taken them.
"""

from __future__ import annotations

import os
import re
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

import pytest

from pytest_rtmedload.dialects import DEFAULT_DIALECT, DIALECTS, dialect_named
from pytest_rtmedload.report.secrets import redact
from pytest_rtmedload.results.plan import Evidence
from pytest_rtmedload.suites import DEFAULT_SUITE, Suite, suite_named
from pytest_rtmedload.targets import parse_target
from pytest_rtmedload.workload.conductors import SHAPES
from pytest_rtmedload.workload.durations import seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_rtmedload.results.plan import Target

GROUP_OPTIONS: Final = {"api": "api", "backend": "backend", "ws": "websocket", "flows": "integration"}
"""Group → the word its `--<word>-users` option uses."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option in all its spellings. `name` is `users` for `--load-users`, `load_users` and `RTMEDLOAD_USERS`."""

    name: str
    help: str
    read: Callable[[str], Any] = str
    metavar: str = "VALUE"
    many: bool = False
    flag: bool = False
    aliases: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    """Environment variables beside `RTMEDLOAD_<NAME>`, weaker than it."""

    @property
    def switch(self) -> str:
        """The option on the command line."""
        return "--load-" + self.name.replace("_", "-")

    @property
    def dest(self) -> str:
        """The ini name, and the attribute of pytest's options."""
        return "load_" + self.name

    @property
    def variable(self) -> str:
        """The environment variable."""
        return "RTMEDLOAD_" + self.name.upper()


def _count(text: str) -> int:
    """A whole number of at least 1."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise ValueError(f"{text!r} is not a whole number of at least 1")
    return number


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
    try:
        return Evidence(text)
    except ValueError:
        raise ValueError(f"{text!r} is not one of {', '.join(Evidence)}") from None


def _shape(text: str) -> str:
    if text not in SHAPES:
        raise ValueError(f"{text!r} is not a shape: choose one of {', '.join(SHAPES)}")
    return text


def _url(text: str) -> str:
    if not text.startswith(("http://", "https://")) or len(text.split("//", 1)[1].strip("/")) == 0:
        raise ValueError(f"{text!r} is not a URL: write it as http://host:port or https://host")
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


SIZES: Final = (
    Option("users", "concurrent virtual users of each load test", _count, "N"),
    Option("duration", "measured time of each load test, such as 30s or 5m", seconds, "TIME"),
    Option("ramp", "time over which the users are added", seconds, "TIME"),
    Option("warmup", "time under full load before the measured phase", seconds, "TIME"),
    Option("think", "mean pause of a user between two iterations; 0 saturates", seconds, "TIME"),
    Option("shape", f"how users change over time: {', '.join(SHAPES)}", _shape, "SHAPE"),
    Option("evidence", "how sure a verdict must be: strict, provisional or point", _evidence, "MODE"),
)
OTHERS: Final = (
    Option(
        "suite",
        f"named sizes: smoke, quick, standard, comprehensive (default: {DEFAULT_SUITE})",
        suite_named,
        "NAME",
        aliases=("--suite",),
    ),
    Option(
        "host",
        "URL of the agent; without it an embedded agent is started when a test needs one",
        _url,
        "URL",
        aliases=("--host",),
        variables=("API_BASE_URL",),
    ),
    Option(
        "dialect",
        f"wire formats the agent speaks: {', '.join(DIALECTS)} (default: {DEFAULT_DIALECT})",
        _dialect,
        "NAME",
    ),
    Option(
        "header",
        "header sent with every request to the agent, as 'Name: value'; its value is kept out of reports",
        _header,
        "HEADER",
        many=True,
    ),
    Option("allow_calls", "let load tests place calls at a remote agent, which could ring a phone", _flag, flag=True),
    Option("call_number", "number that load tests may call at a remote agent, as +15550100000", _number, "NUMBER"),
    Option("target", "override a target, as METRIC:p95=150 or errors=0.01", parse_target, "TARGET", many=True),
    Option("report_dir", "folder for results (default: results)", str, "DIR"),
    Option("seed", "seed of all random numbers (default: a new one, shown in the report)", _seed, "N"),
    Option("live", "show a live line while a load test runs (default: on a terminal)", _flag, flag=True),
    Option("embedded", "setting of the embedded agent, as KEY=VALUE", str, "KEY=VALUE", many=True),
)
GROUP_USERS: Final = tuple(
    Option(f"{word}_users", f"virtual users of the {group} group", _count, "N", aliases=(f"--{word}-users",))
    for group, word in GROUP_OPTIONS.items()
)
OPTIONS: Final = (*SIZES, *OTHERS, *GROUP_USERS)


@dataclass(frozen=True, slots=True)
class Sizes:
    """The sizes one source names: those it does not name are absent."""

    source: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class LoadConfig:
    """Everything the options say. Durations are seconds."""

    suite: Suite
    suite_named: bool
    """True when somebody asked for this suite."""
    command_line: Sizes
    ini: Sizes
    environment: Sizes
    group_users: Mapping[str, int]
    """Users by group from the command line, ini or environment."""
    targets: tuple[tuple[Target, ...], ...]
    """Overrides, weakest first."""
    host: str | None
    dialect: str
    headers: Mapping[str, str]
    allow_calls: bool
    call_number: str | None
    report_dir: str
    seed: int
    live: bool | None
    embedded: tuple[str, ...]
    duration_cap: float | None
    """`TEST_DURATION`: replaces the suite's duration."""
    users_cap: int | None
    """`MAX_USERS`: caps users of markers and suites."""

    @property
    def sized_by_command_line(self) -> bool:
        """True when a suite or a size was given on the command line: load tests are wanted."""
        return self.suite_named or bool(self.command_line.values)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Values that must not appear in any log or report."""
        return tuple(value for value in self.headers.values() if value)

    def redact(self, text: str) -> str:
        """The text with secrets replaced."""
        return redact(text, self.secrets)


def add_options(parser: pytest.Parser) -> None:
    """Register the prefixed options and their ini twins; the aliases follow in `add_aliases`."""
    group = parser.getgroup("rtmedload", "load tests (pytest-rtmedload)")
    for option in OPTIONS:
        _add(group, option, [option.switch])
        kind: Literal["linelist", "string"] = "linelist" if option.many else "string"
        parser.addini(option.dest, option.help, type=kind, default=None)
    parser.addini("load_targets", "override targets, one METRIC:p95=150 a line", type="linelist", default=None)


def add_aliases(parser: pytest.Parser) -> None:
    """Register the short names that nobody else has taken.

    Called after the initial conftests were loaded, so that a user's own `--host` keeps its meaning.
    """
    group = parser.getgroup("rtmedload")
    for option in OPTIONS:
        free = [alias for alias in option.aliases if _is_free(parser, alias)]
        if free:
            _add(group, option, free)


def _is_free(parser: pytest.Parser, switch: str) -> bool:
    _, unknown = parser.parse_known_and_unknown_args([switch, "1"])
    return switch in unknown


def _add(group: pytest.OptionGroup, option: Option, switches: list[str]) -> None:
    if option.name == "live":
        group.addoption("--load-live", action="store_const", const="true", dest=option.dest, help=option.help)
        group.addoption("--no-load-live", action="store_const", const="false", dest=option.dest, help="no live line")
    elif option.flag:
        group.addoption(*switches, action="store_const", const="true", dest=option.dest, help=option.help)
    else:
        action = "append" if option.many else "store"
        group.addoption(*switches, action=action, dest=option.dest, metavar=option.metavar, help=option.help)


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
        try:
            if option.many:
                return [option.read(line) for line in (raw if isinstance(raw, list) else [raw])]
            return option.read(str(raw))
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
        option = _BY_NAME[name]
        return next((value for source in sources if (value := source.get(option)) is not None), default)

    def sizes(source: str, values: _Source) -> Sizes:
        return Sizes(source, {o.name: v for o in SIZES if (v := values.get(o)) is not None})

    seed = strongest("seed")
    headers = [pair for source in reversed(sources) for pair in source.get(_BY_NAME["header"]) or ()]
    return LoadConfig(
        suite=strongest("suite") or suite_named(DEFAULT_SUITE),
        suite_named=sources[0].get(_BY_NAME["suite"]) is not None,
        command_line=sizes("the command line", sources[0]),
        ini=sizes("the ini file", sources[1]),
        environment=sizes("the environment", sources[2]),
        group_users={g: n for g, word in GROUP_OPTIONS.items() if (n := strongest(f"{word}_users")) is not None},
        targets=tuple(t for source in reversed(sources) for t in source.get(_BY_NAME["target"]) or ()),
        host=strongest("host"),
        dialect=strongest("dialect", DEFAULT_DIALECT),
        headers=dict(headers),
        allow_calls=strongest("allow_calls", False),
        call_number=strongest("call_number"),
        report_dir=strongest("report_dir", "results"),
        seed=secrets.randbelow(2**31) if seed is None else seed,
        live=strongest("live"),
        embedded=tuple(strongest("embedded", ())),
        duration_cap=_from_variable(environment, "TEST_DURATION", seconds),
        users_cap=_from_variable(environment, "MAX_USERS", _count),
    )


def _from_variable(environment: Mapping[str, str], name: str, read: Callable[[str], Any]) -> Any:
    text = environment.get(name)
    if not text:
        return None
    try:
        return read(text)
    except ValueError as error:
        raise pytest.UsageError(f"{name}: {error}") from None


_BY_NAME: Final = {option.name: option for option in OPTIONS}
