"""A result that was read back is the one that was written, and what is none is told in one line."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import TYPE_CHECKING, Any

import pytest

from pytest_rtmedload.report.json_reader import NotAResult, from_dict, from_json
from pytest_rtmedload.report.json_report import to_dict, to_json
from pytest_rtmedload.report.page.html import page
from pytest_rtmedload.report.terminal.summary import summary_text
from pytest_rtmedload.results.details import (
    CallTape,
    CapacityResult,
    ConversationResult,
    ConversationTurn,
    DriftResult,
    SlowOperation,
)
from pytest_rtmedload.results.model import RunResult, ShardResult, StageResult, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_rtmedload.results.model import TargetResult, TestResult


def finite(thing: Any) -> Any:
    """The same without what JSON does not know: where the model has room for None, that is what is read."""
    if isinstance(thing, float):
        return thing if math.isfinite(thing) else None
    if isinstance(thing, list | tuple):
        return type(thing)(map(finite, thing))
    if isinstance(thing, dict):
        return {name: finite(value) for name, value in thing.items()}
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        fields = {field.name: finite(getattr(thing, field.name)) for field in dataclasses.fields(thing)}
        return dataclasses.replace(thing, **fields)
    return thing


def test_what_was_read_draws_the_same_page(any_run: RunResult) -> None:
    written = finite(any_run)
    read = from_json(to_json(written))
    assert page(read) == page(written)
    assert summary_text(read) == summary_text(written)
    assert from_dict(to_dict(read)) == read


def test_what_was_read_is_what_was_written(green: RunResult) -> None:
    assert from_json(to_json(green)) == green


def test_every_detail_is_read(
    build_run: Callable[..., RunResult],
    build_test: Callable[..., TestResult],
    build_target: Callable[..., TargetResult],
) -> None:
    test = build_test()
    turn = ConversationTurn("chest_pain_1", "my chest", "911", 1.0, 2.0, None, 3.0, 4.0, 5.0, "", interrupted=False)
    stage = StageResult("20 users", 20, 1.0, 2.0, Verdict.PASS, [], 9, 0, 4.5, test.metrics, [build_target()])
    run = build_run(
        [
            build_test(
                stages=[stage],
                capacity=CapacityResult(20, 20, None, "capacity: proved up to 20 users", 30, [40]),
                drift=[DriftResult("iteration", "p50", 1.0, 2.0, (0.9, 1.1), (1.9, None), drifted=True, text="slower")],
                slowest=[SlowOperation("iteration", "", 9.0, 3, 1, "call-1", "ok")],
                conversations=[ConversationResult("typical", "call-1", "", 9000.0, [turn])],
                recordings=[CallTape("call-1", "a.wav", "a.svg", "a.json")],
                generator=build_test().generator.__class__(
                    Verdict.PASS,
                    *(0.1, 0.2, 0.3, 40.0, 1.0),
                    *(0, 0, 1.0, []),
                    shards=[ShardResult("gw0", 5, 100, 0.0, 1.0, 40.0, 0, None, "died")],
                ),
            )
        ]
    )
    assert from_json(to_json(run)) == run


def test_fields_with_a_default_may_be_missing_and_unknown_ones_are_passed_over(green: RunResult) -> None:
    document = to_dict(green)
    for test in document["tests"]:
        del test["stages"], test["capacity"]
        test["mood"] = "good"
    assert from_dict(document) == green


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not JSON"),
        (b'{"schema": 1, "summ', "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "it names no schema"),
        (b'{"schema": 2}', "a result of schema 2, and this version reads schema 1"),
        (b'{"schema": true}', "a result of schema True, and this version reads schema 1"),
        (b'{"schema": 1}', "the document has no 'summary'"),
    ],
)
def test_what_is_no_result(content: bytes, said: str) -> None:
    with pytest.raises(NotAResult) as caught:
        from_json(content)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda d: d.update(tests={}), "tests is not a list"),
        (lambda d: d["summary"].update(verdict="GREEN"), "summary.verdict is 'GREEN' and not one of PASS, FAIL"),
        (lambda d: d["summary"].update(tests=1.5), "summary.tests is not a whole number"),
        (lambda d: d["summary"].update(complete=1), "summary.complete is not true or false"),
        (lambda d: d["summary"].pop("errors"), "summary has no 'errors'"),
        (lambda d: d["tests"][0].update(nodeid=None), "tests[0].nodeid is not text"),
        (lambda d: d["tests"][0]["targets"][0].update(limit="150"), "tests[0].targets[0].limit is not a number"),
        (lambda d: d["tests"][0]["targets"][0].update(bounds=[1]), "tests[0].targets[0].bounds has 1 values and not 2"),
        (lambda d: d["tests"][0]["metrics"].update(x=[]), "tests[0].metrics['x'] is not an object"),
    ],
)
def test_the_place_that_is_wrong_is_named(
    failing: RunResult, damage: Callable[[dict[str, Any]], object], said: str
) -> None:
    document = json.loads(to_json(failing))
    damage(document)
    with pytest.raises(NotAResult) as caught:
        from_dict(document)
    assert f"not a result of a load test: {said}" in str(caught.value)
