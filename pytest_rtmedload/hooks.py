"""Hook specifications: how a project's `conftest.py` or another plugin extends load tests. See docs/extending.md.

Implement one by defining a function of the same name; arguments that are not needed can be left out. None is called
while a load test measures. What a hook does wrong costs one line: before the run it is a usage error, afterwards it is
named with the reports, and never costs a result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pytest_rtmedload.dialects import Dialect
    from pytest_rtmedload.report.ci.publishers import CiServer
    from pytest_rtmedload.results.model import RunResult, TestResult
    from pytest_rtmedload.schedule.conductors import Conductor


@pytest.hookspec
def pytest_rtmedload_dialects() -> Iterable[Dialect]:
    """Wire protocols of agents, which `--load-dialect NAME` then finds.

    Called in every process when the options are read, so a `conftest.py` must be one that pytest loads at its start.
    """
    raise NotImplementedError


@pytest.hookspec
def pytest_rtmedload_load_profiles() -> Mapping[str, Callable[..., Conductor]]:
    """Load profiles by name: `{"lunch": Lunch}` lets `shape="lunch(50, 20s)"` call `Lunch(spec, "50", "20s")`.

    `spec` is the test's `LoadSpec`; the arguments are texts. What is returned must be possible to pickle.
    """
    raise NotImplementedError


@pytest.hookspec
def pytest_rtmedload_criteria() -> Iterable[str]:
    """Criteria of the run, each written as in `load_criteria`: `"voice.loop p95 = 600 ms goal"`.

    They change the defaults, and are themselves changed by environment, ini file and command line.
    """
    raise NotImplementedError


@pytest.hookspec
def pytest_rtmedload_machine() -> Mapping[str, object]:
    """Further facts about this machine, for `run.machine` of the result."""
    raise NotImplementedError


@pytest.hookspec
def pytest_rtmedload_test_judged(result: TestResult) -> None:
    """A load test has its verdict; called after pytest has reported it, in the process that writes the results."""


@pytest.hookspec
def pytest_rtmedload_reports(run: RunResult) -> Mapping[str, str | bytes]:
    """Further report files: the ending of each, as `"_calls.md"`, and its content."""
    raise NotImplementedError


@pytest.hookspec
def pytest_rtmedload_ci_servers(environment: Mapping[str, str]) -> Iterable[CiServer]:
    """CI servers that the run is reported to, where `environment` says that it runs on them."""
    raise NotImplementedError
