from __future__ import annotations

import time
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rtmedload.embedded.cosmos.errors import CosmosError
from pytest_rtmedload.embedded.cosmos.sql.like import like_pattern
from pytest_rtmedload.embedded.cosmos.sql.query import MAX_TEXT, QueryRun, compile_query
from pytest_rtmedload.embedded.cosmos.sql.values import UNDEFINED, SortKey, same

NOTHING: list[Any] = []


def run(text: str, *documents: Any, **parameters: Any) -> list[Any]:
    """The results of a query over documents."""
    query = QueryRun(compile_query(text), {f"@{name}": value for name, value in parameters.items()})
    for document in documents:
        query.add(orjson.dumps(document))
    return [orjson.loads(result) for result in query.results()]


def value_of(expression: str, document: Any = None, **parameters: Any) -> list[Any]:
    """What an expression is for a document; nothing if it is undefined."""
    return run(f"SELECT VALUE {expression} FROM c", document or {}, **parameters)  # noqa: S608 - that is what it is for


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("1 = 1.0", [True]),
        ("1 = '1'", [False]),
        ("1 = true", [False]),
        ("null = null", [True]),
        ("1 != '1'", [True]),
        ("1 < '2'", NOTHING),
        ("true > false", [True]),
        ("[1, {a: 1}] = [1, {'a': 1}]", [True]),
        ("[1] = [true]", [False]),
        ("[1] < [2]", NOTHING),
        ("c.absent = 1", NOTHING),
        ("c.absent = undefined", NOTHING),
        ("NOT c.absent", NOTHING),
        ("NOT 1", NOTHING),
        ("true OR c.absent", [True]),
        ("c.absent OR true", [True]),
        ("false OR c.absent", NOTHING),
        ("false AND c.absent", [False]),
        ("true AND c.absent", NOTHING),
        ("1 IN (2, '1', 1)", [True]),
        ("1 NOT IN (2, 3)", [True]),
        ("c.absent IN (1)", NOTHING),
        ("2 BETWEEN 1 AND 2", [True]),
        ("2 NOT BETWEEN 1 AND 2", [False]),
        ("'b' BETWEEN 'a' AND 1", NOTHING),
        ("1 + 2 * 3 - 4 / 2", [5]),
        ("-7 % 3", [-1]),
        ("1 / 0", NOTHING),
        ("1 + '1'", NOTHING),
        ("'a' || 'b' || 'c'", ["abc"]),
        ("c.absent ?? null ?? 1", [None]),
        ("1 > 2 ? 'yes' : 2 > 1 ? 'no' : 'never'", ["no"]),
        ("'It\\'s \\u00e9\\n'", ["It's é\n"]),
        ('"a" -- a comment\n', ["a"]),
        ("[1, c.absent, 2]", [[1, 2]]),
        ("{a: c.absent, 'b': 1}", [{"b": 1}]),
        ("9007199254740993 * 1000", [9007199254740993000.0]),
        ("0x1F", [31]),
        ("1e3", [1000]),
    ],
)
def test_operators(expression: str, wanted: list[Any]) -> None:
    assert value_of(expression) == wanted


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("CONTAINS('Brustschmerz', 'SCHMERZ')", [False]),
        ("contains('Brustschmerz', 'SCHMERZ', true)", [True]),
        ("CONTAINS(1, 'a')", NOTHING),
        ("IS_DEFINED(c.absent) OR IS_NULL(null) AND IS_NUMBER(1.5)", [True]),
        ("IS_STRING(1) OR IS_BOOL(1) OR IS_ARRAY({}) OR IS_OBJECT([])", [False]),
        ("IS_INTEGER(1.5)", [False]),
        ("ARRAY_CONTAINS([{a: 1, b: 2}], {a: 1})", [False]),
        ("ARRAY_CONTAINS([{a: 1, b: 2}], {a: 1}, true)", [True]),
        ("ARRAY_SLICE([1, 2, 3], -2, 1)", [[2]]),
        ("ARRAY_CONCAT([1], [2])", [[1, 2]]),
        ("SUBSTRING('abcdef', 1, 3)", ["bcd"]),
        ("LEFT('abc', 2) || RIGHT('abc', 1) || RIGHT('abc', 0)", ["abc"]),
        ("INDEX_OF('abcabc', 'c', 3)", [5]),
        ("REPLACE('aXa', 'X', 'y') || REVERSE('ab') || TRIM(' c ')", ["ayabac"]),
        ("CONCAT('a', 'b', c.absent)", NOTHING),
        ("ToString(true) || ToString(1)", ["true1"]),
        ("ROUND(-2.5)", [-3]),
        ("SQRT(-1)", NOTHING),
        ("POWER(10, 400)", NOTHING),
        ("ABS(-1) + FLOOR(1.9) + CEILING(1.1) + SIGN(-3)", [3]),
        ("IIF(c.absent, 1, 2)", [2]),
        ("GetCurrentTimestamp() > 1700000000000", [True]),
        ("STARTSWITH(GetCurrentDateTime(), '2')", [True]),
    ],
)
def test_functions(expression: str, wanted: list[Any]) -> None:
    assert value_of(expression) == wanted


