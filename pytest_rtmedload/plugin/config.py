"""Reads the configuration of a run: every option from the source with the highest precedence."""

from __future__ import annotations

import functools
import ipaddress
import os
import re
import secrets
import ssl
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_rtmedload.dialects import DEFAULT_DIALECT, DIALECTS, dialect_named
from pytest_rtmedload.plugin.extensions import criteria, known_dialects, load_profiles
from pytest_rtmedload.plugin.ini import ini_value
from pytest_rtmedload.plugin.options import BY_NAME, GROUP_OPTIONS, SIZES, Option
from pytest_rtmedload.results.plan import Evidence
from pytest_rtmedload.spec.criteria import with_changes
from pytest_rtmedload.spec.durations import per_second, seconds, some_seconds
from pytest_rtmedload.spec.endpoints import NamedServices
from pytest_rtmedload.spec.load_config import LoadConfig, Sizes
from pytest_rtmedload.spec.shapes import parse_shape
from pytest_rtmedload.spec.suites import DEFAULT_SUITE, suite_named
from pytest_rtmedload.spec.target_syntax import parse_target

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_rtmedload.dialects import Dialect
    from pytest_rtmedload.results.plan import Target
    from pytest_rtmedload.spec.criteria import Criterion

DEFAULT_GREETING_S: Final = 10.0


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


def _folder(text: str) -> str:
    """A folder; `~` is expanded, because no shell has done so in an ini file or a variable."""
    return os.path.expanduser(text)  # noqa: PTH111 - unlike pathlib's it never raises


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip() or any(c in name + value for c in "\r\n"):
        raise ValueError("a header is written as 'Name: value'")
    return name.strip(), value.strip()


def _certificates(text: str) -> str:
    path = _folder(text)
    try:
        ssl.create_default_context(cafile=path)
    except FileNotFoundError:
        raise ValueError(f"{path}: there is no such file") from None
    except OSError as error:  # ssl.SSLError is one
        raise ValueError(f"{path}: not a PEM file with certificates ({error.strerror or error})") from None
    return os.path.abspath(path)  # noqa: PTH100 - as `_folder`


def _resolved(text: str) -> tuple[tuple[str, int], str]:
    host, _, rest = text.partition(":")
    port, _, address = rest.partition(":")
    try:
        return (host.lower(), int(port)), str(ipaddress.ip_address(address.strip("[]")))
    except ValueError:
        raise ValueError(f"{text!r}: write HOST:PORT:ADDRESS, such as agent.example:443:10.0.0.7") from None


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
    "dialect": dialect_named,
    "header": _header,
    "ca": _certificates,
    "insecure": _flag,
    "resolve": _resolved,
    "allow_calls": _flag,
    "greeting": seconds,
    "record_calls": _number_from_zero,
    "call_number": _number,
    "target": parse_target,
    "report_dir": _folder,
    "seed": _seed,
    "live": _flag,
    **dict.fromkeys(("samples", "debug", "uvloop", "parallel"), _flag),
    **{f"{word}_users": _count for word in GROUP_OPTIONS.values()},
}
"""Option → function that parses its text; options without an entry are texts."""
ONE_VALUE: Final = "one value is needed: a text, a number, true or false"


class _Source:
    """Reads options of one source; a wrong value is an error of one line."""

    def __init__(
        self, raw: Callable[[Option], tuple[str, Any]], readers: Mapping[str, Callable[[str], Any]] = READERS
    ) -> None:
        self._raw = raw
        self._readers = readers

    def spelling(self, option: Option) -> str:
        """The name of an option in this source."""
        return self._raw(option)[0]

    def get(self, option: Option) -> Any:
        """The option's value in this source; None if it is not set.

        Raises:
            pytest.UsageError: the value is wrong.
        """
        spelling, raw = self._raw(option)
        read = self._readers.get(option.name, str)
        try:
            entries = [read(text) for text in _texts(raw, many=option.many)]
        except ValueError as error:
            raise pytest.UsageError(f"{spelling}: {error}") from None
        return (entries if option.many else entries[0]) if entries else None


def _texts(raw: Any, *, many: bool) -> list[str]:
    """The entries of an option as stripped texts; TOML also has numbers, booleans and lists.

    Raises:
        ValueError: a list where one value is needed, or a value of another type, such as a table.
    """
    entries = raw if many and isinstance(raw, list) else [] if raw is None else [raw]
    if any(not isinstance(entry, str | int | float) for entry in entries):
        raise ValueError(f"{raw!r}: {'a list of texts is needed' if many else ONE_VALUE}")
    lines = [line for entry in entries for line in (str(entry).splitlines() if many else [str(entry)])]
    return [text for line in lines if (text := line.strip())]


