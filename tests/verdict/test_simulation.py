"""Error rates of the verdict for an agent exactly at its limit: how often PASS or FAIL is said without a right to it.

Each side may err in 5 % of the runs, whatever the agent is like. `pytest tests/verdict/test_simulation.py -s` prints
the rates. Correlated samples come from a Gaussian copula with the given intraclass correlation.
"""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pytest_rtmedload.results.histogram import Histogram
from pytest_rtmedload.results.model import Verdict
from pytest_rtmedload.results.plan import PERCENTILES
from pytest_rtmedload.verdict.evidence import ALPHA, ShareRule, effective_size
from pytest_rtmedload.verdict.samples import Cluster, Samples

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

SEED = 20240607
RUNS = 240
MEDIAN_US, SPREAD = 100_000, 0.5


def worst_rate(runs: int) -> float:
    """5 % and three standard errors of the simulation."""
    return float(ALPHA + 3 * np.sqrt(ALPHA * (1 - ALPHA) / runs))


def rates(verdicts: Iterable[Verdict]) -> tuple[float, float]:
    """Shares of wrong PASSes and wrong FAILs."""
    seen = list(verdicts)
    return seen.count(Verdict.PASS) / len(seen), seen.count(Verdict.FAIL) / len(seen)


def normals(draw: np.random.Generator, clusters: int, size: int, correlation: float) -> NDArray[np.float64]:
    """One row per cluster."""
    common, own = draw.normal(size=(clusters, 1)), draw.normal(size=(clusters, size))
    return np.asarray(np.sqrt(correlation) * common + np.sqrt(1 - correlation) * own)


def samples_of(rows: NDArray[np.float64]) -> Samples:
    """Log-normal latencies in clusters, as a recording would have them."""
    clusters, whole = [], Histogram()
    for row in (MEDIAN_US * np.exp(SPREAD * rows)).astype(int).tolist():
        part = Histogram()
        for us in row:
            part.record(us)
        whole.merge(part)
        clusters.append(Cluster([part], 0))
    return Samples(whole, Histogram(), clusters)


@pytest.mark.parametrize("name", ["p50", "p95", "p99"])
@pytest.mark.parametrize("n", [1, 3, 5, 20, 60, 300, 5000])
def test_independent_samples(name: str, n: int) -> None:
    allowed, runs = 1 - PERCENTILES[name], 4000
    rule = ShareRule.independent(n, allowed)
    misses, times = np.unique(np.random.default_rng(SEED).binomial(n, allowed, runs), return_counts=True)
    verdicts = [rule.verdict(k) for k in misses.tolist()]
    passed, failed = (
        sum(times[i] for i, verdict in enumerate(verdicts) if verdict is wrong) / runs
        for wrong in (Verdict.PASS, Verdict.FAIL)
    )
    print(f"\nindependent {name} n = {n}: wrong PASS {passed:.1%}, wrong FAIL {failed:.1%}", end="")
    assert max(passed, failed) <= worst_rate(runs)


@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.6])
@pytest.mark.parametrize(("name", "clusters", "size"), [("p95", 20, 10), ("p90", 30, 8), ("p95", 60, 5)])
def test_correlated_samples(name: str, clusters: int, size: int, correlation: float) -> None:
    draw = np.random.default_rng(SEED)
    limit = NormalDist().inv_cdf(PERCENTILES[name])
    limit_us = int(MEDIAN_US * np.exp(SPREAD * limit))
    judged, naive = [], []
    for _ in range(RUNS):
        samples = samples_of(normals(draw, clusters, size, correlation))
        k = samples.above(limit_us)
        judged.append(samples.rules[name].verdict(k))
        naive.append(ShareRule.independent(samples.n, 1 - PERCENTILES[name]).verdict(k))
    passed, failed = rates(judged)
    alone = "as independent: {:.1%}, {:.1%}".format(*rates(naive))
    print(
        f"\n{clusters} clusters of {size}, correlation {correlation}, {name}: "
        f"wrong PASS {passed:.1%}, wrong FAIL {failed:.1%} ({alone})",
        end="",
    )
    assert max(passed, failed) <= worst_rate(RUNS)


def test_where_clustering_is_measured() -> None:
    """Few large clusters, the hardest case: at the limit, at the percentile, and at the percentile and beyond."""
    clusters, size, correlation, allowed, runs = 20, 50, 0.6, 0.05, 600
    draw, limit, n = np.random.default_rng(SEED), NormalDist().inv_cdf(0.95), 20 * 50
    verdicts: dict[str, list[Verdict]] = {
        "at the limit": [],
        "at the percentile": [],
        "there and at twice its share": [],
    }
    for _ in range(runs):
        rows = normals(draw, clusters, size, correlation)
        ordered, k = np.sort(rows.ravel()), int((rows > limit).sum())
        sizes = [
            effective_size([(int(c), size) for c in (rows > cut).sum(axis=1)])
            for cut in (limit, ordered[n - 51], ordered[n - 101])
        ]
        for where, worth in zip(verdicts, (sizes[0], sizes[1], min(sizes[1:])), strict=True):
            verdicts[where].append(ShareRule(n, allowed, worth).verdict(k))
    wrong = {where: rates(seen) for where, seen in verdicts.items()}
    for where, (passed, failed) in wrong.items():
        print(f"\nclustering measured {where}: wrong PASS {passed:.1%}, wrong FAIL {failed:.1%}", end="")
    assert max(wrong["there and at twice its share"]) <= worst_rate(runs)
    assert wrong["at the limit"][0] > 2 * ALPHA
