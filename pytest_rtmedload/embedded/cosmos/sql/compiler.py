"""Expressions → Python closures.

The rule: everything that can be decided from the query's text is decided here, once; evaluating an item is then a call
without lookups by name. A row is a list: the item, the elements of JOINs, then the results of aggregates.
"""

from __future__ import annotations

import operator
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

from pytest_rtmedload.embedded.cosmos.errors import bad_request
from pytest_rtmedload.embedded.cosmos.sql import syntax
from pytest_rtmedload.embedded.cosmos.sql.functions import FUNCTIONS
from pytest_rtmedload.embedded.cosmos.sql.like import like_pattern
from pytest_rtmedload.embedded.cosmos.sql.values import KINDS, NUMBER, UNDEFINED, Value, arithmetic, equal, relation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Parameters: TypeAlias = Mapping[str, Value]
    Row: TypeAlias = list[Value]
    Evaluate: TypeAlias = Callable[[Row, Parameters], Value]

_at_least: Final = relation(operator.ge)
_at_most: Final = relation(operator.le)


def _unequal(left: Value, right: Value) -> Value:
    return _negate(equal(left, right))


def _negate(value: Value) -> Value:
    return not value if isinstance(value, bool) else UNDEFINED


def _concatenate(left: Value, right: Value) -> Value:
    return left + right if isinstance(left, str) and isinstance(right, str) else UNDEFINED


_BINARY: Final[dict[str, Callable[[Value, Value], Value]]] = {
    "=": equal,
    "!=": _unequal,
    "<": relation(operator.lt),
    "<=": _at_most,
    ">": relation(operator.gt),
    ">=": _at_least,
    "+": arithmetic(operator.add),
    "-": arithmetic(operator.sub),
    "*": arithmetic(operator.mul),
    "/": arithmetic(operator.truediv),
    "%": arithmetic(lambda left, right: left - right * int(left / right)),  # the sign of the left, as in C
    "||": _concatenate,
    "??": lambda left, right: right if left is UNDEFINED else left,
}
_UNARY: Final[dict[str, Callable[[Value], Value]]] = {
    "NOT": _negate,
    "-": lambda value: -value if KINDS[type(value)] == NUMBER else UNDEFINED,
    "+": lambda value: value if KINDS[type(value)] == NUMBER else UNDEFINED,
}


def compile_expression(node: syntax.Expression) -> Evaluate:
    """A function of a row and the parameters."""
    match node:
        case syntax.Literal() | syntax.Parameter() | syntax.Variable() | syntax.Aggregate():
            return _leaf(node)
        case syntax.MemberAccess():
            return _member(node)
        case syntax.Logical():
            return _logical(node)
        case syntax.ObjectLiteral(properties):
            return _object(properties)
    function, arguments = _operation(node)
    return _applied(function, arguments)


def _leaf(node: syntax.Literal | syntax.Parameter | syntax.Variable | syntax.Aggregate) -> Evaluate:
    match node:
        case syntax.Literal(value):
            return lambda _row, _given: value
        case syntax.Parameter(name):
            return lambda _row, given: _parameter(given, name)
    slot = node.slot
    return lambda row, _given: row[slot]


def _operation(node: syntax.Expression) -> tuple[Callable[..., Value], tuple[syntax.Expression, ...]]:
    """The operation of a node, and its operands."""
    found: tuple[Callable[..., Value], tuple[syntax.Expression, ...]]
    match node:
        case syntax.Unary(name, operand):
            found = _UNARY[name], (operand,)
        case syntax.Binary(name, left, right):
            found = _BINARY[name], (left, right)
        case syntax.FunctionCall(name, arguments):
            found = FUNCTIONS[name].call, arguments
        case syntax.Conditional(condition, then, otherwise):
            found = _choose, (condition, then, otherwise)
        case syntax.Between(operand, low, high):
            found = _between, (operand, low, high)
        case syntax.In(operand, choices):
            found = _in, (operand, *choices)
        case syntax.Like(operand, pattern, escape):
            found = partial(_like, escape), (operand, pattern)
        case syntax.ArrayLiteral(items):
            found = _array, items
        case _:
            raise AssertionError(node)
    return found


def _choose(condition: Value, then: Value, otherwise: Value) -> Value:
    return then if condition is True else otherwise


def _array(*values: Value) -> Value:
    return [value for value in values if value is not UNDEFINED]


def _applied(function: Callable[..., Value], arguments: tuple[syntax.Expression, ...]) -> Evaluate:
    compiled = [compile_expression(argument) for argument in arguments]
    if len(compiled) == 1:
        one = compiled[0]
        return lambda row, given: function(one(row, given))
    if len(compiled) == 2:
        first, second = compiled
        return lambda row, given: function(first(row, given), second(row, given))
    return lambda row, given: function(*[evaluate(row, given) for evaluate in compiled])


def _parameter(given: Parameters, name: str) -> Value:
    try:
        return given[name]
    except KeyError:
        raise bad_request(f"the query's parameter '{name}' has no value") from None


def _member(node: syntax.MemberAccess) -> Evaluate:
    of = compile_expression(node.of)
    if isinstance(node.key, syntax.Literal) and isinstance(node.key.value, str):
        name = node.key.value

        def property_of(row: Row, given: Parameters) -> Value:
            value = of(row, given)
            return value.get(name, UNDEFINED) if type(value) is dict else UNDEFINED

        return property_of
    key = compile_expression(node.key)
    return lambda row, given: _element(of(row, given), key(row, given))


def _element(value: Value, key: Value) -> Value:
    if isinstance(value, dict) and isinstance(key, str):
        return value.get(key, UNDEFINED)
    if isinstance(value, list) and KINDS[type(key)] == NUMBER and 0 <= key < len(value) and key == int(key):
        return value[int(key)]
    return UNDEFINED


def _logical(node: syntax.Logical) -> Evaluate:
    """AND and OR of three values: one operand can decide the result even if the other is undefined."""
    operands = [compile_expression(operand) for operand in node.operands]
    decisive = node.operator == "OR"

    def evaluate(row: Row, given: Parameters) -> Value:
        result: Value = not decisive
        for operand in operands:
            value = operand(row, given)
            if value is decisive:
                return decisive
            if type(value) is not bool:
                result = UNDEFINED
        return result

    return evaluate


def _between(value: Value, low: Value, high: Value) -> Value:
    above, below = _at_least(value, low), _at_most(value, high)
    if above is False or below is False:
        return False
    return UNDEFINED if UNDEFINED in (above, below) else True


def _in(value: Value, *choices: Value) -> Value:
    if value is UNDEFINED:
        return UNDEFINED
    return any(equal(value, choice) is True for choice in choices)


def _like(escape: str, text: Value, pattern: Value) -> Value:
    if not isinstance(text, str) or not isinstance(pattern, str):
        return UNDEFINED
    return like_pattern(pattern, escape).fullmatch(text) is not None


def _object(properties: tuple[tuple[str, syntax.Expression], ...]) -> Evaluate:
    compiled = [(name, compile_expression(part)) for name, part in properties]

    def build(row: Row, given: Parameters) -> Value:
        values = ((name, evaluate(row, given)) for name, evaluate in compiled)
        return {name: value for name, value in values if value is not UNDEFINED}

    return build
