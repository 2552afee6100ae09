"""Tokens → expressions, by recursive descent: one function for each level of precedence.

The rule: unsupported constructs of the service (bit operators, subqueries, user-defined functions, unknown functions)
are refused by name. `NOT a = b` is refused, too: the service reads it as `(NOT a) = b`, which is hardly ever intended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_rtmedload.embedded.cosmos.sql.aggregates import AGGREGATES
from pytest_rtmedload.embedded.cosmos.sql.functions import FUNCTIONS
from pytest_rtmedload.embedded.cosmos.sql.lexer import Token, number_value, string_value, syntax_error, tokens, unknown
from pytest_rtmedload.embedded.cosmos.sql.syntax import (
    Aggregate,
    ArrayLiteral,
    Between,
    Binary,
    Conditional,
    Expression,
    FunctionCall,
    In,
    Like,
    Literal,
    Logical,
    MemberAccess,
    ObjectLiteral,
    Parameter,
    Unary,
    Variable,
)
from pytest_rtmedload.embedded.cosmos.sql.values import UNDEFINED

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_DEPTH: Final = 40
"""Of nested expressions: far below Python's recursion limit, far above what people write."""
_COMPARISONS: Final = ("=", "!=", "<>", "<", "<=", ">", ">=")
_LEVELS: Final = (("||",), ("+", "-"), ("*", "/", "%"))
_BITS: Final = ("&", "|", "^", "~", "<<", ">>", ">>>")
_CONSTANTS: Final = {"TRUE": True, "FALSE": False, "NULL": None, "UNDEFINED": UNDEFINED}
_SUBQUERIES: Final = ("SELECT", "EXISTS", "ARRAY", "ALL")


