"""Failures of the load generator itself are not the agent's."""

from __future__ import annotations

import pytest

from pytest_rtmedload.results.model import Verdict
from pytest_rtmedload.results.names import OwnLimit
from pytest_rtmedload.results.plan import Evidence
from pytest_rtmedload.results.recording import Outcome, Phase, Recording
from pytest_rtmedload.verdict.judge import judge
from pytest_rtmedload.verdict.operations import total
from tests.verdict.verdict_builders import HEALTH, Builder, errors, p, plan


def recorded(
    ok: int, failed: int, own: int, limit: OwnLimit = OwnLimit.OPEN_FILES, phase: str = Phase.MEASURE
) -> Recording:
    """Some requests, of whose failures some were never sent."""
    recording = Builder().add(HEALTH, [10] * ok).add(HEALTH, [1] * failed, Outcome.FAILED).recording
    if own:
        recording.health.own_errors[str(limit), phase] = own
    return recording


@pytest.mark.parametrize("evidence", [Evidence.STRICT, Evidence.PROVISIONAL, Evidence.POINT, Evidence.NONE])
def test_an_error_limit_that_only_own_failures_cross_is_invalid(evidence: Evidence) -> None:
    found = judge(plan(errors(0.05), p("p95", 100), evidence=evidence), recorded(400, 600, 600))
    assert found.verdict is Verdict.INVALID
    assert found.reasons[0].startswith("600 operations failed before anything was sent: this process ran out of open")
    assert "ulimit -n" in found.reasons[0]
    assert found.generator.own_errors == {"open files": 600}
    assert total([found]) == (400, 0)


def test_errors_that_are_proved_without_them_come_first() -> None:
    found = judge(plan(errors(0.05)), recorded(400, 600, 100))
    assert (found.verdict, found.reasons[0][:6]) == (Verdict.FAIL, "errors")
    assert any("100 operations failed before" in reason for reason in found.reasons)


def test_a_few_among_many_are_a_note() -> None:
    found = judge(plan(errors(0.05)), recorded(10_000, 3, 3))
    assert found.verdict is Verdict.PASS
    assert any("3 operations failed before anything was sent" in note for note in found.notes)


def test_load_that_fell_short_is_invalid_though_errors_are_allowed() -> None:
    assert judge(plan(errors(0.5)), recorded(900, 100, 100)).verdict is Verdict.INVALID


def test_no_limit_on_errors_that_own_failures_alone_cross() -> None:
    assert judge(plan(errors(0.0)), recorded(10_000, 1, 1)).verdict is Verdict.INVALID


def test_users_that_could_not_start_are_invalid() -> None:
    found = judge(plan(errors(0.05)), recorded(0, 0, 3, phase=Phase.SETUP))
    assert found.verdict is Verdict.INVALID


def test_an_address_that_was_never_there_is_no_lack_of_ports() -> None:
    """`localhost` without IPv6, say: nothing ever worked, so nothing was used up."""
    assert judge(plan(errors(0.05)), recorded(0, 100, 100, OwnLimit.PORTS)).verdict is Verdict.FAIL
    assert judge(plan(errors(0.05)), recorded(60, 100, 100, OwnLimit.PORTS)).verdict is Verdict.INVALID


@pytest.mark.parametrize("limit", OwnLimit)
def test_each_has_a_remedy(limit: OwnLimit) -> None:
    assert ": " in judge(plan(errors(0.05)), recorded(40, 60, 60, limit)).reasons[0]
