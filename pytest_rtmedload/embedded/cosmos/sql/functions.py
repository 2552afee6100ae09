"""The scalar functions of the SQL.

The rule: an argument of the wrong kind, or one that is undefined, makes the result undefined, unless the function tests
exactly that.
"""

from __future__ import annotations

import datetime as dt
import math
import time
from functools import wraps
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_rtmedload.embedded.cosmos.sql.values import KINDS, UNDEFINED, Value, number, same

if TYPE_CHECKING:
    from collections.abc import Callable


class Function(NamedTuple):
    """A scalar function."""

    call: Callable[..., Value]
    arguments: tuple[int, int]
    """Minimum and maximum number of arguments."""


def _taking(*types: type | tuple[type, ...]) -> Callable[[Callable[..., Value]], Callable[..., Value]]:
    """Types of the arguments, the last for all that follow; the result is undefined if one does not match."""
    kinds = [{KINDS[one] for one in (kind if isinstance(kind, tuple) else (kind,))} for kind in types]

    def wrap(function: Callable[..., Value]) -> Callable[..., Value]:
        @wraps(function)
        def call(*values: Value) -> Value:
            for at, value in enumerate(values):
                if KINDS[type(value)] not in kinds[min(at, len(kinds) - 1)]:
                    return UNDEFINED
            return function(*values)

        return call

    return wrap


def _searching(find: Callable[[str, str], bool]) -> Callable[..., Value]:
    """A function of two strings and an optional flag that ignores case."""

    @_taking(str, str, bool)
    def call(text: str, part: str, ignore_case: bool = False) -> Value:
        return find(text.lower(), part.lower()) if ignore_case else find(text, part)

    return call


def _is_a(*types: type) -> Callable[[Value], Value]:
    kinds = {KINDS[one] for one in types}
    return lambda value: KINDS[type(value)] in kinds


def _of_number(calculate: Callable[[float], float]) -> Callable[..., Value]:
    @_taking(float)
    def call(value: float) -> Value:
        try:
            return number(calculate(value))
        except (ArithmeticError, ValueError):
            return UNDEFINED

    return call


def _round(value: float) -> float:
    return math.floor(abs(value) + 0.5) * (1 if value >= 0 else -1)  # half away from zero, unlike Python's


@_taking(float, float)
def _power(base: float, exponent: float) -> Value:
    try:
        return number(math.pow(base, exponent))
    except (ArithmeticError, ValueError):
        return UNDEFINED


@_taking(str, float)
def _left(text: str, length: float) -> Value:
    return text[: max(0, int(length))]


@_taking(str, float)
def _right(text: str, length: float) -> Value:
    return text[max(0, len(text) - max(0, int(length))) :]


@_taking(str, float)
def _substring(text: str, start: float, length: float) -> Value:
    return text[int(start) : int(start) + max(0, int(length))] if start >= 0 else ""


@_taking(list, float)
def _slice(values: list[Value], start: float, length: float | None = None) -> Value:
    begin = int(start) if start >= 0 else max(0, len(values) + int(start))
    return values[begin:] if length is None else values[begin : begin + max(0, int(length))]


def _contains(values: Value, wanted: Value, partial: Value = False) -> Value:
    if not isinstance(values, list) or wanted is UNDEFINED:
        return UNDEFINED
    matches = _within if partial is True and isinstance(wanted, dict) else same
    return any(matches(wanted, value) for value in values)


def _within(wanted: dict[str, Value], value: Value) -> bool:
    """True if an object has all properties of another."""
    return isinstance(value, dict) and all(name in value and same(part, value[name]) for name, part in wanted.items())


def _to_string(value: Value) -> Value:
    if value is UNDEFINED or isinstance(value, list | dict):
        return UNDEFINED
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return str(value)


def _now() -> str:
    now = dt.datetime.now(dt.UTC)
    return f"{now:%Y-%m-%dT%H:%M:%S.%f}0Z"


_STRINGS: Final = _taking(str)

FUNCTIONS: Final[dict[str, Function]] = {
    "IS_DEFINED": Function(lambda value: value is not UNDEFINED, (1, 1)),
    "IS_NULL": Function(_is_a(type(None)), (1, 1)),
    "IS_BOOL": Function(_is_a(bool), (1, 1)),
    "IS_NUMBER": Function(_is_a(float), (1, 1)),
    "IS_INTEGER": Function(lambda value: type(value) is int or (type(value) is float and value.is_integer()), (1, 1)),
    "IS_STRING": Function(_is_a(str), (1, 1)),
    "IS_ARRAY": Function(_is_a(list), (1, 1)),
    "IS_OBJECT": Function(_is_a(dict), (1, 1)),
    "IS_PRIMITIVE": Function(_is_a(type(None), bool, float, str), (1, 1)),
    "IIF": Function(lambda condition, then, otherwise: then if condition is True else otherwise, (3, 3)),
    "CONTAINS": Function(_searching(lambda text, part: part in text), (2, 3)),
    "STARTSWITH": Function(_searching(str.startswith), (2, 3)),
    "ENDSWITH": Function(_searching(str.endswith), (2, 3)),
    "STRINGEQUALS": Function(_searching(str.__eq__), (2, 3)),
    "INDEX_OF": Function(_taking(str, str, float)(lambda text, part, start=0: text.find(part, int(start))), (2, 3)),
    "LENGTH": Function(_STRINGS(len), (1, 1)),
    "LOWER": Function(_STRINGS(str.lower), (1, 1)),
    "UPPER": Function(_STRINGS(str.upper), (1, 1)),
    "TRIM": Function(_STRINGS(str.strip), (1, 2)),
    "LTRIM": Function(_STRINGS(str.lstrip), (1, 2)),
    "RTRIM": Function(_STRINGS(str.rstrip), (1, 2)),
    "REVERSE": Function(_STRINGS(lambda text: text[::-1]), (1, 1)),
    "REPLACE": Function(_STRINGS(lambda text, old, new: text.replace(old, new) if old else text), (3, 3)),
    "CONCAT": Function(_STRINGS(lambda *texts: "".join(texts)), (2, 200)),
    "LEFT": Function(_left, (2, 2)),
    "RIGHT": Function(_right, (2, 2)),
    "SUBSTRING": Function(_substring, (3, 3)),
    "TOSTRING": Function(_to_string, (1, 1)),
    "ARRAY_CONTAINS": Function(_contains, (2, 3)),
    "ARRAY_LENGTH": Function(_taking(list)(len), (1, 1)),
    "ARRAY_CONCAT": Function(_taking(list)(lambda *arrays: [value for array in arrays for value in array]), (2, 200)),
    "ARRAY_SLICE": Function(_slice, (2, 3)),
    "ABS": Function(_of_number(abs), (1, 1)),
    "CEILING": Function(_of_number(math.ceil), (1, 1)),
    "FLOOR": Function(_of_number(math.floor), (1, 1)),
    "ROUND": Function(_of_number(_round), (1, 1)),
    "SQRT": Function(_of_number(math.sqrt), (1, 1)),
    "SIGN": Function(_of_number(lambda value: (value > 0) - (value < 0)), (1, 1)),
    "POWER": Function(_power, (2, 2)),
    "GETCURRENTDATETIME": Function(_now, (0, 0)),
    "GETCURRENTTIMESTAMP": Function(lambda: int(time.time() * 1000), (0, 0)),
}
"""Name in capitals → function; the lexer's names are compared without regard to case, as the service does."""
