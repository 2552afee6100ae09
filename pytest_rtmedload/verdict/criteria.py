"""The run's criteria: five goals and four limits, each by the rule of all targets.

"Missed by more than 50 %" means that the lower bound of a critical latency target is above 1.5 times its limit: a
point estimate may be that far off by chance.
"""

from __future__ import annotations

import re
from math import inf, isinf
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.results.histogram import Histogram, rank_of
from pytest_rtmedload.results.model import CriterionResult, Kind, Verdict
from pytest_rtmedload.results.plan import PERCENTILES, Evidence
from pytest_rtmedload.text import comparisons
from pytest_rtmedload.text.comparisons import Comparison
from pytest_rtmedload.verdict.evidence import ShareRule
from pytest_rtmedload.verdict.operations import Operations, of_metrics, total
from pytest_rtmedload.verdict.samples import Samples, edge_us, milliseconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pytest_rtmedload.results.model import MetricResult, TargetResult, TestResult

GOAL: Final = "goal"
LIMIT: Final = "limit"
DROPPED_CONNECTIONS: Final = "ws.dropped"
"""Counter of WebSocket connections that were cut after their handshake."""
HANDSHAKE: Final = "ws.handshake"
_REQUEST: Final = re.compile(r"[A-Z]+ /")
_FAR: Final = 1.5


def run_criteria(tests: Sequence[TestResult]) -> list[CriterionResult]:
    """All criteria for which the tests have data, goals first."""
    flows = total(test for test in tests if test.critical and test.group == "flows")
    backend = total(test for test in tests if test.group == "backend")
    criteria = (
        _success("success rate", GOAL, total(tests), 0.95),
        _latency("voice.loop p95", tests, lambda _, metric: metric == "voice.loop", 700),
        _latency("API p95", tests, _is_api_request, 150),
        _latency("ws.handshake p95", tests, lambda _, metric: metric == HANDSHAKE, 150),
        _errors("error rate on critical flows", GOAL, flows, 0.005),
        _success("lowest success rate", LIMIT, total(tests), 0.80),
        _critical_latency(tests),
        _errors("WebSocket connections dropped", LIMIT, _connections(tests), 0.10),
        _errors("backend errors", LIMIT, backend, 0.05),
    )
    return [criterion for criterion in criteria if criterion is not None]


def _success(name: str, kind: str, operations: Operations, least: float) -> CriterionResult | None:
    """At least this share succeeds: the mirror image of at most the rest failing."""
    if not operations.n:
        return None
    rule = ShareRule.independent(operations.n, 1 - least)
    low, high = rule.bounds(operations.errors)
    share = comparisons.percent(1 - operations.errors / operations.n)
    compared = Comparison(name, share, comparisons.percent(least), "%", floor=True)
    bounds = (comparisons.percent(1 - high), comparisons.percent(1 - low))
    return _criterion(kind, compared, bounds, operations.n, rule.verdict(operations.errors))


def _errors(name: str, kind: str, operations: Operations, most: float) -> CriterionResult | None:
    if not operations.n:
        return None
    rule = ShareRule.independent(operations.n, most)
    low, high = rule.bounds(operations.errors)
    compared = Comparison(name, comparisons.percent(operations.errors / operations.n), comparisons.percent(most), "%")
    bounds = (comparisons.percent(low), comparisons.percent(high))
    return _criterion(kind, compared, bounds, operations.n, rule.verdict(operations.errors))


