"""The run's criteria, each by the rule of all targets.

A default criterion yields to looser limits of the tests themselves: samples of a test with such a limit on the same
percentile of the same metric are judged by it, and the line says so. A criterion that the project sets applies
as it is written. If nothing was measured for such a criterion, it does not pass: it is INCONCLUSIVE, or FAIL if the
command line sets it.

"Missed by more than 50 %" means that the lower bound of a critical latency target is above 1.5 times its limit: a
point estimate may be that far off by chance.
"""

from __future__ import annotations

import re
from math import inf, isinf
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_rtmedload.results.histogram import Histogram, rank_of
from pytest_rtmedload.results.model import CriterionResult, Kind, Verdict
from pytest_rtmedload.results.names import ITERATION
from pytest_rtmedload.results.plan import PERCENTILES, Evidence
from pytest_rtmedload.spec.criteria import DEFAULT_CRITERIA, GOAL, REQUESTS, Measure
from pytest_rtmedload.text import comparisons
from pytest_rtmedload.text.comparisons import Comparison
from pytest_rtmedload.verdict.evidence import ShareRule
from pytest_rtmedload.verdict.operations import Operations, of_metrics, total
from pytest_rtmedload.verdict.samples import Samples, edge_us, milliseconds
from pytest_rtmedload.verdict.unjudged import unjudged_criterion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pytest_rtmedload.results.model import MetricResult, TargetResult, TestResult
    from pytest_rtmedload.spec.criteria import Criterion

DROPPED_CONNECTIONS: Final = "ws.dropped"
"""Counter of WebSocket connections that were cut after their handshake."""
HANDSHAKE: Final = "ws.handshake"
_REQUEST: Final = re.compile(r"[A-Z]+ /")
_SHOWN: Final = 2
"""Most tests named in the line of a criterion."""


def run_criteria(
    tests: Sequence[TestResult], criteria: Iterable[Criterion] = DEFAULT_CRITERIA
) -> list[CriterionResult]:
    """All criteria for which the tests have data, and those that the project sets; goals first."""
    results = [_judged(criterion, tests) for criterion in sorted(criteria, key=lambda each: each.kind != GOAL)]
    return [result for result in results if result is not None]


def _judged(criterion: Criterion, tests: Sequence[TestResult]) -> CriterionResult | None:
    subject = criterion.subject
    scope = [test for test in tests if (not subject.critical or test.critical) and subject.group in ("", test.group)]
    result = _JUDGES[subject.measure](criterion, scope)
    return result if result is not None or not criterion.source else unjudged_criterion(criterion, tests)


def _success(criterion: Criterion, tests: Sequence[TestResult]) -> CriterionResult | None:
    """A lower limit on successes, judged as an upper limit on failures."""
    operations = total(tests)
    if not operations.n:
        return None
    rule = ShareRule.independent(operations.n, 1 - criterion.limit)
    low, high = rule.bounds(operations.errors)
    share = comparisons.percent(1 - operations.errors / operations.n)
    compared = Comparison(criterion.name, share, comparisons.percent(criterion.limit), "%", floor=True)
    bounds = (comparisons.percent(1 - high), comparisons.percent(1 - low))
    return _result(criterion, compared, bounds, operations.n, _of_share(rule, operations.errors))


def _errors(criterion: Criterion, tests: Sequence[TestResult]) -> CriterionResult | None:
    metric = criterion.subject.metric
    operations = of_metrics(found for _, _, found in _measured(metric, tests)) if metric else total(tests)
    return _failed_share(criterion, operations)


def _dropped(criterion: Criterion, tests: Sequence[TestResult]) -> CriterionResult | None:
    return _failed_share(criterion, _connections(tests))


def _failed_share(criterion: Criterion, operations: Operations) -> CriterionResult | None:
    if not operations.n:
        return None
    rule = ShareRule.independent(operations.n, criterion.limit)
    low, high = rule.bounds(operations.errors)
    share, most = comparisons.percent(operations.errors / operations.n), comparisons.percent(criterion.limit)
    compared = Comparison(criterion.name, share, most, "%")
    bounds = (comparisons.percent(low), comparisons.percent(high))
    return _result(criterion, compared, bounds, operations.n, _of_share(rule, operations.errors))


