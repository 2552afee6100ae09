"""What k misses among n samples prove about a limit on the share of misses: nothing, or PASS, or FAIL.

PASS when the one-sided 95 % Clopper-Pearson upper bound of the share is at most what is allowed, FAIL when the lower
bound is above it, else INCONCLUSIVE. A limit on a percentile, `p ≤ T`, is a limit of 1 − p on the share of samples
above T, so the same rule gives bounds for the percentile: order statistics whose *ranks* are the exact dual of the
verdict (PASS ⇔ upper bound ≤ T, FAIL ⇔ lower bound > T).

Samples that come in clusters (turns of a call, requests of one second) are worth fewer: the rule then counts
n* effective ones. n* is a property of the samples and not of T, otherwise no pair of bounds could be dual to it.

Sources: Clopper and Pearson, Biometrika 26 (1934); Korn and Graubard, Survey Methodology 24 (1998), for n*; Woodruff,
JASA 47 (1952), for bounds of a percentile from the clustering at the percentile itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.results.model import Verdict
from pytest_rtmedload.verdict.distributions import beta_cdf, beta_quantile, student_t_quantile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ALPHA: Final = 0.05
"""Probability, on each side, of a PASS or a FAIL that the agent does not deserve when it sits exactly at the limit."""
MIN_CLUSTERS: Final = 20
"""Fewer clusters say too little about how alike their samples are."""
MOST_SAMPLES: Final = 10_000_000
"""A verdict that would need more samples than this is called too close to the limit."""
_CANTELLI: Final = 1 / ALPHA - 1 + 0.1
"""λ² of Cantelli's inequality from which a tail is below `ALPHA`, and a little, as sums of floats are not exact."""
_FLOAT_SLACK: Final = 1e-9
_ROUNDING: Final = 1e-12
"""One miss of one sample has a lower bound of exactly 5 %: not above 5 %, whatever the last digit says."""


def upper_bound(k: float, n: float) -> float:
    """Clopper-Pearson one-sided 95 % upper bound of a share, from k of n; neither needs to be whole."""
    return beta_quantile(1 - ALPHA, k + 1, n - k) if k < n else 1.0


def lower_bound(k: float, n: float) -> float:
    """Clopper-Pearson one-sided 95 % lower bound of a share, from k of n; neither needs to be whole."""
    return beta_quantile(ALPHA, k, n - k + 1) if k > 0 else 0.0


def effective_size(clusters: Sequence[tuple[int, int]]) -> float:
    """How many independent samples the samples of some clusters are worth (Korn and Graubard).

    n* = min(n, n/deff · (t_{n−1}/t_{C−1})²) at 0.95, with deff = max(1, v·n/(p̂(1−p̂))) and
    v = C/(C−1) · Σ(k_c − p̂·m_c)²/n². Without a miss, or without anything else, clustering cannot be seen: n* = C.

    Args:
        clusters: (k_c, m_c), the misses and the samples of each cluster; all m_c above 0.
    """
    count = len(clusters)
    n = sum(m for _, m in clusters)
    k = sum(k for k, _ in clusters)
    if count < 2 or k in (0, n):
        return float(count)
    share = k / n
    squares = sum(kc * kc for kc, _ in clusters) - 2 * share * sum(kc * mc for kc, mc in clusters)
    squares += share * share * sum(mc * mc for _, mc in clusters)
    variance = count / (count - 1) * squares / n**2
    design_effect = max(1.0, variance * n / (share * (1 - share)))
    few_clusters = _t_quantile(n - 1) / _t_quantile(count - 1)
    return min(float(n), n / design_effect * few_clusters**2)


@lru_cache(maxsize=1024)
def _t_quantile(degrees: int) -> float:
    """Student's t at 0.95, kept: all percentiles of a metric ask for the same two."""
    return student_t_quantile(1 - ALPHA, degrees)