def _latency(
    name: str, tests: Sequence[TestResult], chosen: Callable[[TestResult, str], bool], limit_ms: float
) -> CriterionResult | None:
    """A goal on the P95 of some metrics of all tests, merged; it assumes independent samples."""
    metrics = [
        metric
        for test in tests
        if test.verdict is not Verdict.INVALID and test.evidence != Evidence.NONE
        for named, metric in test.metrics.items()
        if chosen(test, named)
    ]
    samples = _merged(metrics)
    if not samples.n:
        return None
    rank = rank_of(PERCENTILES["p95"], samples.n)
    value = samples.at_rank(rank)
    known = samples.at_least(rank) if value is None else value
    low, high = samples.bounds("p95")
    compared = Comparison(name, known / 1000, limit_ms, "ms", at_least=value is None)
    verdict = samples.rules["p95"].verdict(samples.above(edge_us(limit_ms)))
    bounds = (milliseconds(low), milliseconds(high))
    return _criterion(GOAL, compared, bounds, samples.n, verdict, ", assumes independent samples")


def _merged(metrics: Sequence[MetricResult]) -> Samples:
    """Samples of several tests; of those never answered only the number is known."""
    waited = Histogram()
    censored = sum(metric.censored for metric in metrics)
    if censored:
        waited.record(0, censored)
    return Samples(Histogram.merged(Histogram.decode(metric.histogram) for metric in metrics), waited)


def _is_api_request(test: TestResult, metric: str) -> bool:
    return test.group == "api" and _REQUEST.match(metric) is not None


def _connections(tests: Sequence[TestResult]) -> Operations:
    """Connections tried, and those refused or cut."""
    tried = of_metrics(test.metrics[HANDSHAKE] for test in tests if HANDSHAKE in test.metrics)
    dropped = sum(test.counts.get(DROPPED_CONNECTIONS, 0) for test in tests)
    return Operations(max(tried.n, dropped), min(tried.errors + dropped, max(tried.n, dropped)))


def _critical_latency(tests: Sequence[TestResult]) -> CriterionResult | None:
    """No critical latency target is missed by more than 50 %."""
    judged = [
        (_times_limit(test, target), test.nodeid.rpartition("::")[2], target)
        for test, target in _critical_targets(tests)
    ]
    if not judged:
        return None
    (low, _, value), nodeid, target = max(judged, key=lambda item: item[0][0])
    everywhere = max(highest for (_, highest, _), _, _ in judged)
    verdict = Verdict.FAIL if low > _FAR else Verdict.PASS if everywhere <= _FAR else Verdict.INCONCLUSIVE
    worst = f"{target.metric} {target.name} of {nodeid}"
    shown = "never answered" if isinf(low) else f"at least {comparisons.number(low, _FAR)} times its limit"
    text = f"critical latency: {worst} {shown} (at most {_FAR} times, worst of {len(judged)}) {verdict.value}"
    return CriterionResult("critical latency", LIMIT, value, _FAR, "times the limit", len(judged), verdict, text)


def _critical_targets(tests: Sequence[TestResult]) -> Iterator[tuple[TestResult, TargetResult]]:
    for test in tests:
        if test.critical and test.verdict is not Verdict.INVALID:
            for target in test.targets:
                if target.kind is Kind.LATENCY and target.n:
                    yield test, target


def _times_limit(test: TestResult, target: TargetResult) -> tuple[float, float, float | None]:
    """Lower bound, upper bound and value in multiples of the limit; unknown bounds are as wide as they can be."""
    low, high = target.bounds or (None, None)
    value = None if target.value is None else target.value / target.limit
    if low is not None:
        lowest = low / target.limit
    else:  # a proved FAIL without a lower bound: even that many samples were never answered
        proved = target.verdict is Verdict.FAIL and test.evidence != Evidence.POINT
        lowest = inf if proved else 0.0
    return lowest, inf if high is None else high / target.limit, value


def _criterion(
    kind: str, compared: Comparison, bounds: comparisons.Bounds, n: int, verdict: Verdict, assumed: str = ""
) -> CriterionResult:
    text = f"{compared} ({comparisons.bounds_text(bounds, *compared.marks)}, n = {n}{assumed}) {verdict.value}"
    value = None if compared.at_least else compared.value
    return CriterionResult(compared.subject, kind, value, compared.limit, compared.unit, n, verdict, text)
