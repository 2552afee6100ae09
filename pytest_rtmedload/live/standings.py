"""How the targets of a load test stand while it is under way: the verdict they would get if it ended now.

The rules are those of `verdict`, asked about the sums there are. One thing differs, because the live view cannot afford
it: samples are taken as independent, so a target may be "met so far" that a verdict, which knows that the samples of a
second are alike, calls INCONCLUSIVE.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.live.aggregate import Sums
from pytest_rtmedload.live.progress import TargetSoFar
from pytest_rtmedload.results.model import Verdict
from pytest_rtmedload.results.plan import Evidence, TestPlan
from pytest_rtmedload.results.recording import Phase
from pytest_rtmedload.spec.shapes import ShapeKind
from pytest_rtmedload.spec.target_syntax import override
from pytest_rtmedload.verdict.over_time import judged_over_all
from pytest_rtmedload.verdict.targets import decide_target

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_rtmedload.live.aggregate import Tally
    from pytest_rtmedload.live.progress import Standing
    from pytest_rtmedload.results.plan import Target
    from pytest_rtmedload.results.recording import Outcome, ValueStats
    from pytest_rtmedload.spec.load_spec import LoadSpec

_STANDINGS: Final[Mapping[Verdict, Standing]] = {Verdict.PASS: "met", Verdict.FAIL: "missed"}
_ORDER: Final[Mapping[Standing | None, int]] = {"missed": 0, "open": 1, None: 2, "met": 3}


@dataclass(frozen=True, slots=True)
class MeasuredSoFar:
    """The measured phase of a test under way, as `verdict` looks at it (`MeasuredView`)."""

    plan: TestPlan
    tally: Tally
    seconds: float

    @property
    def metrics(self) -> Sequence[str]:
        """Metrics with at least one sample."""
        return list(self.tally.metrics)

    @property
    def values(self) -> Mapping[str, ValueStats]:
        """Quantities that are not times."""
        return self.tally.values

    def samples(self, metric: str) -> Sums:
        """Samples of a metric."""
        return self.tally.metrics.get(metric) or Sums()

    def count(self, metric: str, *outcomes: Outcome) -> int:
        """Samples of a metric that ended in one of these ways."""
        sums = self.tally.metrics.get(metric)
        return 0 if sums is None else sum(sums.count(outcome) for outcome in outcomes)

    def rate(self, count: int) -> float | None:
        """Per second; None before the measured phase has begun."""
        return count / self.seconds if self.seconds > 0 else None


def targets_so_far(
    spec: LoadSpec, table: Iterable[Iterable[Target]], tally: Tally, measured_s: float
) -> tuple[TargetSoFar, ...]:
    """How the targets stand, those that need attention first.

    Args:
        spec: the load test.
        table: limits from the options, weakest first.
        tally: what it has measured.
        measured_s: how long its measured phase has been going on, in seconds.
    """
    measured = MeasuredSoFar(_plan(spec), tally, measured_s)
    targets = override(spec.targets, table, tally.metrics)
    if spec.shape.kind is ShapeKind.CAPACITY:
        targets = judged_over_all(targets, tally.values)
    found = [
        (target.default, _so_far(target, measured))
        for target in targets
        if spec.evidence is not Evidence.NONE or target.name == "errors"
    ]
    found.sort(key=lambda pair: (_ORDER[pair[1].standing], pair[0]))  # what nobody asked for comes last
    return tuple(target for _, target in found)


def _so_far(target: Target, measured: MeasuredSoFar) -> TargetSoFar:
    found = decide_target(target, measured)
    if found.missing:
        return TargetSoFar(found.compared.wanted, None)
    return TargetSoFar(str(found.compared), _STANDINGS.get(found.verdict, "open"), found.n)


def _plan(spec: LoadSpec) -> TestPlan:
    """What a decision asks of the plan."""
    return TestPlan(
        nodeid=spec.nodeid,
        group=spec.group,
        model="open" if spec.open else "closed",
        users=spec.most_users,
        phases={str(Phase.MEASURE): (spec.load_begins, float("inf"))},
        evidence=spec.evidence,
        metric=spec.metric,
        saturated=spec.saturates,
    )
