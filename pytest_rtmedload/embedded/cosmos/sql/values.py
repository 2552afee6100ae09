"""JSON values as Cosmos DB's SQL compares and orders them.

The rule: a missing property is `undefined`, which is not a value: it passes through every operator and is left
out of results. Values of different kinds are never equal and have no order, except where results are sorted.

Source: the service's documentation of its type system, and for `=` and `!=` across kinds the offline engine in its
.NET client, which is tested against the service (the documentation's table says undefined there, the service false).
"""

from __future__ import annotations

import math
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable


class Undefined(Enum):
    """The type of `UNDEFINED`."""

    UNDEFINED = "undefined"

    def __bool__(self) -> bool:
        return False


UNDEFINED: Final = Undefined.UNDEFINED
Value: TypeAlias = Any
"""A value as read by orjson, or `UNDEFINED`."""

KINDS: Final[dict[type, int]] = {
    Undefined: 0, type(None): 1, bool: 2, int: 3, float: 3, str: 4, list: 5, dict: 6,
}  # fmt: skip
"""The kind of a value by its Python type: `bool` is not a number here. In the order in which results are sorted."""
_COMPARABLE: Final = (1, 2, 3, 4)
NUMBER: Final = 3
_EXACT: Final = 2**53


def same(left: Value, right: Value) -> bool:
    """True if two defined values are equal: by kind, then by content."""
    kind = KINDS[type(left)]
    if kind != KINDS[type(right)]:
        return False
    if kind == KINDS[list]:
        return len(left) == len(right) and all(map(same, left, right))
    if kind == KINDS[dict]:
        return left.keys() == right.keys() and all(same(value, right[name]) for name, value in left.items())
    return bool(left == right)


def equal(left: Value, right: Value) -> Value:
    """`=`: undefined if either side is."""
    if left is UNDEFINED or right is UNDEFINED:
        return UNDEFINED
    return same(left, right)


def relation(holds: Callable[[Any, Any], bool]) -> Callable[[Value, Value], Value]:
    """`<` and its like from Python's: undefined between kinds, arrays and objects."""

    def compare(left: Value, right: Value) -> Value:
        kind = KINDS[type(left)]
        if kind != KINDS[type(right)] or kind not in _COMPARABLE:
            return UNDEFINED
        return holds(left, right) if kind != KINDS[type(None)] else holds(0, 0)

    return compare


def arithmetic(operation: Callable[[Any, Any], Any]) -> Callable[[Value, Value], Value]:
    """`+` and its like from Python's: undefined unless both sides are numbers and the result is one."""

    def calculate(left: Value, right: Value) -> Value:
        if KINDS[type(left)] != NUMBER or KINDS[type(right)] != NUMBER:
            return UNDEFINED
        try:
            return number(operation(left, right))
        except (ArithmeticError, ValueError):
            return UNDEFINED

    return calculate


def number(value: Any) -> Value:
    """A Python number as JSON has it: a double beyond 2**53, undefined if it is not a finite one."""
    if isinstance(value, int) and abs(value) > _EXACT:
        value = float(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            return UNDEFINED
        return int(value) if value.is_integer() and abs(value) < _EXACT else value
    return value


class SortKey:
    """Orders any two values, as ORDER BY does: undefined, null, false, true, numbers, strings, arrays, objects."""

    __slots__ = ("kind", "value")

    def __init__(self, value: Value) -> None:
        self.kind = KINDS[type(value)]
        self.value = value if self.kind in (2, 3, 4) else 0  # arrays and objects keep the order they came in

    def __lt__(self, other: SortKey) -> bool:
        if self.kind != other.kind:
            return self.kind < other.kind
        return bool(self.value < other.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SortKey) and self.kind == other.kind and bool(self.value == other.value)

    def __hash__(self) -> int:
        return hash((self.kind, self.value))
