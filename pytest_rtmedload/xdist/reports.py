"""The reports of all workers of a load test become those of one test: the worst outcome, with everybody's output.

All shards get the same verdict, so their reports differ only where something went wrong in one process: a fixture that
failed, a skip, a body that ended the test. That is then the test's outcome.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_rtmedload.shards.messages import Ended, Judged

_RANK: Final = {"passed": 0, "skipped": 1, "failed": 2}


class Merged(NamedTuple):
    """The reports of one test."""

    reports: list[pytest.TestReport]
    """None when the test was never begun, as the run had been stopped before."""
    worker: str
    """The worker they are from, or the worst of them is."""


def as_one(
    config: pytest.Config,
    nodeid: str,
    workers: Iterable[Ended],
    lost: list[str],
    result: Judged | None,
) -> Merged:
    """The reports of one test.

    Args:
        config: pytest's.
        nodeid: the test.
        workers: what each worker reported.
        lost: why some workers could not report; one line each.
        result: the last verdict of this test; None when there was none.
    """
    took_part = [worker for worker in workers if not worker.stopped]
    if not took_part:
        return Merged([_crashed(nodeid, lost, result)] if lost else [], "")
    took_part.sort(key=lambda worker: worker.turned_away)
    by_phase: dict[str, list[tuple[str, pytest.TestReport]]] = {"setup": [], "call": [], "teardown": []}
    for worker in took_part:
        for data in worker.reports:
            report = config.hook.pytest_report_from_serializable(config=config, data=data)
            by_phase[report.when].append((worker.name, report))
    chosen = [_worst(reports) for reports in by_phase.values() if reports]
    if not chosen[0][1].passed:
        chosen = [(name, report) for name, report in chosen if report.when != "call"]  # the others were turned away
    merged = [report for _, report in chosen]
    telling = [r for r in merged if r.failed and r.user_properties] or [r for r in merged if r.when == "call"]
    properties = (telling or merged)[0].user_properties
    for report in merged:
        report.user_properties = list(properties)
    if lost and not any(report.failed for report in merged):
        merged[-1].outcome, merged[-1].longrepr = "failed", "; ".join(lost)
    return Merged(merged, max(chosen, key=_rank)[0])


def _rank(reported: tuple[str, pytest.TestReport]) -> tuple[int, bool]:
    """An expected failure says more than a skip: other workers may have been turned away because of it."""
    return _RANK[reported[1].outcome], hasattr(reported[1], "wasxfail")


def _worst(reported: list[tuple[str, pytest.TestReport]]) -> tuple[str, pytest.TestReport]:
    """The first of the worst, with what the others printed."""
    name, worst = max(reported, key=_rank)  # the first of several equally bad ones
    if len(reported) > 1:
        worst.sections = [(f"{title} ({worker})", text) for worker, r in reported for title, text in r.sections]
    worst.duration = max(report.duration for _, report in reported)
    return name, worst


def never_ran(nodeid: str) -> pytest.TestReport:
    """The report of a load test that no worker was left for."""
    return _report(nodeid, "setup", "it never ran: the worker that should have run it was lost and not replaced", [])


def _crashed(nodeid: str, lost: list[str], result: Judged | None) -> pytest.TestReport:
    """No worker is left to report: the verdict on what they had shipped, if the test had begun."""
    if result is None:
        return _report(nodeid, "call", "; ".join(lost), [])
    return _report(nodeid, "call", result.text, result.properties)


def _report(
    nodeid: str, when: Literal["setup", "call"], reason: str, properties: list[tuple[str, object]]
) -> pytest.TestReport:
    path = nodeid.partition("::")[0]
    return pytest.TestReport(
        nodeid=nodeid,
        location=(path, None, nodeid.partition("::")[2] or path),
        keywords={},
        outcome="failed",
        longrepr=reason,
        when=when,
        user_properties=properties,
    )
