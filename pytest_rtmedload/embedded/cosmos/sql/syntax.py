"""The syntax tree of a query.

The rule: plain data, hashable where it is compared, with nothing in it about how it is evaluated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant, or `UNDEFINED`."""

    value: Any


@dataclass(frozen=True, slots=True)
class Parameter:
    """`@name`, bound when the query is run."""

    name: str


@dataclass(frozen=True, slots=True)
class Variable:
    """The item, or the element of a JOIN: the alias of a FROM clause."""

    slot: int
    """Its place in a row."""
    name: str


@dataclass(frozen=True, slots=True)
class MemberAccess:
    """`of.name`, `of["name"]`, `of[0]`."""

    of: Expression
    key: Expression


@dataclass(frozen=True, slots=True)
class Unary:
    """`NOT x`, `-x`, `+x`."""

    operator: str
    operand: Expression


@dataclass(frozen=True, slots=True)
class Logical:
    """Two or more joined by AND or OR: flat, because clients write a thousand of them."""

    operator: str
    operands: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Binary:
    """`left operator right`."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Conditional:
    """`condition ? then : otherwise`."""

    condition: Expression
    then: Expression
    otherwise: Expression


@dataclass(frozen=True, slots=True)
class Between:
    """`operand BETWEEN low AND high`."""

    operand: Expression
    low: Expression
    high: Expression


@dataclass(frozen=True, slots=True)
class In:
    """`operand IN (a, b)`."""

    operand: Expression
    choices: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Like:
    """`operand LIKE pattern ESCAPE 'x'`."""

    operand: Expression
    pattern: Expression
    escape: str


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A scalar function, its name in capitals."""

    function: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Aggregate:
    """`COUNT(x)` and its like: its value stands in the row's `slot` once all rows were seen."""

    function: str
    operand: Expression
    slot: int


@dataclass(frozen=True, slots=True)
class ArrayLiteral:
    """`[a, b]`."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class ObjectLiteral:
    """`{"a": x}`."""

    properties: tuple[tuple[str, Expression], ...]


Expression: TypeAlias = (
    Literal
    | Parameter
    | Variable
    | MemberAccess
    | Unary
    | Logical
    | Binary
    | Conditional
    | Between
    | In
    | Like
    | FunctionCall
    | Aggregate
    | ArrayLiteral
    | ObjectLiteral
)


@dataclass(frozen=True, slots=True)
class Sorting:
    """One expression of ORDER BY."""

    expression: Expression
    descending: bool


@dataclass(frozen=True, slots=True)
class Select:
    """A whole query."""

    projection: Expression | None
    """None: `*`."""
    value: bool
    """SELECT VALUE."""
    distinct: bool
    joins: tuple[Expression, ...]
    """The arrays that are iterated, each in its own slot after the item's."""
    iterated: bool
    """`FROM x IN c.items`: the first of `joins` takes the item's place."""
    where: Expression | None
    groups: tuple[Expression, ...]
    aggregates: tuple[Aggregate, ...]
    order: tuple[Sorting, ...]
    top: Expression | None
    offset: Expression | None
    limit: Expression | None
