"""The options of a run as data, parsed and checked.

The sizes of a load test come from the command line, the marker, the ini file, the environment or the suite, in this
order of precedence; they are kept separate by source, because the marker ranks between them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_rtmedload.dialects import dialect_named
from pytest_rtmedload.spec.endpoints import NamedServices
from pytest_rtmedload.text.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_rtmedload.dialects import Dialect
    from pytest_rtmedload.results.plan import Target
    from pytest_rtmedload.spec.criteria import Criterion
    from pytest_rtmedload.spec.suites import Suite


@dataclass(frozen=True, slots=True)
class Sizes:
    """The sizes that one source sets; others are absent."""

    values: Mapping[str, Any] = field(default_factory=dict)
    users_of: Mapping[str, int] = field(default_factory=dict)
    """Users by group; `users` of the same source has precedence."""

    def of(self, group: str) -> dict[str, Any]:
        """The sizes for tests of a group."""
        return ({"users": self.users_of[group]} if group in self.users_of else {}) | dict(self.values)


@dataclass(frozen=True)
class LoadConfig:
    """All options. Durations are seconds."""

    suite: Suite
    suite_named: bool
    """True if the suite was set on the command line."""
    command_line: Sizes
    ini: Sizes
    environment: Sizes
    targets: tuple[tuple[Target, ...], ...]
    """Overrides, in ascending order of precedence: those of the dialect, then those of the options."""
    demanded_targets: tuple[Target, ...]
    """The overrides of the command line: one that applies to no test fails the run."""
    criteria: tuple[Criterion, ...]
    """Criteria of the whole run."""
    host: str | None
    ws_host: str | None
    """Base of relative WebSocket URLs; None: the agent's."""
    dialect: str
    headers: Mapping[str, str]
    allow_calls: bool
    call_number: str | None
    greeting: float
    """Seconds that a call waits for the agent's greeting; 0: there is none."""
    record_calls: int
    """Number of calls of each test that are saved."""
    report_dir: str
    root: Path
    """Base of relative folders."""
    seed: int
    live: bool | None
    uvloop: bool
    parallel: bool
    """Groups run at the same time, if pytest-xdist is available."""
    embedded: tuple[str, ...]
    duration_cap: float | None
    """`TEST_DURATION`, which replaces the suite's duration."""
    users_cap: int | None
    """`MAX_USERS`, which limits the users of markers and suites."""
    verify: bool | str = True
    """Whether TLS certificates are checked, or a PEM file of further authorities to trust."""
    addresses: Mapping[tuple[str, int], str] = field(default_factory=dict)
    """Host and port → the address to connect to, where a name is not to be looked up."""
    samples: bool = False
    """True if every sample is written to a file."""
    debug: bool = False
    """True if load tests run once, with one user, and print every operation."""
    debug_named: bool = False
    """True if `debug` was set on the command line."""
    dialect_targets: int = 0
    """How many of `targets`, from the first on, are those of the dialect."""
    services: NamedServices = field(default_factory=NamedServices)
    """The configured backend services, with their keys."""
    own_dialect: Dialect | None = None
    """The dialect, where a project or another plugin provides it."""

    @property
    def wire(self) -> Dialect:
        """The dialect that is called `dialect`."""
        return self.own_dialect or dialect_named(self.dialect)

    @property
    def stated_targets(self) -> tuple[tuple[Target, ...], ...]:
        """The overrides of the command line, the ini file and the environment."""
        return self.targets[self.dialect_targets :]

    @property
    def directory(self) -> Path:
        """Folder of the results."""
        return self.root / self.report_dir

    @property
    def sized_by_command_line(self) -> bool:
        """True if the command line sets a suite, a size or debugging, which selects the load tests."""
        return self.suite_named or self.debug_named or bool(self.command_line.values or self.command_line.users_of)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Values that must not appear in any log or report."""
        return (*(value for value in self.headers.values() if value), *self.services.secrets)

    def redact(self, text: str) -> str:
        """The text with secrets replaced."""
        return redact(text, self.secrets)
