"""Parser of targets: marker arguments and the override table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pytest_rtmedload.results.names import ITERATION
from pytest_rtmedload.results.plan import PERCENTILES, VALUE_LIMITS, Target

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

METRIC_LIMITS: Final = tuple(dict.fromkeys((*PERCENTILES, "max", "errors", *VALUE_LIMITS)))
"""Limits on a metric."""
TEST_LIMITS: Final = ("errors", "min_rate")
"""Limits on a whole test."""


def make_target(metric: str, name: str, limit: Any) -> Target:
    """A checked target.

    Raises:
        ValueError: an unknown limit, or a limit that is not a number in its range.
    """
    known = METRIC_LIMITS if metric else TEST_LIMITS
    if name not in known:
        raise ValueError(f"unknown limit {name!r}: choose one of {', '.join(known)}")
    if isinstance(limit, bool) or not isinstance(limit, int | float) or not 0 <= limit < float("inf"):
        raise ValueError(f"{name}={limit!r}: a limit is a number, finite and not negative")
    if name == "errors" and limit > 1:
        raise ValueError(f"errors={limit!r}: a fraction between 0 and 1, such as 0.01 for 1 %")
    if name in PERCENTILES and limit == 0:
        raise ValueError(f"{name}=0: a latency cannot be 0 ms")
    return Target(metric, name, float(limit))


def parse_target(text: str) -> tuple[Target, ...]:
    """One entry of the override table: `METRIC:p95=150,p99=300`, or `errors=0.01` for the whole test.

    Raises:
        ValueError: not of that form.
    """
    metric, colon, limits = text.rpartition(":")
    targets = []
    for part in limits.split(","):
        name, equals, number = part.strip().partition("=")
        try:
            limit = float(number)
        except ValueError:
            equals = ""
        if not equals or (colon and not metric.strip()):
            raise ValueError(f"{text!r} is not a target: write METRIC:p95=150, or errors=0.01")
        targets.append(make_target(metric.strip(), name.strip(), limit))
    return tuple(targets)


def named_metrics(stated: Iterable[Target], table: Iterable[Iterable[Target]]) -> set[str]:
    """Metrics that a test's targets or the override table name, which must keep their names."""
    return {target.metric for targets in (stated, *table) for target in targets if target.metric}


def override(
    stated: Iterable[Target], table: Iterable[Iterable[Target]], recorded: Iterable[str]
) -> tuple[Target, ...]:
    """The targets of a test after the override table.

    An entry replaces the same limit on the same metric. It adds a limit to a test that has another limit on the metric
    or has recorded it.

    Args:
        stated: the marker's targets.
        table: overrides, in ascending order of precedence.
        recorded: metrics that the test recorded.
    """
    found = {(target.metric, target.name): target for target in stated}
    metrics = {target.metric for target in found.values()} | set(recorded) - {ITERATION} | {""}
    for entry in table:
        for target in entry:
            if target.metric in metrics:
                found[target.metric, target.name] = target
    return tuple(found.values())


def from_mapping(targets: Mapping[str, Mapping[str, Any]]) -> tuple[Target, ...]:
    """Targets of the marker's `targets={"voice.loop": {"p95": 700}}`.

    Raises:
        ValueError: not of that form.
    """
    found = []
    for metric, limits in targets.items():
        if not isinstance(metric, str) or not hasattr(limits, "items"):
            raise ValueError("targets= maps metric names to limits, as {'voice.loop': {'p95': 700}}")
        found += [make_target(metric, name, limit) for name, limit in limits.items()]
    return tuple(found)
