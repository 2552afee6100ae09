"""Aggregate functions: many values → one.

The rule: undefined values are skipped; a value of the wrong kind makes the whole aggregate undefined, which leaves it
out of the result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_rtmedload.embedded.cosmos.sql.values import KINDS, NUMBER, UNDEFINED, SortKey, Value, number

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_PRIMITIVE: Final = (1, 2, 3, 4)


def _count(values: Sequence[Value]) -> Value:
    return len(values)


def _sum(values: Sequence[Value]) -> Value:
    return number(sum(values)) if all(KINDS[type(value)] == NUMBER for value in values) else UNDEFINED


def _average(values: Sequence[Value]) -> Value:
    total = _sum(values)
    return UNDEFINED if total is UNDEFINED or not values else number(total / len(values))


def _extreme(pick: Callable[..., Value]) -> Callable[[Sequence[Value]], Value]:
    def find(values: Sequence[Value]) -> Value:
        if not values or any(KINDS[type(value)] not in _PRIMITIVE for value in values):
            return UNDEFINED
        return pick(values, key=SortKey)

    return find


AGGREGATES: Final[dict[str, Callable[[Sequence[Value]], Value]]] = {
    "COUNT": _count,
    "SUM": _sum,
    "AVG": _average,
    "MIN": _extreme(min),
    "MAX": _extreme(max),
}
"""Name → function of the defined values."""