def _of_share(rule: ShareRule, errors: int) -> Verdict:
    """By evidence; a limit of 0, which no number of operations proves, as observed."""
    if rule.allowed <= 0:
        return Verdict.FAIL if errors else Verdict.PASS
    return rule.verdict(errors)


class _Part(NamedTuple):
    """Samples of one metric of one test, and the limit they are judged by."""

    test: TestResult
    metric: MetricResult
    limit_ms: float


def _latency(criterion: Criterion, tests: Sequence[TestResult]) -> CriterionResult | None:
    """A percentile of some metrics of all tests, merged; it assumes independent samples."""
    parts = [
        _Part(test, metric, _limit_of(criterion, test, named))
        for test, named, metric in _measured(criterion.subject.metric, tests)
        if test.verdict is not Verdict.INVALID and test.evidence != Evidence.NONE and metric.count + metric.censored
    ]
    if not parts:
        return None
    limits = sorted({part.limit_ms for part in parts})
    return _by_one_limit(criterion, parts, *limits) if len(limits) == 1 else _by_own_limits(criterion, parts)


def _limit_of(criterion: Criterion, test: TestResult, metric: str) -> float:
    """The limit for a metric of a test: a default criterion yields to the test's own limit, if that is looser.

    A stricter one is for the test's own verdict. If a test makes one kind of request, its limit on iterations applies
    to that request.
    """
    if criterion.source:
        return criterion.limit
    own = {target.metric: target.limit for target in test.targets if target.name == criterion.subject.statistic}
    alone = criterion.subject.metric == REQUESTS and len(list(_measured(REQUESTS, [test]))) == 1
    stated = own.get(metric, own.get(ITERATION, criterion.limit) if alone else criterion.limit)
    return max(stated, criterion.limit)


def _by_one_limit(criterion: Criterion, parts: Sequence[_Part], limit_ms: float) -> CriterionResult:
    samples, name = _merged([part.metric for part in parts]), criterion.subject.statistic
    rank = rank_of(PERCENTILES[name], samples.n)
    value = samples.at_rank(rank)
    known = samples.at_least(rank) if value is None else value
    low, high = samples.bounds(name)
    compared = Comparison(criterion.name, known / 1000, limit_ms, "ms", at_least=value is None)
    verdict = samples.rules[name].verdict(samples.above(edge_us(limit_ms)))
    basis = ", assumes independent samples"
    if limit_ms != criterion.limit:
        basis += f"; the limit is that of {_named(parts)}, by default it is {comparisons.exact(criterion.limit)} ms"
    return _result(criterion, compared, (milliseconds(low), milliseconds(high)), samples.n, verdict, basis)


def _by_own_limits(criterion: Criterion, parts: Sequence[_Part]) -> CriterionResult:
    """Tests with different limits: the share of samples above the limit of their test."""
    each = [(_merged([part.metric]), part) for part in parts]
    n = sum(samples.n for samples, _ in each)
    above = sum(samples.above(edge_us(part.limit_ms)) for samples, part in each)
    rule = ShareRule.independent(n, 1 - PERCENTILES[criterion.subject.statistic])
    low, high = rule.bounds(above)
    own = [part for part in parts if part.limit_ms != criterion.limit]
    default = "" if len(own) == len(parts) else f"{comparisons.exact(criterion.limit)} ms, "
    stated = ", ".join(f"{comparisons.exact(limit)} ms" for limit in sorted({part.limit_ms for part in own}))
    subject = f"{criterion.name}: samples above their limit ({default}{stated} stated by {_named(own)})"
    compared = Comparison(subject, comparisons.percent(above / n), comparisons.percent(rule.allowed), "%")
    bounds = (comparisons.percent(low), comparisons.percent(high))
    return _result(criterion, compared, bounds, n, rule.verdict(above), ", assumes independent samples")


def _named(parts: Sequence[_Part]) -> str:
    names = list(dict.fromkeys(part.test.nodeid.rpartition("::")[2] for part in parts))
    more = [f"{len(names) - _SHOWN} more"] if len(names) > _SHOWN else []
    return " and ".join([", ".join(names[:_SHOWN]), *more]) if more else " and ".join(names)


