"""How the targets of a load test stand while it is under way.

The rule of the verdict on the samples there are, taken as independent: which of them depend on each other takes long
to find out, and changes only how soon something is clear. Turns of a call are known to depend, so calls are counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_rtmedload.live.aggregate import Sums
from pytest_rtmedload.live.progress import TargetSoFar
from pytest_rtmedload.results.histogram import rank_of
from pytest_rtmedload.results.model import Verdict
from pytest_rtmedload.results.names import ITERATION, wholes
from pytest_rtmedload.results.plan import PERCENTILES, VALUE_LIMITS, Evidence
from pytest_rtmedload.spec.target_syntax import override
from pytest_rtmedload.text.comparisons import Comparison, percent
from pytest_rtmedload.verdict.evidence import ShareRule
from pytest_rtmedload.verdict.samples import edge_us
from pytest_rtmedload.verdict.shares import Share

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_rtmedload.live.aggregate import Tally
    from pytest_rtmedload.live.progress import Standing
    from pytest_rtmedload.results.plan import Target
    from pytest_rtmedload.results.recording import ValueStats
    from pytest_rtmedload.spec.load_spec import LoadSpec

_STANDINGS: Final[Mapping[Verdict, Standing]] = {Verdict.PASS: "met", Verdict.FAIL: "missed"}
_CLEAR: Final = 6.0
"""So many standard deviations from the limit there is no need for the exact rule, which draws its line at two."""
_ORDER: Final[Mapping[Standing | None, int]] = {"missed": 0, "open": 1, None: 2, "met": 3}


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
    found = [
        (target.default, _stands(target, spec, tally, measured_s))
        for target in override(spec.targets, table, tally.metrics)
        if spec.evidence is not Evidence.NONE or target.name == "errors"
    ]
    found.sort(key=lambda pair: (_ORDER[pair[1].standing], pair[0]))  # what nobody asked for comes last
    return tuple(target for _, target in found)


def _stands(target: Target, spec: LoadSpec, tally: Tally, measured_s: float) -> TargetSoFar:
    if target.name == "errors":
        return _errors(target, spec, tally)
    if target.name == "min_rate":
        return _rate(target, tally, measured_s)
    metric = target.metric or spec.metric
    sums, stats = tally.metrics.get(metric), tally.values.get(metric)
    if target.name in VALUE_LIMITS and sums is None and stats is not None and stats.count:
        return _value(target, stats)
    subject = f"{metric} {target.name.partition('_')[0]}"
    if sums is None or not sums.n:
        unit = "" if "_" in target.name else "ms"
        return TargetSoFar(Comparison(subject, 0, target.limit, unit, floor="min" in target.name).wanted, None)
    if target.name in PERCENTILES:
        return _percentile(target, spec, subject, sums)
    return _maximum(target, subject, sums)


def _percentile(target: Target, spec: LoadSpec, subject: str, sums: Sums) -> TargetSoFar:
    fraction = PERCENTILES[target.name]
    value = sums.ok.at_rank(rank_of(fraction, sums.n))
    known = max(sums.ok.max_us, sums.waited.min_us) if value is None else value  # answers are sooner than no answer
    rule = ShareRule(sums.n, 1 - fraction, float(sums.n), len(sums.calls) or None)
    k = sums.ok.above(edge_us(target.limit)) + sums.waited.count
    compared = Comparison(subject, known / 1000, target.limit, "ms", at_least=value is None)
    return TargetSoFar(str(compared), _by(rule, k, spec), sums.n)


def _maximum(target: Target, subject: str, sums: Sums) -> TargetSoFar:
    unknown = sums.waited.count > 0
    slowest = max(sums.ok.max_us, sums.waited.max_us) / 1000
    compared = Comparison(subject, slowest, target.limit, "ms", at_least=unknown)
    return TargetSoFar(str(compared), _seen(missed=unknown or slowest > target.limit), sums.n)


def _value(target: Target, stats: ValueStats) -> TargetSoFar:
    what, _, side = target.name.partition("_")
    floor = "min" in (what, side)
    value = {"mean": stats.total / stats.count, "max": stats.maximum, "min": stats.minimum}[what]
    missed = value < target.limit if floor else value > target.limit
    compared = Comparison(f"{target.metric} {what}", value, target.limit, stats.unit, floor=floor)
    return TargetSoFar(str(compared), _seen(missed=missed), stats.count)


def _rate(target: Target, tally: Tally, measured_s: float) -> TargetSoFar:
    count = tally.metrics.get(target.metric or ITERATION, Sums()).ok.count
    rate = count / measured_s if measured_s > 0 else 0.0
    compared = Comparison(f"{target.metric} rate".lstrip(), rate, target.limit, "/s", floor=True)
    if not count:
        return TargetSoFar(compared.wanted, None)
    return TargetSoFar(str(compared), _seen(missed=rate < target.limit), count)


def _errors(target: Target, spec: LoadSpec, tally: Tally) -> TargetSoFar:
    share = max(_shares(target, tally), key=lambda share: share.k / share.n, default=None)
    limit = percent(target.limit)
    if share is None:
        return TargetSoFar(Comparison(f"errors of {target.metric or 'operations'}", 0, limit, "%").wanted, None)
    compared = Comparison(f"errors of {share.of}", percent(share.k / share.n), limit, "%")
    if not target.limit:
        return TargetSoFar(str(compared), _seen(missed=share.k > 0), share.n)
    return TargetSoFar(str(compared), _by(ShareRule.independent(share.n, target.limit), share.k, spec), share.n)


def _shares(target: Target, tally: Tally) -> list[Share]:
    """The shares of errors that count: iterations, too, where some failed for reasons of their own."""
    if target.metric not in ("", ITERATION):
        shares = [_share(target.metric, [target.metric], tally)]
    else:
        of, k, n = _share("iterations", [ITERATION], tally)
        iterations = Share(of, k, n + tally.metrics.get(ITERATION, Sums()).aborted)
        operations = Share("operations", 0, 0) if target.metric else _share("operations", wholes(tally.metrics), tally)
        shares = [operations, *([iterations] if iterations.k or not operations.n else [])]
    return [share for share in shares if share.n]


def _share(of: str, metrics: list[str], tally: Tally) -> Share:
    sums = [tally.metrics[metric] for metric in metrics if metric in tally.metrics]
    k = sum(one.failed + one.waited.count for one in sums)
    return Share(of, k, k + sum(one.ok.count for one in sums))


def _by(rule: ShareRule, k: int, spec: LoadSpec) -> Standing:
    if spec.evidence is Evidence.POINT:
        return _seen(missed=rule.point_fails(k))
    far = k - rule.allowed * rule.n
    if rule.clusters is None and far**2 > _CLEAR**2 * rule.n * rule.allowed:
        return _seen(missed=far > 0)
    return _STANDINGS.get(rule.verdict(k), "open")


def _seen(*, missed: bool) -> Standing:
    return "missed" if missed else "met"
