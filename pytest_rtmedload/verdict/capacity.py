"""What a capacity search found: proved up to a level, likely at another, missed at a third, and no word beyond that.

*Proved* is the largest level whose targets PASS, *likely* the largest above it that leans to PASS without enough
evidence, *missed* the smallest level whose targets are not met; a level above one that missed counts for nothing. A
level at which the load generator was the limit is *unknown*, unless it was tried again with more luck.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_rtmedload.results.details import CapacityResult
from pytest_rtmedload.results.model import Kind, Verdict
from pytest_rtmedload.results.plan import Evidence
from pytest_rtmedload.text.comparisons import Comparison
from pytest_rtmedload.verdict.decisions import Decision
from pytest_rtmedload.verdict.stages import leans_well

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_rtmedload.results.model import StageResult
    from pytest_rtmedload.results.plan import Target, TestPlan

VALUE: Final = "capacity"
"""Name of the value that a limit such as `targets={"capacity": {"min": 12}}` is for."""


def capacity_of(plan: TestPlan, stages: Sequence[StageResult]) -> CapacityResult:
    """The finding of a search by its levels, judged when all samples were in."""
    tried = [stage for stage in stages if stage.verdict is not Verdict.INVALID and stage.iterations]
    missed = min((s.users for s in tried if not leans_well(s)), default=None)
    below = [s.users for s in tried if missed is None or s.users < missed]
    passed = {s.users for s in tried if s.verdict is Verdict.PASS}
    proved = max((users for users in below if users in passed), default=None)
    likely = max((users for users in below if users > (proved or 0)), default=None)
    unknown = sorted({s.users for s in stages if s.verdict is Verdict.INVALID} - {s.users for s in tried})
    return CapacityResult(
        users=proved if missed is not None and plan.interrupted is None else None,
        met=proved,
        missed=missed,
        text=_text(plan, tried, (proved, likely, missed), unknown),
        likely=likely,
        unknown=unknown,
    )


def verdict_of(found: CapacityResult, *, interrupted: bool) -> Verdict:
    """The verdict of a search, before limits on its number are looked at."""
    if found.met is not None:
        return Verdict.INCONCLUSIVE if interrupted else Verdict.PASS
    if found.likely is None and found.missed is not None and not interrupted:
        return Verdict.FAIL
    return Verdict.INVALID if found.unknown and found.likely is None else Verdict.INCONCLUSIVE


def decide_capacity(target: Target, found: CapacityResult) -> Decision:
    """A lower limit on the capacity: PASS when it was proved at that many users, FAIL when it was missed there."""
    at_least = found.missed is None or found.likely is not None or bool(found.unknown)
    compared = Comparison("capacity min", float(found.met or 0), target.limit, "users", at_least, floor=True)
    value = None if found.met is None else float(found.met)
    if found.met is not None and found.met >= target.limit:
        return Decision(Kind.VALUE, compared, Verdict.PASS, n=1, value=value)
    if found.missed is not None and found.missed <= target.limit:
        return Decision(Kind.VALUE, compared, Verdict.FAIL, n=1, value=value)
    leaning = "pass" if (found.likely or 0) >= target.limit else "fail"
    return Decision(Kind.VALUE, compared, Verdict.INCONCLUSIVE, n=1, value=value, leaning=leaning)


def _text(
    plan: TestPlan,
    tried: Sequence[StageResult],
    found: tuple[int | None, int | None, int | None],
    unknown: Sequence[int],
) -> str:
    proved, likely, missed = found
    if not tried and not unknown:
        return "capacity: nothing was measured"
    shown = "met" if plan.evidence is Evidence.POINT else "proved"
    definite = any(s.users == missed and s.verdict is Verdict.FAIL for s in tried)
    numbers = [
        (f"{shown} up to", proved),
        ("likely", likely),
        ("missed at" if definite else "likely missed at", missed),
    ]
    levels = [f"{what} {users:,}" for what, users in numbers if users is not None]
    if levels:
        levels[0] += " user" if levels[0].endswith(" 1") else " users"
    if proved is None:
        levels.insert(0, f"nothing {shown}")
    if unknown:
        levels.append(f"unknown at {_list(unknown)}")
    return "; ".join([f"capacity: {', '.join(levels)}", *_remarks(plan, tried, found, unknown)])


def _remarks(
    plan: TestPlan,
    tried: Sequence[StageResult],
    found: tuple[int | None, int | None, int | None],
    unknown: Sequence[int],
) -> list[str]:
    proved, likely, missed = found
    different = _disagreeing(tried)
    remarks = [f"the targets were met and missed at {_list(different)}"] if different else []
    if unknown:
        remarks.append(f"the load generator was the limit at {_list(unknown)}")
    if plan.interrupted is not None:
        return [*remarks, "the search was cut short"]
    if missed is None and not unknown:
        highest = max(proved or 0, likely or 0) == plan.goes_to
        remarks.append("the search went no further" if highest else "more was not decided")
    return remarks


def _list(users: Sequence[int]) -> str:
    return " and ".join(f"{number:,}" for number in users)


def _disagreeing(tried: Sequence[StageResult]) -> list[int]:
    """Levels that were tried more than once, with different results."""
    met = {stage.users for stage in tried if leans_well(stage)}
    return sorted(met & {stage.users for stage in tried if not leans_well(stage)})