def _value(criterion: Criterion, tests: Sequence[TestResult]) -> CriterionResult | None:
    """The mean, the largest or the smallest of a value that is not a time; compared as observed."""
    subject = criterion.subject
    found = [test.values[subject.metric] for test in tests if subject.metric in test.values]
    n = sum(value.count for value in found)
    if not n:
        return None
    means = sum((value.mean or 0.0) * value.count for value in found)
    highest = max(value.max for value in found if value.max is not None)
    lowest = min(value.min for value in found if value.min is not None)
    value = {"mean": means / n, "max": highest, "min": lowest}[subject.statistic.partition("_")[0]]
    missed = value < criterion.limit if subject.floor else value > criterion.limit
    verdict = Verdict.FAIL if missed else Verdict.PASS
    compared = Comparison(criterion.name, value, criterion.limit, found[0].unit, floor=subject.floor)
    text = f"{compared} (observed, n = {n}) {verdict.value}"
    return CriterionResult(criterion.name, criterion.kind, value, criterion.limit, found[0].unit, n, verdict, text)


def _measured(metric: str, tests: Iterable[TestResult]) -> Iterator[tuple[TestResult, str, MetricResult]]:
    """A metric of these tests by name, or their HTTP requests."""
    for test in tests:
        for named, found in test.metrics.items():
            if named == metric or (metric == REQUESTS and _REQUEST.match(named)):
                yield test, named, found


def _merged(metrics: Sequence[MetricResult]) -> Samples:
    """Samples of several tests; of those never answered only the number is known."""
    waited = Histogram()
    censored = sum(metric.censored for metric in metrics)
    if censored:
        waited.record(0, censored)
    return Samples(Histogram.merged(Histogram.decode(metric.histogram) for metric in metrics), waited)


def _connections(tests: Sequence[TestResult]) -> Operations:
    """Connections tried, and those refused or cut."""
    tried = of_metrics(test.metrics[HANDSHAKE] for test in tests if HANDSHAKE in test.metrics)
    dropped = sum(test.counts.get(DROPPED_CONNECTIONS, 0) for test in tests)
    return Operations(max(tried.n, dropped), min(tried.errors + dropped, max(tried.n, dropped)))


def _over_limit(criterion: Criterion, tests: Sequence[TestResult]) -> CriterionResult | None:
    """No latency target of these tests is missed by more than this factor."""
    most = criterion.limit
    judged = [
        (_times_limit(test, target), test.nodeid.rpartition("::")[2], target)
        for test, target in _latency_targets(tests)
    ]
    if not judged:
        return None
    (low, _, value), nodeid, target = max(judged, key=lambda item: item[0][0])
    everywhere = max(highest for (_, highest, _), _, _ in judged)
    verdict = Verdict.FAIL if low > most else Verdict.PASS if everywhere <= most else Verdict.INCONCLUSIVE
    worst = f"{target.metric} {target.name} of {nodeid}"
    shown = "never answered" if isinf(low) else f"at least {comparisons.number(low, most)} times its limit"
    limit = f"at most {comparisons.exact(most)} times, worst of {len(judged)}"
    text = f"{criterion.name}: {worst} {shown} ({limit}) {verdict.value}"
    unit = "times the limit"
    return CriterionResult(criterion.name, criterion.kind, value, most, unit, len(judged), verdict, text)


def _latency_targets(tests: Sequence[TestResult]) -> Iterator[tuple[TestResult, TargetResult]]:
    for test in tests:
        if test.verdict is not Verdict.INVALID:
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


def _result(
    criterion: Criterion, compared: Comparison, bounds: comparisons.Bounds, n: int, verdict: Verdict, assumed: str = ""
) -> CriterionResult:
    text = f"{compared} ({comparisons.bounds_text(bounds, *compared.marks)}, n = {n}{assumed}) {verdict.value}"
    value = None if compared.at_least else compared.value
    return CriterionResult(criterion.name, criterion.kind, value, compared.limit, compared.unit, n, verdict, text)


_JUDGES: Final[dict[Measure, Callable[[Criterion, Sequence[TestResult]], CriterionResult | None]]] = {
    Measure.PERCENTILE: _latency,
    Measure.VALUE: _value,
    Measure.ERRORS: _errors,
    Measure.SUCCESS: _success,
    Measure.DROPPED: _dropped,
    Measure.OVER_LIMIT: _over_limit,
}