def _sources(config: pytest.Config, environment: Mapping[str, str]) -> tuple[_Source, _Source, _Source]:
    def from_ini(option: Option) -> tuple[str, Any]:
        names = (option.ini, option.dest)
        stated = next((name for name in names if ini_value(config, name) not in (None, "", [])), option.ini)
        return f"{stated} in the ini file", ini_value(config, stated)

    def from_environment(option: Option) -> tuple[str, Any]:
        for variable in (option.variable, *option.variables):
            if environment.get(variable, "").strip():
                return variable, environment[variable]
        return option.variable, None

    def from_command_line(option: Option) -> tuple[str, Any]:
        return option.switch, config.getoption(option.dest, None)

    profiles = load_profiles(config)
    readers = READERS | {
        "dialect": functools.partial(dialect_named, known=known_dialects(config)),
        "shape": functools.partial(parse_shape, profiles=lambda: profiles),
    }
    return _Source(from_command_line, readers), _Source(from_ini, readers), _Source(from_environment, readers)


def load_config(config: pytest.Config, environment: Mapping[str, str] = os.environ) -> LoadConfig:
    """Read all sources.

    Raises:
        pytest.UsageError: a value is wrong; the message names its source and what would be right.
    """
    sources = _sources(config, environment)

    def strongest(name: str, default: Any = None) -> Any:
        option = BY_NAME[name]
        return next((value for source in sources if (value := source.get(option)) is not None), default)

    def sizes(values: _Source) -> Sizes:
        named = {o.name: v for o in SIZES if (v := values.get(o)) is not None}
        users = {g: v for g, word in GROUP_OPTIONS.items() if (v := values.get(BY_NAME[f"{word}_users"])) is not None}
        return Sizes(named, users)

    seed, dialect = strongest("seed"), strongest("dialect") or dialect_named(DEFAULT_DIALECT)
    stated = [t for source in reversed(sources) for t in source.get(BY_NAME["target"]) or ()]
    headers = [pair for source in reversed(sources) for pair in source.get(BY_NAME["header"]) or ()]
    return LoadConfig(
        suite=strongest("suite") or suite_named(DEFAULT_SUITE),
        suite_named=sources[0].get(BY_NAME["suite"]) is not None,
        command_line=sizes(sources[0]),
        ini=sizes(sources[1]),
        environment=sizes(sources[2]),
        targets=(*_of_dialect(dialect), *stated),
        dialect_targets=len(dialect.targets),
        demanded_targets=tuple(t for entry in sources[0].get(BY_NAME["target"]) or () for t in entry),
        criteria=_criteria(sources, criteria(config)),
        host=strongest("host"),
        ws_host=strongest("ws_host"),
        dialect=dialect.name,
        headers=dict(headers),
        verify=False if strongest("insecure", False) else strongest("ca", True),
        addresses=dict(pair for source in reversed(sources) for pair in source.get(BY_NAME["resolve"]) or ()),
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
        own_dialect=None if dialect.name in DIALECTS else dialect,
    )


def _of_dialect(dialect: Dialect) -> list[tuple[Target, ...]]:
    """Targets of a dialect, which may come from a hook."""
    try:
        return [parse_target(text) for text in dialect.targets]
    except ValueError as error:
        raise pytest.UsageError(f"dialect {dialect.name}: {error}") from None


def _criteria(sources: tuple[_Source, _Source, _Source], default: tuple[Criterion, ...]) -> tuple[Criterion, ...]:
    """The criteria of the run: the defaults, changed by each source in ascending order of precedence."""
    found, option = default, BY_NAME["criterion"]
    for source in reversed(sources):
        spelling = source.spelling(option)
        try:
            found = with_changes(found, source.get(option) or (), spelling, demanded=source is sources[0])
        except ValueError as error:
            raise pytest.UsageError(f"{spelling}: {error}") from None
    return found


def _from_variable(environment: Mapping[str, str], name: str, read: Callable[[str], Any]) -> Any:
    text = environment.get(name, "").strip()
    if not text:
        return None
    try:
        return read(text)
    except ValueError as error:
        raise pytest.UsageError(f"{name}: {error}") from None
