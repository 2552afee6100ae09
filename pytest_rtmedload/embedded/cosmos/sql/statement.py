"""Query text → `Select`.

The rule: clauses come in the service's order, and a combination the service refuses (ORDER BY with GROUP BY, an
aggregate with a property that is not in GROUP BY) is refused here.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Final, cast

from pytest_rtmedload.embedded.cosmos.sql.expressions import ExpressionParser
from pytest_rtmedload.embedded.cosmos.sql.lexer import syntax_error, unknown
from pytest_rtmedload.embedded.cosmos.sql.syntax import (
    Aggregate,
    Expression,
    Literal,
    MemberAccess,
    ObjectLiteral,
    Parameter,
    Select,
    Sorting,
    Variable,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_CLAUSES: Final = ("FROM", "WHERE", "GROUP", "ORDER", "OFFSET", "LIMIT", "JOIN")


def parse(text: str) -> Select:
    """Read a query.

    Raises:
        CosmosError: 400, with the error or the unsupported construct, and its position.
    """
    return _StatementParser(text).select()


class _StatementParser(ExpressionParser):
    """Reads a whole query."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._joins: list[Expression] = []
        self._iterated = False

    def select(self) -> Select:
        """The query up to its end."""
        self.expect("SELECT")
        distinct = bool(self.accept("DISTINCT"))
        top = self._count() if self.accept("TOP") else None
        value = bool(self.accept("VALUE"))
        aggregates = self.aggregates = []
        projection = self._with_sources(value)
        self.aggregates = None
        where = self.expression() if self.accept("WHERE") else None
        groups = self._groups() if self.accept("GROUP") else ()
        order = self._order(grouped=bool(groups or aggregates)) if self.accept("ORDER") else ()
        offset, limit = self._window()
        if self.token.kind != "end":
            raise self.wrong()
        if (groups or aggregates) and not (projection and _is_grouped(projection, groups)):
            message = "Everything that is selected together with an aggregate or GROUP BY must be in GROUP BY."
            raise syntax_error(message, 0, self.token.start, "SC2103")
        return Select(
            projection, value, distinct, tuple(self._joins), self._iterated, where, groups, tuple(aggregates), order,
            top, offset, limit,
        )  # fmt: skip

    def _with_sources(self, value: bool) -> Expression | None:
        """Read FROM first, because it says what the names of the projection before it mean."""
        begin, nested = self._at, 0
        while self.token.kind != "end" and (nested or self.token.keyword != "FROM"):
            nested += {"(": 1, ")": -1}.get(self.take().keyword, 0)
        if self.accept("FROM"):
            self._sources()
        end, self._at = self._at, begin
        projection = self._projection(value)
        if self.token.keyword != "FROM" and self.token.kind != "end":
            raise self.wrong()
        self._at = end
        return projection

    def _sources(self) -> None:
        name = self.name()
        if self.accept("IN"):
            self.slots = {self.token.text: 0}
            self._iterated = True
            self._joins.append(self._path())
            self.slots = {name: 0}
        elif self.token.keyword in (".", "[", "("):
            raise unknown("FROM with a path or a subquery", self.token)
        else:
            named = self.accept("AS") or (self.token.kind == "word" and self.token.keyword not in _CLAUSES)
            self.slots = {self.name() if named else name: 0}
        while self.accept("JOIN"):
            self._refuse_subquery()
            name = self.name()
            self.expect("IN")
            self._joins.append(self._path())
            self.slots[name] = len(self.slots)

    def _path(self) -> Expression:
        self._refuse_subquery()
        return self.expression()

    def _refuse_subquery(self) -> None:
        if self.token.keyword == "(":
            raise unknown("JOIN with a subquery", self.token)

    def _projection(self, value: bool) -> Expression | None:
        if self.token.keyword == "*":
            if len(self._joins) > self._iterated:
                raise syntax_error("'SELECT *' is not allowed with JOIN.", self.token.start, self.token.start + 1)
            self.take()
            return None
        if value:
            return self.expression()
        columns: dict[str, Expression] = {}
        unnamed = 0
        while True:
            found = self.expression()
            name = self._column(found)
            if not name:
                unnamed += 1
                name = f"${unnamed}"
            columns[name] = found
            if not self.accept(","):
                return ObjectLiteral(tuple(columns.items()))

    def _column(self, found: Expression) -> str:
        if self.accept("AS") or (self.token.kind == "word" and self.token.keyword != "FROM"):
            return self.name()
        match found:
            case MemberAccess(_, Literal(str(name))) | Variable(_, name):
                return name
        return ""

    def _groups(self) -> tuple[Expression, ...]:
        self.expect("BY")
        groups = [self.expression()]
        while self.accept(","):
            groups.append(self.expression())
        return tuple(groups)

    def _order(self, *, grouped: bool) -> tuple[Sorting, ...]:
        if grouped:
            raise unknown("ORDER BY with GROUP BY or an aggregate", self.token)
        self.expect("BY")
        order: list[Sorting] = []
        while not order or self.accept(","):
            found = self.expression()
            order.append(Sorting(found, descending=self.accept("ASC", "DESC") == "DESC"))
        return tuple(order)

    def _window(self) -> tuple[Expression | None, Expression | None]:
        if not self.accept("OFFSET"):
            return None, None
        offset = self._count()
        self.expect("LIMIT")
        return offset, self._count()

    def _count(self) -> Expression:
        """A number of rows: a literal or a parameter."""
        if self.token.kind not in ("number", "parameter"):
            raise self.wrong(", expected a number or a parameter")
        return self._primary()


def _is_grouped(found: Expression, groups: Sequence[Expression]) -> bool:
    """True if an expression has one value for all rows of a group."""
    if found in groups or isinstance(found, Aggregate | Literal | Parameter):
        return True
    if isinstance(found, Variable | MemberAccess):
        return False
    if isinstance(found, ObjectLiteral):
        return all(_is_grouped(part, groups) for _, part in found.properties)
    return all(_is_grouped(part, groups) for part in _parts(found))


def _parts(found: Expression) -> Iterator[Expression]:
    """The expressions an expression is made of."""
    for field in fields(found):
        value = getattr(found, field.name)
        for part in value if isinstance(value, tuple) else (value,):
            if is_dataclass(part):
                yield cast("Expression", part)
