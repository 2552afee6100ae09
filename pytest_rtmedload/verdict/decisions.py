"""What the samples decide about one target, before it is put into words.

Tests, stages and the live view all ask `decide_target`, so none of them can have rules of its own. What they know of
the samples differs: a finished test knows which samples depend on each other, the live view keeps sums only. Two
protocols say what a decision needs of either.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pytest_rtmedload.results.model import Kind, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_rtmedload.results.plan import TestPlan
    from pytest_rtmedload.results.recording import Outcome, ValueStats
    from pytest_rtmedload.text.comparisons import Comparison
    from pytest_rtmedload.verdict.evidence import ShareRule


class SamplesView(Protocol):
    """The ok and censored samples of one metric, in the measured phase, on the clock that is judged."""

    @property
    def n(self) -> int:
        """Number of samples."""

    @property
    def censored(self) -> int:
        """Samples that were never answered: above every limit."""

    @property
    def slowest_us(self) -> int:
        """Slowest of all, in microseconds; of a censored sample, what was waited."""

    def rule(self, name: str) -> ShareRule:
        """The rule for a limit on this percentile; `n` must be above 0."""

    def above(self, limit_us: int) -> int:
        """Samples above a limit, censored ones included."""

    def at_rank(self, rank: int) -> int | None:
        """The `rank`-th smallest sample in microseconds; None when it is a censored one."""

    def at_least(self, rank: int) -> int:
        """What the `rank`-th smallest sample is known to exceed, in microseconds, when it is a censored one."""


class MeasuredView(Protocol):
    """The measured phase of a test, finished or under way."""

    @property
    def plan(self) -> TestPlan:
        """What the test set out to do."""

    @property
    def metrics(self) -> Sequence[str]:
        """Metrics with at least one sample in the measured phase, however it ended."""

    @property
    def values(self) -> Mapping[str, ValueStats]:
        """Quantities that are not times, with at least one observation."""

    def samples(self, metric: str) -> SamplesView:
        """Samples of a metric; none are there when it was not recorded."""

    def count(self, metric: str, *outcomes: Outcome) -> int:
        """Samples of a metric that ended in one of these ways."""

    def rate(self, count: int) -> float | None:
        """Per second of the measured phase; None when there was none."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict on a target and what it rests on."""

    kind: Kind
    compared: Comparison
    verdict: Verdict
    n: int = 0
    k: int = 0
    value: float | None = None
    leaning: str | None = None
    """`pass` or `fail` by the point estimate, when INCONCLUSIVE."""
    rule: ShareRule | None = None
    """What the verdict was inferred by; None where it was observed."""
    missing: bool = False
    """True when there was nothing to judge."""


def infer(kind: Kind, compared: Comparison, rule: ShareRule, k: int, value: float | None) -> Decision:
    """What k misses prove by the rule."""
    verdict = rule.verdict(k)
    leaning = None
    if verdict is Verdict.INCONCLUSIVE:
        leaning = "fail" if rule.point_fails(k) else "pass"
    return Decision(kind, compared, verdict, rule.n, k, value, leaning, rule)


def observe(
    kind: Kind, compared: Comparison, plan: TestPlan, *, missed: bool, n: int, k: int = 0, value: float | None = None
) -> Decision:
    """What was seen, without inference: undecided where it held only until the test was cut short."""
    if plan.interrupted is not None and not missed:
        return Decision(kind, compared, Verdict.INCONCLUSIVE, n, k, value, "pass")
    return Decision(kind, compared, Verdict.FAIL if missed else Verdict.PASS, n, k, value)
