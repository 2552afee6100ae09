"""What a capacity search found: a number only where there is evidence for it, and never beyond what was tried.

The capacity is the largest number of users at which every target was met, below the smallest at which one was not. No
number where the load generator was the limit, and none where all levels met their targets: then it is "at least".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_rtmedload.results.details import CapacityResult
from pytest_rtmedload.results.model import Verdict
from pytest_rtmedload.results.plan import Evidence
from pytest_rtmedload.verdict.stages import leans_well

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_rtmedload.results.model import StageResult
    from pytest_rtmedload.results.plan import TestPlan

VALUE: Final = "capacity"
"""Name of the value that a limit such as `targets={"capacity": {"min": 12}}` is for."""
FORGIVING: Final = (Evidence.PROVISIONAL, Evidence.POINT)


def capacity_of(plan: TestPlan, stages: Sequence[StageResult]) -> CapacityResult:
    """The finding of a search by its levels, judged when all samples were in."""
    spoiled = [stage for stage in stages if stage.verdict is Verdict.INVALID]
    tried = [stage for stage in stages if stage.verdict is not Verdict.INVALID and stage.iterations]
    missed = min((s.users for s in tried if not leans_well(s)), default=None)
    below = [s for s in tried if missed is None or s.users < missed]
    met = max((s.users for s in below if _proved(plan, s)), default=None)
    hopeful = max((s.users for s in below), default=None)
    number, text = _finding(plan, met, missed, hopeful, spoiled)
    return CapacityResult(number, met, missed, text)


def _proved(plan: TestPlan, stage: StageResult) -> bool:
    """Whether a level met its targets with the evidence that the test asks for."""
    return stage.verdict is Verdict.PASS or (plan.evidence in FORGIVING and leans_well(stage))


def _finding(
    plan: TestPlan, met: int | None, missed: int | None, hopeful: int | None, spoiled: Sequence[StageResult]
) -> tuple[int | None, str]:
    so_far = "" if met is None else f"; {_users(met)} met every target"
    if spoiled:
        worst = min(spoiled, key=lambda stage: stage.users)
        return None, f"no capacity: at {_users(worst.users)} the load generator was the limit{so_far}"
    if plan.interrupted is not None:
        return None, f"no capacity: the search was cut short{so_far}"
    if met is None:
        return None, _nothing_met(missed, hopeful)
    unproved = f"; {_users(hopeful)} may do, without enough evidence" if hopeful is not None and hopeful > met else ""
    if missed is None:
        end = "the search went no further" if met == plan.goes_to else "more was not decided"
        return None, f"capacity at least {_users(met)}: {end}{unproved}"
    return met, f"capacity {_users(met)}: every target was met there, and not at {missed:,}{unproved}"


def _nothing_met(missed: int | None, hopeful: int | None) -> str:
    if hopeful is not None:
        return f"no capacity: {_users(hopeful)} may do, without enough evidence; hold each level longer"
    if missed is not None:
        return f"no capacity: the targets were missed at {_users(missed)}"
    return "no capacity: nothing was measured"


def _users(n: int) -> str:
    return f"{n:,} user{'' if n == 1 else 's'}"


def verdict_of(found: CapacityResult, stages: Sequence[StageResult], *, interrupted: bool) -> Verdict:
    """What a search came to, before limits on its number are looked at."""
    if any(stage.verdict is Verdict.INVALID for stage in stages):
        return Verdict.INVALID
    if found.met is not None and not interrupted:
        return Verdict.PASS
    hopeless = found.missed is not None and not any(leans_well(stage) for stage in stages)
    return Verdict.FAIL if hopeless and not interrupted else Verdict.INCONCLUSIVE
