"""What was found about one target, and how it becomes a result.

An observation that held until a test was cut short has not held for the test: it is undecided.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_rtmedload.results.model import Kind, TargetResult, Verdict
from pytest_rtmedload.text import comparisons

if TYPE_CHECKING:
    from pytest_rtmedload.results.plan import Target
    from pytest_rtmedload.text.comparisons import Comparison
    from pytest_rtmedload.verdict.evidence import ShareRule
    from pytest_rtmedload.verdict.samples import Measured


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict on a target and what it rests on; `outlook` is the end of its line."""

    verdict: Verdict
    outlook: str = ""
    leaning: str | None = None
    needed: int | None = None
    needed_s: float | None = None
    value: float | None = None
    n: int = 0
    k: int = 0
    bounds: tuple[float | None, float | None] | None = None


def inferred(rule: ShareRule, k: int, measured: Measured) -> Finding:
    """What k misses prove by the rule."""
    verdict = rule.verdict(k)
    if verdict is not Verdict.INCONCLUSIVE:
        return Finding(verdict, n=rule.n, k=k)
    leaning = "fail" if rule.point_fails(k) else "pass"
    needed, rate = rule.needed(k), measured.rate(rule.n)
    seconds = needed / rate if needed is not None and rate else None
    return Finding(verdict, comparisons.outlook(leaning, needed, seconds), leaning, needed, seconds, n=rule.n, k=k)


def observed(measured: Measured, *, missed: bool, n: int, k: int = 0, value: float | None = None) -> Finding:
    """What was seen, without inference."""
    if measured.plan.interrupted is not None and not missed:
        verdict, outlook, leaning = Verdict.INCONCLUSIVE, ", leaning pass: the test was cut short", "pass"
        return Finding(verdict, outlook, leaning, n=n, k=k, value=value)
    return Finding(Verdict.FAIL if missed else Verdict.PASS, n=n, k=k, value=value)


def result(
    target: Target, found: Finding, kind: Kind, compared: Comparison, basis: str, *, assumed: str = ""
) -> TargetResult:
    """The result with its line.

    Args:
        target: the limit.
        found: what was found.
        kind: what the target limits.
        compared: value against limit, as printed.
        basis: what the verdict rests on, such as `95 % bounds 11.8-13`.
        assumed: what else a reader must know, after n.
    """
    details = ", ".join(part for part in (basis, f"n = {found.n}", assumed) if part)
    text = f"{compared} ({details}) {found.verdict.value}{found.outlook}"
    return _result(target, found, kind, compared.unit, text)


def without_samples(target: Target, kind: Kind, compared: Comparison, verdict: Verdict, why: str) -> TargetResult:
    """The result for a target there is nothing to say about but why."""
    return _result(target, Finding(verdict), kind, compared.unit, f"{compared.wanted}: {why} {verdict.value}")


def _result(target: Target, found: Finding, kind: Kind, unit: str, text: str) -> TargetResult:
    return TargetResult(
        metric=target.metric,
        name=target.name,
        kind=kind,
        unit=unit,
        limit=target.limit,
        value=found.value,
        bounds=found.bounds,
        n=found.n,
        k=found.k,
        needed=found.needed,
        needed_s=found.needed_s,
        verdict=found.verdict,
        leaning=found.leaning,
        text=text,
    )
