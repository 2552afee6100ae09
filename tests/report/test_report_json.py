from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import jsonschema
import orjson
import pytest

from pytest_rtmedload.report.json_report import schema, to_dict, to_json
from pytest_rtmedload.results.histogram import Histogram
from pytest_rtmedload.results.model import Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_rtmedload.results.model import RunResult, TargetResult, TestResult

VALIDATOR = jsonschema.Draft202012Validator(schema())


def test_schema_is_a_valid_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


def test_every_run_matches_the_schema(any_run: RunResult) -> None:
    VALIDATOR.validate(json.loads(to_json(any_run)))


def test_file_holds_what_to_dict_says(any_run: RunResult) -> None:
    assert json.loads(to_json(any_run)) == to_dict(any_run)


@pytest.mark.parametrize(
    "damage",
    [
        lambda d: d.update(extra=1),
        lambda d: d["summary"].pop("success_rate"),
        lambda d: d["summary"].update(verdict="GREEN"),
        lambda d: d["tests"][0].update(p95=1),
        lambda d: d["tests"][0]["targets"][0].update(limit_ms="150"),
        lambda d: d["tests"][0]["targets"][0].update(bounds_ms=[1]),
        lambda d: d["tests"][0]["metrics"]["iteration"].pop("p999_ms"),
        lambda d: d["tests"][0]["generator"].update(verdict="FAIL"),
        lambda d: d["tests"][0]["timeline"][0].update(users=-1),
    ],
)
def test_schema_rejects_another_shape(failing: RunResult, damage: Callable[[dict[str, Any]], object]) -> None:
    document = to_dict(failing)
    damage(document)
    assert not VALIDATOR.is_valid(document)


def test_fixed_names(failing: RunResult) -> None:
    document = json.loads(to_json(failing))
    assert list(document) == ["schema", "summary", "run", "criteria", "tests", "outcomes"]
    assert document["schema"] == 1
    assert document["summary"]["verdict"] == "FAIL"
    assert document["summary"]["success_rate"] == 99.21
    test = document["tests"][3]
    assert test["nodeid"] == "tests/load/api/test_calls.py::test_start_call"
    assert test["metrics"]["POST /api/call"]["failed"] == 98
    target = test["targets"][1]
    fixed = ["metric", "percentile", "limit_ms", "value_ms", "bounds_ms", "n", "k", "needed", "verdict", "leaning"]
    assert {name: target[name] for name in fixed} == {
        "metric": "POST /api/call",
        "percentile": "p95",
        "limit_ms": 150.0,
        "value_ms": 181.0,
        "bounds_ms": [170.2, 193.4],
        "n": 1200,
        "k": 38,
        "needed": None,
        "verdict": "FAIL",
        "leaning": None,
    }
    assert test["errors"][0]["count"] == 89
    assert test["phases"]["measure"] == [4.0, 20.0]
    assert test["timeline"][12]["metrics"]["iteration"]["failed"] > 0


def test_a_target_without_milliseconds_has_null_there(failing: RunResult) -> None:
    target = to_dict(failing)["tests"][0]["targets"][1]
    assert (target["percentile"], target["kind"], target["unit"], target["limit"]) == ("errors", "errors", "%", 0.05)
    assert target["limit_ms"] is target["value_ms"] is target["bounds_ms"] is None
    assert target["bounds"] == [0.0, 0.002]


def test_a_maximum_in_milliseconds_has_no_bounds(
    build_run: Callable[..., RunResult],
    build_test: Callable[..., TestResult],
    build_target: Callable[..., TargetResult],
) -> None:
    run = build_run([build_test(targets=[build_target(name="max", kind=Kind.MAXIMUM, bounds=None)])])
    target = to_dict(run)["tests"][0]["targets"][0]
    assert (target["limit_ms"], target["value_ms"], target["bounds_ms"]) == (150.0, 82.0, None)


def test_nan_and_infinity_become_null(hostile: RunResult) -> None:
    text = to_json(hostile).decode()
    assert "NaN" not in text
    assert "Infinity" not in text
    value = next(iter(to_dict(hostile)["tests"][0]["values"].values()))
    assert value == {"unit": "<b>", "count": 1, "mean": None, "min": None, "max": None}


def test_what_was_not_measured_is_null(nothing: RunResult) -> None:
    test = to_dict(nothing)["tests"][0]
    assert test["rate"] is None
    assert test["metrics"]["iteration"]["p95_ms"] is None
    assert test["generator"]["lag_p99_ms"] is None
    assert test["targets"][0]["value_ms"] is None


def test_histograms_can_be_read_back(green: RunResult) -> None:
    metric = json.loads(to_json(green))["tests"][0]["metrics"]["iteration"]
    assert Histogram.decode(metric["histogram"]).count == metric["count"]


def test_a_seed_beyond_64_bits_and_a_lone_surrogate_do_not_lose_the_result(hostile: RunResult) -> None:
    with pytest.raises(TypeError):
        orjson.dumps(hostile.run.seed)
    document = json.loads(to_json(hostile).decode("utf-8"))
    assert document["run"]["seed"] == 2**70
    assert document["tests"][0]["nodeid"].endswith("日本\\ud800]")


def test_all_fields_of_the_model_are_written(green: RunResult) -> None:
    test = to_dict(green)["tests"][0]
    assert set(test) == {field.name for field in dataclasses.fields(green.tests[0])}
    assert set(test["generator"]) == {field.name for field in dataclasses.fields(green.tests[0].generator)}
