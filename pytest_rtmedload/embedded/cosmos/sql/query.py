"""A compiled query, kept by its text, and one run of it over items.

The rule: a run sees each item once, as the bytes that are stored, and parses it only if the query needs its properties.
It returns the bytes of the results.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import orjson

from pytest_rtmedload.embedded.cosmos.errors import CosmosError, bad_request
from pytest_rtmedload.embedded.cosmos.sql import syntax
from pytest_rtmedload.embedded.cosmos.sql.aggregates import AGGREGATES
from pytest_rtmedload.embedded.cosmos.sql.compiler import compile_expression
from pytest_rtmedload.embedded.cosmos.sql.statement import parse
from pytest_rtmedload.embedded.cosmos.sql.values import UNDEFINED, SortKey, Value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_rtmedload.embedded.cosmos.sql.compiler import Evaluate, Parameters, Row

MAX_TEXT: Final = 262_144
"""Characters of a query, as the account announces in its `queryEngineConfiguration`."""


class Query:
    """A query that can be run many times."""

    def __init__(self, text: str) -> None:
        select = parse(text)
        self.select = select
        self.digest = hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
        """Identifies the query in continuation tokens."""
        self.where = compile_expression(select.where) if select.where else None
        self.project = compile_expression(select.projection) if select.projection else None
        self.joins = [compile_expression(join) for join in select.joins]
        self.order = [(compile_expression(one.expression), one.descending) for one in select.order]
        self.groups = [compile_expression(group) for group in select.groups]
        self.aggregates = [(AGGREGATES[one.function], compile_expression(one.operand)) for one in select.aggregates]
        self.equalities = dict(_equalities(select.where))
        """Property values that every result must have, by path: they limit where a run has to look."""
        self.grouped = bool(self.groups or self.aggregates)
        """True if rows are grouped."""
        bounded = bool(select.top or select.limit or select.distinct)
        self.streams = not (bounded or self.grouped or self.order or self.joins)
        """True if each item yields at most one result, and results are in the order of the items."""
        self.looks_inside = bool(self.where or self.project or self.joins or self.order or self.groups)
        """True if items have to be parsed."""

    def rows(self, body: bytes, given: Parameters) -> Iterator[Row]:
        """The rows of an item that the query selects."""
        item: Row = [orjson.loads(body) if self.looks_inside else None]
        for row in self._joined(item, given, 0) if self.joins else (item,):
            if self.where is None or self.where(row, given) is True:
                yield row

    def result(self, row: Row, body: bytes, given: Parameters) -> bytes | None:
        """The result of a row, as JSON; None if it is undefined."""
        if self.project is None:
            return orjson.dumps(row[0]) if self.select.iterated else body
        value = self.project(row, given)
        return None if value is UNDEFINED else orjson.dumps(value)

    def window(self, given: Parameters) -> tuple[int, int | None]:
        """How many results are skipped, and the maximum number after that."""
        limit = self.select.top or self.select.limit
        return _count(self.select.offset, given, 0), _count(limit, given, 0) if limit else None

    def _joined(self, row: Row, given: Parameters, level: int) -> Iterator[Row]:
        if level == len(self.joins):
            yield row
            return
        values = self.joins[level](row, given)
        for value in values if isinstance(values, list) else ():
            longer = [value] if self.select.iterated and level == 0 else [*row, value]
            yield from self._joined(longer, given, level + 1)


@lru_cache(maxsize=512)
def compile_query(text: str) -> Query:
    """The query of a text.

    Raises:
        CosmosError: 400, it is not a query, or uses an unsupported feature.
    """
    if len(text) > MAX_TEXT:
        raise bad_request(f"the query has {len(text)} characters; at most {MAX_TEXT} are allowed")
    try:
        return Query(text)
    except RecursionError:
        raise bad_request("the query is nested too deeply") from None


class QueryRun:
    """One run of a query whose results have to be seen together: sorted, grouped, bounded or joined."""

    def __init__(self, query: Query, given: Parameters) -> None:
        self._query = query
        self._given = given
        self._offset, self._limit = query.window(given)
        self._found: list[tuple[list[SortKey], bytes]] = []
        self._groups: dict[bytes, tuple[Row, list[list[Value]]]] = {}

    @property
    def full(self) -> bool:
        """True if no further item can change the results."""
        unbounded = self._limit is None or self._query.order or self._query.grouped or self._query.select.distinct
        return not unbounded and len(self._found) >= self._offset + (self._limit or 0)

    def add(self, body: bytes) -> bool:
        """Process one item; returns True if it is part of the results."""
        selected = False
        for row in self._query.rows(body, self._given):
            selected = True
            if self._query.grouped:
                self._add_to_group(row)
            elif (result := self._query.result(row, body, self._given)) is not None:
                keys = [SortKey(evaluate(row, self._given)) for evaluate, _ in self._query.order]
                self._found.append((keys, result))
        return selected

    def results(self) -> list[bytes]:
        """All results, after every item was processed."""
        if self._query.grouped:
            self._found = [([], result) for result in self._group_results()]
        for at in reversed(range(len(self._query.order))):
            self._found.sort(key=lambda found: found[0][at], reverse=self._query.order[at][1])
        results = [result for _, result in self._found]
        if self._query.select.distinct:
            results = [*{orjson.dumps(orjson.loads(one), option=orjson.OPT_SORT_KEYS): one for one in results}.values()]
        end = None if self._limit is None else self._offset + self._limit
        return results[self._offset : end]

    def _add_to_group(self, row: Row) -> None:
        values = [group(row, self._given) for group in self._query.groups]
        key = orjson.dumps([[] if value is UNDEFINED else [value] for value in values], option=orjson.OPT_SORT_KEYS)
        _, columns = self._groups.setdefault(key, (row, [[] for _ in self._query.aggregates]))
        for column, (_, operand) in zip(columns, self._query.aggregates, strict=True):
            value = operand(row, self._given)
            if value is not UNDEFINED:
                column.append(value)

    def _group_results(self) -> Iterator[bytes]:
        slots = max(1, len(self._query.joins) + (not self._query.select.iterated))
        nothing: Row = [UNDEFINED] * slots
        groups = list(self._groups.values())
        if not groups and not self._query.groups:
            groups = [(nothing, [[] for _ in self._query.aggregates])]
        for row, columns in groups:
            totals = [function(column) for column, (function, _) in zip(columns, self._query.aggregates, strict=True)]
            result = self._query.result([*row, *totals], b"", self._given)
            if result is not None:
                yield result


def _equalities(where: syntax.Expression | None) -> Iterator[tuple[tuple[str, ...], Evaluate]]:
    for part in where.operands if isinstance(where, syntax.Logical) and where.operator == "AND" else (where,):
        match part:
            case syntax.Binary("=", left, right):
                for one, other in ((left, right), (right, left)):
                    path = _path(one)
                    if path and isinstance(other, syntax.Literal | syntax.Parameter):
                        yield path, compile_expression(other)


def _path(node: syntax.Expression) -> tuple[str, ...]:
    """The names on the path from the item to a property; empty for any other expression."""
    match node:
        case syntax.MemberAccess(syntax.Variable(slot=0), syntax.Literal(str(name))):
            return (name,)
        case syntax.MemberAccess(of, syntax.Literal(str(name))) if path := _path(of):
            return (*path, name)
    return ()


def _count(node: syntax.Expression | None, given: Parameters, default: int) -> int:
    if node is None:
        return default
    value = compile_expression(node)([], given)
    if type(value) is not int or value < 0:
        raise CosmosError(400, "TOP, OFFSET and LIMIT take whole numbers that are not negative")
    return value