@dataclass(frozen=True, slots=True)
class ShareRule:
    """Judges `share of misses ≤ allowed` from n samples that are worth `effective` independent ones."""

    n: int
    allowed: float
    """A fraction above 0; 1 − p for a limit on percentile p."""
    effective: float
    clusters: int | None = None
    """How many calls the samples are from; None: clusters do not limit what can be proved."""

    @classmethod
    def independent(cls, n: int, allowed: float) -> ShareRule:
        """The rule for samples that have nothing to do with each other."""
        return cls(n, allowed, float(n))

    def passes(self, k: float) -> bool:
        """True when the upper bound of the share is at most what is allowed."""
        if self.allowed >= 1:
            return True
        if self.clusters is not None and self.clusters < MIN_CLUSTERS:
            return False
        worth = self.effective / self.n
        return k < self.n and beta_cdf(1 - self.allowed, (self.n - k) * worth, k * worth + 1) <= ALPHA + _ROUNDING

    def fails(self, k: float) -> bool:
        """True when the lower bound of the share is above what is allowed."""
        if self.allowed >= 1:
            return False
        worth = self.effective / self.n
        return k > 0 and beta_cdf(self.allowed, k * worth, (self.n - k) * worth + 1) < ALPHA - _ROUNDING

    def point_fails(self, k: int) -> bool:
        """True when the share itself is above what is allowed; for a percentile: when its nearest rank is above T."""
        return k > self._most_allowed()

    def verdict(self, k: int) -> Verdict:
        """What k misses prove."""
        if self._far_from_limit(k):
            return Verdict.FAIL if k > self.allowed * self.n else Verdict.PASS
        if self.passes(k):
            return Verdict.PASS
        return Verdict.FAIL if self.fails(k) else Verdict.INCONCLUSIVE

    def bounds(self, k: int) -> tuple[float, float]:
        """One-sided 95 % bounds of the share: (lower, upper)."""
        worth = self.effective / self.n
        return lower_bound(k * worth, self.effective), upper_bound(k * worth, self.effective)

    def bound_ranks(self) -> tuple[int | None, int | None]:
        """Ranks (1-based, ascending) of the samples that bound the percentile; None where no sample does."""
        split = self._most_allowed()
        deviation = self.n * math.sqrt(max(self.allowed * (1 - self.allowed), 0.0) / self.effective)
        width = round(1.645 * deviation)  # where the normal approximation expects both
        passing = _last(self.passes, 0, split, split - width)
        failing = _first(self.fails, split + 1, self.n, split + width)
        return (
            None if failing is None else self.n - failing + 1,
            None if passing is None else self.n - passing,
        )

    def needed(self, k: int) -> int | None:
        """Samples still missing before there is a verdict, if misses stay as frequent as they are.

        The smallest n' > n at which k·n'/n misses PASS or FAIL, less n. 0 when there is a verdict already, None when
        it would take more than `MOST_SAMPLES`.
        """
        if self.verdict(k) is not Verdict.INCONCLUSIVE:
            return 0

        def decides(n: int) -> bool:
            clusters = None if self.clusters is None else self.clusters * n // self.n
            grown = ShareRule(n, self.allowed, n * self.effective / self.n, clusters)
            misses = k * n / self.n
            return grown.fails(misses) if leans_to_fail else grown.passes(misses)

        leans_to_fail = self.point_fails(k)
        found = _first(decides, self.n + 1, MOST_SAMPLES, 2 * self.n)
        return None if found is None else found - self.n

    def _far_from_limit(self, k: int) -> bool:
        """True when Cantelli's inequality decides: it spares most questions of the live view the exact rule.

        P(X ≥ np + λσ) ≤ 1/(1 + λ²), and the same below, for a binomial X; with λ² > 19 that is less than 5 %. It
        speaks of independent samples only.
        """
        if self.clusters is not None or self.effective != self.n or self.allowed >= 1:
            return False
        return (k - self.allowed * self.n) ** 2 > _CANTELLI * self.n * self.allowed * (1 - self.allowed)

    def _most_allowed(self) -> int:
        return min(self.n, math.floor(self.allowed * self.n + _FLOAT_SLACK))


def _first(holds: Callable[[int], bool], low: int, high: int, guess: int) -> int | None:
    """Smallest number of low … high for which `holds`, where it goes from False to True once; None when it never does.

    Searches outwards from the guess with growing steps, then by halves.
    """
    below, above = low - 1, high + 1  # known to be False, known to be True
    at, step = min(max(guess, low), high), 1
    while below < above - 1:
        if holds(at):
            above = at
            following = at - step
        else:
            below = at
            following = at + step
        at = following if below < following < above else (below + above) // 2
        step *= 2
    return above if above <= high else None


def _last(holds: Callable[[int], bool], low: int, high: int, guess: int) -> int | None:
    """Largest number of low … high for which `holds`, where it goes from True to False once."""
    first_false = _first(lambda at: not holds(at), low, high, guess)
    last = high if first_false is None else first_false - 1
    return last if last >= low else None