def test_paths() -> None:
    document = {"a": {"b c": [{"d": 5}]}, "value": 1, "order": 2}
    assert value_of('c.a["b c"][0].d', document) == [5]
    assert value_of("c.a[@name][@at].d", document, name="b c", at=0) == [5]
    assert value_of("c.a['b c'][1].d", document) == NOTHING
    assert run("SELECT c.value, c.order, c.a.x FROM c", document) == [{"value": 1, "order": 2}]
    assert run("SELECT 1, c.value + 1, c.order o FROM root c", document) == [{"$1": 1, "$2": 2, "o": 2}]


def test_order_of_kinds() -> None:
    values = [[1], "b", "a", 2, -1, True, False, None]
    documents = [{"v": value} for value in values] + [{}]
    assert run("SELECT VALUE c.v FROM c ORDER BY c.v", *documents) == [None, False, True, -1, 2, "a", "b", [1]]
    assert run("SELECT VALUE c.v ?? 0 FROM c ORDER BY c.v DESC", *documents)[-1] == 0


def test_groups_and_aggregates() -> None:
    documents = [{"g": n % 2, "n": n} for n in range(5)] + [{"g": "x"}, {"n": 7}]
    text = (
        "SELECT c.g, COUNT(c.n) AS n, SUM(c.n) AS s, AVG(c.n) AS a, MIN(c.n) AS lo, MAX(c.n) AS hi FROM c GROUP BY c.g"
    )
    assert run(text, *documents) == [
        {"g": 0, "n": 3, "s": 6, "a": 2, "lo": 0, "hi": 4},
        {"g": 1, "n": 2, "s": 4, "a": 2, "lo": 1, "hi": 3},
        {"g": "x", "n": 0, "s": 0},
        {"n": 1, "s": 7, "a": 7, "lo": 7, "hi": 7},
    ]
    assert run("SELECT VALUE COUNT(1) FROM c") == [0]
    assert run("SELECT VALUE MAX(c.n) FROM c") == NOTHING
    assert run("SELECT VALUE SUM(c.g) FROM c", *documents) == NOTHING  # there is a text among them


def test_joins_and_windows() -> None:
    documents = [{"id": "1", "a": [1, 2], "b": [[3], [4]]}, {"id": "2", "a": 5}]
    assert run("SELECT VALUE [x, z] FROM c JOIN x IN c.a JOIN y IN c.b JOIN z IN y", *documents) == [
        [1, 3], [1, 4], [2, 3], [2, 4],
    ]  # fmt: skip
    assert run("SELECT * FROM x IN c.a WHERE x > 1", *documents) == [2]
    assert run("SELECT TOP @n VALUE c.id FROM c", *documents, n=1) == ["1"]
    assert run("SELECT VALUE c.id FROM c OFFSET 1 LIMIT 5", *documents) == ["2"]
    assert run("SELECT TOP 0 * FROM c", *documents) == NOTHING


