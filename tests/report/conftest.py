"""Runs as they come out of the tool: green, failing, and every odd one."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from pytest_rtmedload.results.model import AgentInfo, RunResult, Summary, Verdict
from tests.report.report_builders import (
    bare_test,
    criterion,
    failing_test,
    hostile_test,
    inconclusive_test,
    invalid_test,
    large_run,
    make_run,
    make_test,
    target,
)
from tests.report.report_details import FLOW, capacity_test, flow_test, spike_test

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_rtmedload.results.model import CriterionResult, TargetResult, TestResult


@pytest.fixture
def green() -> RunResult:
    return make_run([make_test(), make_test("tests/load/backend/test_redis.py::test_session", group="backend")])


@pytest.fixture
def failing() -> RunResult:
    missed = criterion("API P95", verdict=Verdict.FAIL, text="API p95 181 ms > 150 ms FAIL")
    return make_run(
        [
            make_test(),
            make_test("tests/load/backend/test_redis.py::test_session", group="backend", users=8),
            inconclusive_test(),
            failing_test(),
        ],
        criteria=[criterion("overall success"), missed],
    )


@pytest.fixture
def inconclusive() -> RunResult:
    return make_run([make_test(), inconclusive_test()])


@pytest.fixture
def invalid() -> RunResult:
    return make_run([invalid_test(), make_test()])


@pytest.fixture
def partial() -> RunResult:
    run = make_run([make_test(), inconclusive_test(complete=False), bare_test()])
    return dataclasses.replace(run, summary=dataclasses.replace(run.summary, complete=False))


@pytest.fixture
def empty() -> RunResult:
    run = make_run([], criteria=[])
    summary = Summary(Verdict.PASS, None, 0, 0, 0, 0, 0, 0, 0, 0.0, complete=True)
    agent = AgentInfo(None, "rtmedagent", embedded=False)
    return dataclasses.replace(run, summary=summary, run=dataclasses.replace(run.run, agent=agent))


@pytest.fixture
def nothing() -> RunResult:
    return make_run([bare_test()], criteria=[dataclasses.replace(criterion("success"), value=None, n=0)])


@pytest.fixture
def hostile() -> RunResult:
    run = make_run([hostile_test()])
    strange = dataclasses.replace(run.run, suite="<i>quick</i>", seed=2**70, command="--load-host <http://x>")
    return dataclasses.replace(run, run=strange)


@pytest.fixture
def stages() -> RunResult:
    """Loads that changed: a search for the capacity and a spike."""
    return make_run([capacity_test(), spike_test()])


@pytest.fixture
def calls() -> RunResult:
    """Calls with their turns, the slowest of them recorded, beside a second test."""
    neighbour = make_test(beside=[FLOW])
    return make_run([flow_test(beside=[neighbour.nodeid, "tests/load/gone.py::test_gone"]), neighbour])


@pytest.fixture(scope="session")
def large() -> RunResult:
    return large_run()


@pytest.fixture(
    params=[
        "green",
        "failing",
        "inconclusive",
        "invalid",
        "partial",
        "empty",
        "nothing",
        "hostile",
        "stages",
        "calls",
    ]
)
def any_run(request: pytest.FixtureRequest) -> RunResult:
    run = request.getfixturevalue(request.param)
    assert isinstance(run, RunResult)
    return run


@pytest.fixture
def build_test() -> Callable[..., TestResult]:
    return make_test


@pytest.fixture
def build_target() -> Callable[..., TargetResult]:
    return target


@pytest.fixture
def build_criterion() -> Callable[..., CriterionResult]:
    return criterion


@pytest.fixture
def build_run() -> Callable[..., RunResult]:
    return make_run
