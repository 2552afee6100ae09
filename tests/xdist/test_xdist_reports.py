"""One test in the end: the worst of what the workers report, and never more than one report of a phase."""

from __future__ import annotations

import dataclasses

import pytest

from pytest_rtmedload.shards.messages import Ended, Judged
from pytest_rtmedload.xdist.reports import as_one

NODEID = "test_it.py::test_load"


def shard(config: pytest.Config, name: str, outcomes: dict[str, str], *, turned_away: bool = False) -> Ended:
    """What a worker reports: the outcome of each phase."""
    reports = [
        pytest.TestReport(
            nodeid=NODEID,
            location=("test_it.py", 1, "test_load"),
            keywords={},
            outcome=outcome,  # type: ignore[arg-type]
            longrepr=None if outcome == "passed" else f"{when} {outcome} in {name}",
            when=when,  # type: ignore[arg-type]
            user_properties=[("load.verdict", name)] if when != "setup" else [],
            sections=[("Captured stdout call", f"printed in {name}")] if when == "call" else [],
        )
        for when, outcome in outcomes.items()
    ]
    data = [config.hook.pytest_report_to_serializable(config=config, report=report) for report in reports]
    return Ended(name, turned_away=turned_away, reports=data)


PASSED = {"setup": "passed", "call": "passed", "teardown": "passed"}
SKIPPED = PASSED | {"call": "skipped"}


def test_all_passed(pytestconfig: pytest.Config) -> None:
    shards = [shard(pytestconfig, name, PASSED) for name in ("gw0", "gw1")]
    merged = as_one(pytestconfig, NODEID, shards, [], None)
    assert [(r.when, r.outcome) for r in merged.reports] == list(PASSED.items())
    assert {tuple(r.user_properties) for r in merged.reports} == {(("load.verdict", "gw0"),)}
    assert merged.reports[1].sections == [
        ("Captured stdout call (gw0)", "printed in gw0"),
        ("Captured stdout call (gw1)", "printed in gw1"),
    ]


def test_an_error_in_one_setup_is_one_error(pytestconfig: pytest.Config) -> None:
    refused = shard(pytestconfig, "gw0", SKIPPED, turned_away=True)
    broken = shard(pytestconfig, "gw1", {"setup": "failed", "teardown": "passed"})
    merged = as_one(pytestconfig, NODEID, [refused, broken], [], None)
    assert [(r.when, r.outcome) for r in merged.reports] == [("setup", "failed"), ("teardown", "passed")]
    assert (merged.reports[0].longrepr, merged.worker) == ("setup failed in gw1", "gw1")


def test_ones_own_skip_is_shown_and_not_that_of_those_it_turned_away(pytestconfig: pytest.Config) -> None:
    refused = shard(pytestconfig, "gw0", SKIPPED, turned_away=True)
    merged = as_one(pytestconfig, NODEID, [refused, shard(pytestconfig, "gw1", SKIPPED)], [], None)
    assert merged.reports[1].longrepr == "call skipped in gw1"


def test_a_worker_that_died_after_the_verdict_is_a_failure(pytestconfig: pytest.Config) -> None:
    merged = as_one(pytestconfig, NODEID, [shard(pytestconfig, "gw0", PASSED)], ["gw1 ended unexpectedly"], None)
    assert [(r.when, r.longrepr) for r in merged.reports if r.failed] == [("teardown", "gw1 ended unexpectedly")]


def test_with_all_workers_gone_the_verdict_stands(pytestconfig: pytest.Config) -> None:
    verdict = Judged(failed=True, text="INVALID: all lost", properties=[("load.verdict", "INVALID")], result={})
    (report,) = as_one(pytestconfig, NODEID, [], ["gw0 ended unexpectedly"], verdict).reports
    assert (report.outcome, report.longrepr, report.user_properties) == (
        "failed",
        "INVALID: all lost",
        verdict.properties,
    )
    (report,) = as_one(pytestconfig, NODEID, [], ["gw0 ended unexpectedly"], None).reports
    assert report.longrepr == "gw0 ended unexpectedly"


def test_a_test_that_was_not_begun_is_not_reported(pytestconfig: pytest.Config) -> None:
    stopped = dataclasses.replace(shard(pytestconfig, "gw0", SKIPPED), stopped=True)
    assert as_one(pytestconfig, NODEID, [stopped], [], None).reports == []