def test_it_stops_looking_when_it_has_enough() -> None:
    query = QueryRun(compile_query("SELECT TOP 2 * FROM c"), {})
    seen = 0
    while not query.full:
        query.add(b"{}")
        seen += 1
    assert seen == 2


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "expected SELECT"),
        ("DELETE FROM c", "incorrect syntax near 'DELETE', expected SELECT"),
        ("SELECT * FROM c WHERE c.a ==", "incorrect syntax near '='"),
        ("SELECT * FROM c WHERE c.a = 'x", 'invalid token \\"\'x\\"'),
        ("SELECT * FROM c WHERE d.a = 1", "Identifier 'd' could not be resolved"),
        ("SELECT * FROM c; DROP", "invalid token"),
        ("SELECT * FROM c WHERE REGEXMATCH(c.a, 'x')", "'REGEXMATCH' is not a function"),
        ("SELECT * FROM c WHERE LENGTH(c.a, 1) = 1", "LENGTH takes 1 arguments, not 2"),
        ("SELECT * FROM c WHERE c.a | 1 = 1", "the bit operator '|'"),
        ("SELECT * FROM c WHERE ~c.a = 1", "the bit operator '~'"),
        ("SELECT * FROM c WHERE c.a = (SELECT VALUE 1)", "subqueries"),
        ("SELECT ARRAY(SELECT VALUE t FROM t IN c.a) FROM c", "subqueries: ARRAY"),
        ("SELECT * FROM c JOIN (SELECT VALUE t FROM t IN c.a)", "JOIN with a subquery"),
        ("SELECT c FROM c JOIN t IN (SELECT VALUE 1)", "JOIN with a subquery"),
        ("SELECT * FROM c JOIN t IN c.a", "'SELECT *' is not allowed with JOIN"),
        ("SELECT * FROM c.a", "FROM with a path or a subquery"),
        ("SELECT udf.f(c) FROM c", "user-defined functions"),
        ("SELECT * FROM c WHERE NOT c.a = 1", "NOT before = without parentheses"),
        ("SELECT * FROM c WHERE COUNT(1) > 1", "COUNT is not allowed here"),
        ("SELECT c.a, COUNT(1) FROM c", "must be in GROUP BY"),
        ("SELECT * FROM c GROUP BY c.a", "must be in GROUP BY"),
        ("SELECT c.a FROM c GROUP BY c.a ORDER BY c.a", "ORDER BY with GROUP BY or an aggregate"),
        ("SELECT * FROM c OFFSET 1", "expected LIMIT"),
        ("SELECT TOP -1 * FROM c", "expected a number or a parameter"),
        ("SELECT TOP 1.5 * FROM c", "whole numbers"),
        ("SELECT TOP @n * FROM c", "'@n' has no value"),
        ("SELECT * FROM c WHERE c.a LIKE '[z-a]'", "bad character range"),
        ("SELECT * FROM c WHERE " + "(" * 1000 + "1" + ")" * 1000, "nested more than 40 deep"),
        ("SELECT * FROM c WHERE " + "- " * 20_000 + "1 = 1", "nested too deeply"),
        (f"SELECT '{'x' * MAX_TEXT}'", "characters; at most"),
    ],
)
def test_what_is_wrong_or_unknown_is_named(text: str, named: str) -> None:
    with pytest.raises(CosmosError) as caught:
        run(text, {"a": "m"})
    assert caught.value.status == 400
    assert named in caught.value.message


def test_a_thousand_conditions_are_no_problem() -> None:
    """`read_items` of the official client writes such queries."""
    text = " OR ".join(["SELECT VALUE c.id FROM c WHERE false", *(f"c.id = '{n}' AND c.pk = 'p'" for n in range(1000))])
    assert run(text, {"id": "999", "pk": "p"}) == ["999"]


def test_what_all_results_have_in_common_is_known() -> None:
    query = compile_query("SELECT * FROM c WHERE c.id = @id AND 'x' = c.a.b AND c.n > 1 AND (c.m = 1 OR c.m = 2)")
    assert {path: find([], {"@id": "1"}) for path, find in query.equalities.items()} == {("id",): "1", ("a", "b"): "x"}
    assert not compile_query("SELECT * FROM c WHERE c.id = '1' OR c.n = 1").equalities


def naive_like(pattern: str, text: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "%":
        return any(naive_like(pattern[1:], text[at:]) for at in range(len(text) + 1))
    return bool(text) and pattern[0] in ("_", text[0]) and naive_like(pattern[1:], text[1:])


@given(st.text("ab%_", max_size=8), st.text("ab", max_size=8))
def test_like_is_what_its_definition_says(pattern: str, text: str) -> None:
    assert bool(like_pattern(pattern, "").fullmatch(text)) == naive_like(pattern, text)


def test_like_sets_and_escapes() -> None:
    assert value_of("'50%' LIKE '50!%' ESCAPE '!'") == [True]
    assert value_of("'500' LIKE '50!%' ESCAPE '!'") == [False]
    assert value_of("'x-' LIKE '[a-cx]_' AND 'd' NOT LIKE '[^d]' AND 'a.b' LIKE 'a.b' AND 'axb' NOT LIKE 'a.b'") == [
        True
    ]


def test_like_takes_no_exponential_time() -> None:
    begun = time.perf_counter()
    assert like_pattern("%a" * 30 + "%b", "").fullmatch("a" * 5000) is None
    assert time.perf_counter() - begun < 5  # a backtracking match would not end in this universe


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 1.0]) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("ab", max_size=1), inner, max_size=2),
    max_leaves=4,
)


@given(json_values, json_values)
def test_equal_values_are_those_of_one_kind_and_content(left: Any, right: Any) -> None:
    assert same(left, left)
    assert same(left, right) == same(right, left)
    if same(left, right) and isinstance(left, int | float | str | None):
        assert SortKey(left) == SortKey(right)


@given(st.lists(json_values | st.just(UNDEFINED), max_size=6))
def test_any_values_have_an_order(values: list[Any]) -> None:
    ordered = sorted(values, key=SortKey)
    kinds = [SortKey(value).kind for value in ordered]
    assert kinds == sorted(kinds)