class ExpressionParser:
    """Reads expressions from the tokens of one query."""

    def __init__(self, text: str) -> None:
        self._tokens = tokens(text)
        self._at = 0
        self._depth = 0
        self.slots: dict[str, int] = {}
        """The aliases of the FROM clause."""
        self.aggregates: list[Aggregate] | None = None
        """Where aggregate functions are collected; None where they are not allowed."""

    @property
    def token(self) -> Token:
        """The next token."""
        return self._tokens[self._at]

    def take(self) -> Token:
        """Consume and return the next token."""
        token = self.token
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def accept(self, *keywords: str) -> str:
        """Consume the next token if it is one of these; returns it, or nothing."""
        return self.take().keyword if self.token.keyword in keywords else ""

    def expect(self, *keywords: str) -> None:
        """Consume these tokens, in this order."""
        for keyword in keywords:
            if not self.accept(keyword):
                raise self.wrong(f", expected {keyword}")

    def wrong(self, more: str = "") -> Exception:
        """A syntax error at the next token."""
        token = self.token
        near = repr(token.text) if token.text else "the end of the query"
        return syntax_error(f"Syntax error, incorrect syntax near {near}{more}.", token.start, token.start + len(near))

    def name(self) -> str:
        """An identifier."""
        if self.token.kind != "word":
            raise self.wrong(", expected a name")
        return self.take().text

    def several(self, item: Callable[[], Expression], end: str) -> tuple[Expression, ...]:
        """Items with commas between them, up to a closing sign; may be empty."""
        items: list[Expression] = []
        while not self.accept(end):
            if items:
                self.expect(",")
            items.append(item())
        return tuple(items)

    def expression(self) -> Expression:
        """An expression of any kind."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise unknown(f"expressions nested more than {MAX_DEPTH} deep", self.token)
        found = self._or()
        while self.accept("??"):
            found = Binary("??", found, self._or())
        if self.accept("?"):
            then = self.expression()
            self.expect(":")
            found = Conditional(found, then, self.expression())
        self._depth -= 1
        return found

    def _or(self) -> Expression:
        return self._either("OR", self._and)

    def _and(self) -> Expression:
        return self._either("AND", self._comparison)

    def _either(self, keyword: str, operand: Callable[[], Expression]) -> Expression:
        operands = [operand()]
        while self.accept(keyword):
            operands.append(operand())
        return Logical(keyword, tuple(operands)) if len(operands) > 1 else operands[0]

    def _comparison(self) -> Expression:
        negated = self.token.keyword == "NOT"
        left = self._level(0)
        if negated and (self.token.keyword in _COMPARISONS or self.token.keyword in ("IN", "BETWEEN", "LIKE")):
            raise unknown(f"NOT before {self.token.keyword} without parentheses: write NOT (…)", self.token)
        if self.token.keyword in _COMPARISONS:
            operator = self.take().keyword.replace("<>", "!=")
            return Binary(operator, left, self._level(0))
        if self.accept("NOT"):
            return Unary("NOT", self._membership(left) or self._nothing())
        return self._membership(left) or left

    def _membership(self, left: Expression) -> Expression | None:
        if self.accept("IN"):
            self.expect("(")
            return In(left, self.several(self.expression, ")"))
        if self.accept("BETWEEN"):
            low = self._level(0)
            self.expect("AND")
            return Between(left, low, self._level(0))
        if self.accept("LIKE"):
            return Like(left, self._level(0), self._string() if self.accept("ESCAPE") else "")
        return None

    def _nothing(self) -> Expression:
        raise self.wrong(", expected IN, BETWEEN or LIKE")

    def _level(self, level: int) -> Expression:
        if level == len(_LEVELS):
            return self._unary()
        found = self._level(level + 1)
        while operator := self.accept(*_LEVELS[level]):
            found = Binary(operator, found, self._level(level + 1))
        if self.token.keyword in _BITS:
            raise unknown(f"the bit operator {self.token.text!r}", self.token)
        return found

    def _unary(self) -> Expression:
        operators = []
        while operator := self.accept("NOT", "-", "+"):
            operators.append(operator)
        found = self._postfix(self._primary())
        for operator in reversed(operators):
            found = Unary(operator, found)
        return found

    def _postfix(self, found: Expression) -> Expression:
        while True:
            if self.accept("."):
                found = MemberAccess(found, Literal(self.name()))
            elif self.accept("["):
                found = MemberAccess(found, self.expression())
                self.expect("]")
            else:
                return found

    def _primary(self) -> Expression:
        match self.token.kind:
            case "number":
                return Literal(number_value(self.take()))
            case "string":
                return Literal(string_value(self.take()))
            case "parameter":
                return Parameter(self.take().text)
            case "word":
                return self._word()
        return self._bracketed()

    def _bracketed(self) -> Expression:
        token = self.token
        if self.accept("("):
            if self.token.keyword == "SELECT":
                raise unknown("subqueries", self.token)
            inner = self.expression()
            self.expect(")")
            return inner
        if self.accept("["):
            return ArrayLiteral(self.several(self.expression, "]"))
        if self.accept("{"):
            return self._object()
        raise unknown(f"the bit operator {token.text!r}", token) if token.keyword in _BITS else self.wrong()

    def _word(self) -> Expression:
        token = self.take()
        if self.token.keyword == "(":
            return self._call(token)
        if token.text.lower() == "udf" and self.token.keyword == ".":
            raise unknown("user-defined functions", token)
        if token.text in self.slots:
            return Variable(self.slots[token.text], token.text)
        if token.keyword in _CONSTANTS:
            return Literal(_CONSTANTS[token.keyword])
        end = token.start + len(token.text)
        raise syntax_error(f"Identifier '{token.text}' could not be resolved.", token.start, end, "SC2001")

    def _call(self, token: Token) -> Expression:
        name = token.keyword
        if name in _SUBQUERIES:
            raise unknown(f"subqueries: {name}", token)
        if name not in FUNCTIONS and name not in AGGREGATES:
            end = token.start + len(token.text)
            message = f"'{token.text}' is not a function the embedded Cosmos DB knows."
            raise syntax_error(message, token.start, end, "SC2005")
        self.expect("(")
        outer, self.aggregates = self.aggregates, None if name in AGGREGATES else self.aggregates
        arguments = self.several(self.expression, ")")
        self.aggregates = outer
        fewest, most = (1, 1) if name in AGGREGATES else FUNCTIONS[name].arguments
        if not fewest <= len(arguments) <= most:
            wanted = f"{fewest}" if fewest == most else f"{fewest} to {most}"
            raise syntax_error(f"{name} takes {wanted} arguments, not {len(arguments)}.", token.start, self.token.start)
        return self._aggregate(token, arguments[0]) if name in AGGREGATES else FunctionCall(name, arguments)

    def _aggregate(self, token: Token, operand: Expression) -> Expression:
        if self.aggregates is None:
            end = token.start + len(token.text)
            raise syntax_error(f"{token.keyword} is not allowed here.", token.start, end, "SC2102")
        found = Aggregate(token.keyword, operand, max(1, len(self.slots)) + len(self.aggregates))
        self.aggregates.append(found)
        return found

    def _object(self) -> Expression:
        properties: list[tuple[str, Expression]] = []
        while not self.accept("}"):
            if properties:
                self.expect(",")
            name = self._string() if self.token.kind == "string" else self.name()
            self.expect(":")
            properties.append((name, self.expression()))
        return ObjectLiteral(tuple(properties))

    def _string(self) -> str:
        if self.token.kind != "string":
            raise self.wrong(", expected a string")
        return string_value(self.take())
