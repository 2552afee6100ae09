"""Decisions as results: the numbers of a target and the line that a person reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_rtmedload.results.model import TargetResult, Verdict
from pytest_rtmedload.text import comparisons

if TYPE_CHECKING:
    from pytest_rtmedload.results.plan import Target
    from pytest_rtmedload.verdict.decisions import Decision, MeasuredView


def result(
    target: Target,
    found: Decision,
    measured: MeasuredView,
    basis: str,
    bounds: comparisons.Bounds | None = None,
    assumed: str = "",
) -> TargetResult:
    """The result with its line.

    Args:
        target: the limit.
        found: what was decided.
        measured: what was measured, for the rate at which samples come.
        basis: what the verdict rests on, such as `95 % bounds 11.8-13`.
        bounds: the bounds themselves; None where nothing was inferred.
        assumed: what else a reader must know, after n.
    """
    needed, seconds, outlook = None, None, ""
    if found.verdict is Verdict.INCONCLUSIVE and found.rule is None:
        why = ": the test was cut short" if measured.plan.interrupted is not None else ""
        outlook = f", leaning {found.leaning}{why}"
    elif found.verdict is Verdict.INCONCLUSIVE and found.rule is not None and found.leaning is not None:
        needed, rate = found.rule.needed(found.k), measured.rate(found.n)
        seconds = needed / rate if needed is not None and rate else None
        outlook = comparisons.outlook(found.leaning, needed, seconds)
    details = ", ".join(part for part in (basis, f"n = {found.n}", assumed) if part)
    text = f"{found.compared} ({details}) {found.verdict.value}{outlook}"
    return _result(target, found, text, bounds, needed, seconds)


def without_samples(target: Target, found: Decision, why: str) -> TargetResult:
    """The result for a target of which can only be said why there is nothing to judge."""
    return _result(target, found, f"{found.compared.wanted}: {why} {found.verdict.value}")


def _result(
    target: Target,
    found: Decision,
    text: str,
    bounds: comparisons.Bounds | None = None,
    needed: int | None = None,
    needed_s: float | None = None,
) -> TargetResult:
    return TargetResult(
        metric=target.metric,
        name=target.name,
        kind=found.kind,
        unit=found.compared.unit,
        limit=target.limit,
        value=found.value,
        bounds=bounds,
        n=found.n,
        k=found.k,
        needed=needed,
        needed_s=needed_s,
        verdict=found.verdict,
        leaning=found.leaning,
        text=text,
    )
