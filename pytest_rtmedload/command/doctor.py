"""`pytest-rtmedload doctor`: checks whether load tests can run here, one line for each check.

The rule: it changes nothing. The status is 0 when a quick run could start here; what limits a run without preventing it
is reported and does not change the status.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pytest_rtmedload.command.findings import Finding, Severity
from pytest_rtmedload.command.installed import look_at_packages
from pytest_rtmedload.command.machine import look_at_machine
from pytest_rtmedload.command.project import ask_pytest, look_at_project
from pytest_rtmedload.command.reachable import look_at_agent, look_at_services
from pytest_rtmedload.spec.suites import DEFAULT_SUITE, SUITES
from pytest_rtmedload.text.formats import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def examine(arguments: Sequence[str] = (), *, measure: bool = True) -> int:
    """Run all checks and print the findings; returns the exit status.

    Args:
        arguments: for pytest.
        measure: whether to measure what a core can generate, which takes some seconds.
    """
    prevents = 0
    for finding in _findings(arguments, measure=measure):
        sys.stdout.write(finding.line() + "\n")
        sys.stdout.flush()
        prevents += finding.mark is Severity.STOP
    verdict = f"{count(prevents, 'line')} marked {Severity.STOP}" if prevents else "a quick run could start here"
    sys.stdout.write(f"\n{verdict}\n")
    return 1 if prevents else 0


def _findings(arguments: Sequence[str], *, measure: bool) -> Iterator[Finding]:
    yield from look_at_packages()
    project = ask_pytest(arguments)
    yield from look_at_project(project)
    embedded = project.get("host") is None
    if "suite" in project:
        yield look_at_agent(project)
        yield from look_at_services(embedded=embedded)
    users = project.get("users", max(SUITES[DEFAULT_SUITE].users.values()))
    yield from look_at_machine(users, embedded=embedded, uvloop=project.get("uvloop", False))
    if measure:
        from pytest_rtmedload.command.generator import look_at_generator  # noqa: PLC0415 - imports all clients

        yield from look_at_generator(uvloop=project.get("uvloop", False))
