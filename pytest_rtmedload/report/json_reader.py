"""Reads the run's model from its JSON: the inverse of `json_report`, so that today's page can show an old result.

The rule: what is read is exactly what the model's type hints say, field by field; anything else is not a result,
and the error names the place. A field that has a default may be missing, as in results of an earlier version; fields
unknown to the model are ignored.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import types
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NoReturn, Union, get_args, get_origin, get_type_hints

from pytest_rtmedload.results import details, model, outcomes
from pytest_rtmedload.results.model import SCHEMA_VERSION, RunResult, TargetResult

if TYPE_CHECKING:
    from collections.abc import Mapping

_NO_JSON = "a truncated file, or not of a load test"


class NotAResult(ValueError):  # noqa: N818 - names a state
    """This is not a result of a load test; the message says in one line where it is wrong."""


def from_json(content: bytes) -> RunResult:
    """The run that a JSON file holds.

    Raises:
        NotAResult: it holds none, or one of another schema.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise NotAResult(f"not JSON ({error}): {_NO_JSON}") from None
    return from_dict(document)


def from_dict(document: Any) -> RunResult:
    """The run that `json_report.to_dict` converted to builtin types.

    Raises:
        NotAResult: it is none, or one of another schema.
    """
    if not isinstance(document, dict) or "schema" not in document:
        raise NotAResult("not a result of a load test: it names no schema")
    schema = document["schema"]
    if schema != SCHEMA_VERSION or isinstance(schema, bool):
        raise NotAResult(f"a result of schema {schema!r:.40}, and this version reads schema {SCHEMA_VERSION}")
    run: RunResult = _dataclass(RunResult, document, "")
    return run


def _read(kind: Any, value: Any, place: str) -> Any:
    """A value converted to a type hint of the model."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return None if value is None else _read(next(a for a in arguments if a is not type(None)), value, place)
    if origin is list:
        return [_read(arguments[0], item, f"{place}[{i}]") for i, item in enumerate(_of(list, value, place))]
    if origin is dict:
        items = _of(dict, value, place).items()
        return {name: _read(arguments[1], item, f"{place}[{name!r:.60}]") for name, item in items}
    if origin is tuple:
        return _tuple(arguments, value, place)
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind, value, place)
    return _leaf(kind, value, place)


def _tuple(kinds: tuple[Any, ...], value: Any, place: str) -> tuple[Any, ...]:
    values = _of(list, value, place)
    if len(values) != len(kinds):
        _refuse(place, f"has {len(values)} values and not {len(kinds)}")
    return tuple(_read(kind, item, f"{place}[{i}]") for i, (kind, item) in enumerate(zip(kinds, values, strict=True)))


def _dataclass(kind: Any, value: Any, place: str) -> Any:
    fields = _of(dict, value, place)
    if kind is TargetResult:
        fields = {**fields, "name": fields.get("percentile")}  # as the JSON calls it
    given = {}
    for name, (hint, needed) in _fields_of(kind).items():
        if name in fields:
            given[name] = _read(hint, fields[name], f"{place}.{name}".lstrip("."))
        elif needed:
            _refuse(place, f"has no {name!r}")
    return kind(**given)


@functools.cache
def _fields_of(kind: Any) -> Mapping[str, tuple[Any, bool]]:
    """Field → type, and whether it must be there."""
    hints = get_type_hints(
        kind, localns={**vars(details), **vars(outcomes), **vars(model)}
    )  # imported there for types only
    missing = dataclasses.MISSING
    return {
        field.name: (hints[field.name], field.default is missing and field.default_factory is missing)
        for field in dataclasses.fields(kind)
    }


def _leaf(kind: Any, value: Any, place: str) -> Any:
    if kind is float:
        if value is None:
            return math.nan  # JSON has no other word for it
        return float(_of((int, float), value, place))
    if issubclass(kind, StrEnum):
        try:
            return kind(_of(str, value, place))
        except ValueError:
            _refuse(place, f"is {value!r:.40} and not one of {', '.join(kind)}")
    return _of(kind, value, place)


def _of(kind: type | tuple[type, ...], value: Any, place: str) -> Any:
    """The value, if it is of this JSON type; true and false are not numbers."""
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        _refuse(place, f"is not {_WORDS[kind if isinstance(kind, type) else float]}")
    return value


_WORDS: Mapping[type, str] = {
    dict: "an object",
    list: "a list",
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
}


def _refuse(place: str, what: str) -> NoReturn:
    raise NotAResult(f"not a result of a load test: {place or 'the document'} {what}")
