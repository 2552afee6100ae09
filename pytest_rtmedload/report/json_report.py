"""The machine-readable result: the run's model field by field, plus the names that are fixed for targets.

NaN and infinity are not JSON: they become null, as does everything that was not measured.
"""

from __future__ import annotations

import dataclasses
import json
import math
from importlib import resources
from typing import TYPE_CHECKING, Any

from pytest_rtmedload.results.model import SCHEMA_VERSION

if TYPE_CHECKING:
    from pytest_rtmedload.results.model import RunResult, TargetResult, TestResult


def to_dict(run: RunResult) -> dict[str, Any]:
    """The run as builtin types, exactly as the JSON file holds it."""
    return {
        "schema": SCHEMA_VERSION,
        "summary": _plain(run.summary),
        "run": _plain(run.run),
        "criteria": _plain(run.criteria),
        "tests": [test_to_dict(test) for test in run.tests],
        "outcomes": _plain(run.outcomes),
    }


def to_json(run: RunResult) -> bytes:
    """The JSON file's content, UTF-8, indented."""
    import orjson  # noqa: PLC0415 - 10 ms, only where a report is written

    document = to_dict(run)
    try:
        return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # an integer beyond 64 bits, such as a user's seed: slower, but the result is not lost
        return (json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the result."""
    text = resources.files(__package__).joinpath("schema.json").read_text("utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def test_to_dict(test: TestResult) -> dict[str, Any]:
    """One test's entry of the JSON result."""
    plain: dict[str, Any] = _plain(test)
    plain["targets"] = [_target(target) for target in test.targets]
    for shown, stage in zip(plain["stages"], test.stages, strict=True):
        shown["targets"] = [_target(target) for target in stage.targets]
    return plain


def _target(target: TargetResult) -> dict[str, Any]:
    """A target with the names made for latencies; those are null where the unit is another."""
    in_ms = target.unit == "ms"
    plain: dict[str, Any] = _plain(target)
    return {
        "metric": plain["metric"],
        "percentile": plain["name"],
        "limit_ms": plain["limit"] if in_ms else None,
        "value_ms": plain["value"] if in_ms else None,
        "bounds_ms": plain["bounds"] if in_ms else None,
        **{key: plain[key] for key in ("n", "k", "needed", "needed_s", "verdict", "leaning")},
        **{key: plain[key] for key in ("kind", "unit", "limit", "value", "bounds", "text")},
    }


def _plain(thing: Any) -> Any:
    """Builtin types only; 10 times faster than `dataclasses.asdict`, which copies every leaf."""
    if thing is None or isinstance(thing, bool | int):
        return thing
    if isinstance(thing, float):
        return thing if math.isfinite(thing) else None
    if isinstance(thing, str):
        return _text(thing)
    if isinstance(thing, dict):
        return {_text(str(key)): _plain(value) for key, value in thing.items()}
    if isinstance(thing, list | tuple):
        return [_plain(value) for value in thing]
    return {field.name: _plain(getattr(thing, field.name)) for field in dataclasses.fields(thing)}


def _text(text: str) -> str:
    """A plain `str` that UTF-8 can encode: paths and answers may contain lone surrogates."""
    return str(text) if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")
