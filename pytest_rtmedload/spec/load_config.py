"""The options of a run as data: what every source says, read and checked.

The sizes of a load test come from the command line, the marker, the ini file, the environment or the suite, in this
order; here they are kept apart by source, because the marker stands between them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_rtmedload.spec.endpoints import NamedServices
from pytest_rtmedload.text.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_rtmedload.results.plan import Target
    from pytest_rtmedload.spec.criteria import Criterion
    from pytest_rtmedload.spec.suites import Suite


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
    demanded_targets: tuple[Target, ...]
    """The overrides of the command line: one that applies to no test fails the run."""
    criteria: tuple[Criterion, ...]
    """By which the whole run is judged."""
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
