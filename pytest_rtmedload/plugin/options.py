"""Names and help of the options: command line, ini file and environment.

Every option has three spellings: `--load-x`, ini `load_x`, `RTMEDLOAD_X`. Short aliases such as `--suite` are added
only where no other plugin or conftest uses them. Every pytest run imports this module, so it contains names and texts
only; `config` parses the values.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from pytest_rtmedload.plugin.ini import ini_value
from pytest_rtmedload.spec.groups import API, BACKEND, FLOWS, WS

if TYPE_CHECKING:
    import pytest

GROUP_OPTIONS: Final = {API: "api", BACKEND: "backend", WS: "websocket", FLOWS: "integration"}
"""Group → the word in its `--<word>-users` option."""


class Option(NamedTuple):
    """One option in all its spellings; `name` is `users` for `--load-users`, `load_users` and `RTMEDLOAD_USERS`."""

    name: str
    help: str
    metavar: str = "VALUE"
    many: bool = False
    flag: bool = False
    aliases: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    """Further environment variables, of lower precedence than `RTMEDLOAD_<NAME>`."""
    plural: str = ""
    """Name in the ini file, if it is not `load_<name>`, which is accepted as well."""

    @property
    def switch(self) -> str:
        """The option on the command line."""
        return "--load-" + self.name.replace("_", "-")

    @property
    def dest(self) -> str:
        """The attribute of pytest's options."""
        return "load_" + self.name

    @property
    def ini(self) -> str:
        """The name in the ini file."""
        return self.plural or self.dest

    @property
    def variable(self) -> str:
        """The environment variable."""
        return "RTMEDLOAD_" + self.name.upper()


SIZES: Final = (
    Option("users", "concurrent virtual users of each load test", "N"),
    Option("duration", "measured time of each load test, such as 30s or 5m", "TIME"),
    Option("ramp", "time over which the users are added", "TIME"),
    Option("warmup", "time under full load before the measured phase", "TIME"),
    Option("think", "mean pause of a user between two iterations; 0 saturates", "TIME"),
    Option("rate", "arrivals per second (open model): judged from when they were due", "RATE"),
    Option("shape", "how load changes: steady, ramp, steps(5..50 by 5), spike(50, 10s), capacity(2..40), …", "SHAPE"),
    Option("evidence", "how sure a verdict must be: strict, provisional or point", "MODE"),
)
"""Options for the size of a load test; any of them on the command line selects the load tests."""

OTHERS: Final = (
    Option(
        "suite",
        "named sizes: smoke, quick, standard or comprehensive (default: quick)",
        "NAME",
        aliases=("--suite",),
    ),
    Option(
        "parallel",
        "run the groups (api, backend, ws, flows) at the same time, each in its own process (needs pytest-xdist)",
        flag=True,
        aliases=("--parallel",),
    ),
    Option(
        "host",
        "URL of the agent (default: an embedded agent, started when a test needs one)",
        "URL",
        aliases=("--host",),
        variables=("API_BASE_URL",),
    ),
    Option("ws_host", "URL of the agent's WebSockets (default: the agent's)", "URL", variables=("WS_BASE_URL",)),
    Option(
        "dialect",
        "wire formats the agent speaks: rtmedagent, artagent-v1 or one of a plugin (default: rtmedagent)",
        "NAME",
    ),
    Option(
        "header",
        "header of every request to the agent, as 'Name: value'; reports do not show its value",
        "HEADER",
        many=True,
    ),
    Option("ca", "PEM file with further certificate authorities to trust, such as a company's own", "FILE"),
    Option("insecure", "accept any TLS certificate; the report says so", flag=True),
    Option(
        "resolve",
        "address to connect to in place of a name, as agent.example:443:10.0.0.7",
        "HOST:PORT:ADDRESS",
        many=True,
    ),
    Option(
        "allow_calls", "allow load tests to place calls through a remote agent, which could ring a phone", flag=True
    ),
    Option("call_number", "number that load tests may call at a remote agent, as +15550100000", "NUMBER"),
    Option("target", "override a target, as METRIC:p95=150 or errors=0.01", "TARGET", many=True, plural="load_targets"),
    Option(
        "criterion",
        "change a criterion of the run, as 'voice.loop p95 = 900 goal' or 'backend errors = off', or add one",
        "CRITERION",
        many=True,
        variables=("RTMEDLOAD_CRITERIA",),
        plural="load_criteria",
    ),
    Option("greeting", "time a call waits for the agent's greeting; 0 for an agent without one (default: 10)", "TIME"),
    Option("record_calls", "save the first N calls of each test as WAV files and pictures", "N"),
    Option("samples", "write every sample to a CSV file while the run goes on", flag=True),
    Option(
        "debug", "one user, one iteration, and a line for every operation when it ends; implied by --pdb", flag=True
    ),
    Option("report_dir", "folder for results (default: results)", "DIR"),
    Option("seed", "seed of all random numbers (default: a new one in each run, shown in the report)", "N"),
    Option("live", "show a live line while a load test runs (default: on a terminal)", flag=True),
    Option("uvloop", "run async tests on uvloop, which needs less CPU", flag=True),
    Option("embedded", "setting of the embedded agent, as KEY=VALUE", "KEY=VALUE", many=True),
)
GROUP_USERS: Final = tuple(
    Option(f"{word}_users", f"virtual users of the {group} group", "N", aliases=(f"--{word}-users",))
    for group, word in GROUP_OPTIONS.items()
)
OPTIONS: Final = (*SIZES, *OTHERS, *GROUP_USERS)
BY_NAME: Final = {option.name: option for option in OPTIONS}


def add_options(parser: pytest.Parser) -> None:
    """Register the prefixed options and their ini names; `add_aliases` adds the aliases."""
    group = parser.getgroup("rtmedload", "load tests (pytest-rtmedload)")
    for option in OPTIONS:
        _add(group, option, [option.switch])
        kind: Literal["linelist", "string"] = "linelist" if option.many else "string"
        for name in dict.fromkeys((option.ini, option.dest)):
            parser.addini(name, option.help, type=kind, default=None)


def add_aliases(parser: pytest.Parser, arguments: list[str]) -> None:
    """Register the short names that are still free.

    Called after the initial conftests were loaded, so that a project's own `--host` keeps its meaning.
    """
    group = parser.getgroup("rtmedload")
    for option in OPTIONS:
        free = [alias for alias in option.aliases if _is_free(parser, alias, arguments)]
        if free:
            _add(group, option, free)


def mentioned(config: pytest.Config, name: str) -> bool:
    """True if any source sets an option; `config` parses its value."""
    option = BY_NAME[name]
    return bool(
        config.getoption(option.dest, None) or ini_value(config, option.dest) or os.environ.get(option.variable)
    )


def _is_free(parser: pytest.Parser, switch: str, arguments: list[str]) -> bool:
    """True if a switch is unknown. The real command line is parsed, because others may have required options."""
    import pytest  # noqa: PLC0415 - only names and texts above

    try:
        _, unknown = parser.parse_known_and_unknown_args([*arguments, switch, "1"])
    except (SystemExit, pytest.UsageError):
        return False  # pytest reports what is wrong with the command line
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
