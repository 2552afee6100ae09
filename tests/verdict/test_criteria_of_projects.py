"""Criteria that a project states, limits that tests state, and what nothing was measured for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_rtmedload.results.model import Verdict
from pytest_rtmedload.results.names import ITERATION
from pytest_rtmedload.results.plan import Evidence, Target
from pytest_rtmedload.results.recording import ValueStats
from pytest_rtmedload.spec.criteria import DEFAULT_CRITERIA, with_changes
from pytest_rtmedload.verdict.judge import judge
from pytest_rtmedload.verdict.run import Requirements, fails_run, judge_run
from tests.verdict.verdict_builders import HEALTH, Builder, p, plan

if TYPE_CHECKING:
    from pytest_rtmedload.results.model import CriterionResult, Summary, TestResult

LOOP = "voice.loop"


def calls(ms: float, *targets: Target, name: str = "test_call", n: int = 200, **changes: Any) -> TestResult:
    facts = {"nodeid": f"tests/load/flows/test_x.py::{name}", "group": "flows"} | changes
    return judge(plan(*targets, **facts), Builder().add(LOOP, [ms] * n).recording)


def judged(
    *tests: TestResult, lines: tuple[str, ...] = (), on_command_line: bool = False, complete: bool = True, **asked: Any
) -> tuple[Summary, dict[str, CriterionResult]]:
    criteria = with_changes(DEFAULT_CRITERIA, lines, "load_criteria", demanded=on_command_line)
    summary, found, _, _ = judge_run(
        tests, strict=True, complete=complete, duration_s=1, required=Requirements(criteria, **asked)
    )
    return summary, {criterion.name: criterion for criterion in found}


def test_a_default_gives_way_to_the_limit_of_the_only_test() -> None:
    summary, found = judged(calls(800, p("p95", 900, LOOP)))
    assert summary.verdict is Verdict.PASS
    assert (found["voice.loop p95"].limit, found["voice.loop p95"].n) == (900, 200)
    assert found["voice.loop p95"].text == (
        "voice.loop p95 800 ms ≤ 900 ms (95 % bounds 800–800, n = 200, assumes independent samples; "
        "the limit is that of test_call, by default it is 700 ms) PASS"
    )


def test_tests_with_different_limits_are_judged_each_by_its_own() -> None:
    lenient, plain = calls(800, p("p95", 900, LOOP), name="test_slow"), calls(600)
    summary, found = judged(lenient, plain)
    assert summary.verdict is Verdict.PASS
    assert found["voice.loop p95"].text == (
        "voice.loop p95: samples above their limit (700 ms, 900 ms stated by test_slow) 0 % ≤ 5 % "
        "(95 % bounds 0–0.746, n = 400, assumes independent samples) PASS"
    )
    missed = judged(lenient, calls(750))[1]["voice.loop p95"]
    assert (missed.verdict, missed.value, missed.limit, missed.unit) == (Verdict.FAIL, 50, 5, "%")


def test_a_stricter_limit_is_for_the_verdict_of_its_own_test() -> None:
    summary, found = judged(calls(600, p("p95", 500, LOOP)))
    assert (found["voice.loop p95"].verdict, found["voice.loop p95"].limit) == (Verdict.PASS, 700)
    assert "stated" not in found["voice.loop p95"].text
    assert summary.verdict is Verdict.FAIL  # because of the test, and not twice


def test_a_limit_on_another_percentile_is_another_limit() -> None:
    assert judged(calls(800, p("p99", 900, LOOP)))[1]["voice.loop p95"].verdict is Verdict.FAIL


def test_what_the_project_states_counts_as_it_is_written() -> None:
    found = judged(calls(800, p("p95", 900, LOOP)), lines=("voice.loop p95 = 750",))[1]["voice.loop p95"]
    assert (found.verdict, found.limit) == (Verdict.FAIL, 750)
    assert "stated" not in found.text


@pytest.mark.parametrize(("requests", "verdict"), [([HEALTH], Verdict.PASS), ([HEALTH, "GET /b"], Verdict.FAIL)])
def test_an_iteration_of_one_kind_of_request_states_the_limit_of_that_request(
    requests: list[str], verdict: Verdict
) -> None:
    built = Builder().add(ITERATION, [300] * 200)
    for request in requests:
        built.add(request, [290] * 200)
    test = judge(plan(p("p95", 400, ITERATION)), built.recording)
    assert judged(test)[1]["API p95"].verdict is verdict


def test_values_are_judged_as_observed() -> None:
    built = Builder().add(LOOP, [500] * 100)
    built.recording.values["stt.wer", ""] = ValueStats("", 10, 2.0, 0.1, 0.9)
    test = judge(plan(group="flows"), built.recording)
    lines = ("stt.wer mean_max = 0.1", "stt.wer max = 0.95", "stt.wer min = 0.2")
    found = judged(test, lines=lines)[1]
    assert [found[line.partition(" =")[0]].verdict for line in lines] == [Verdict.FAIL, Verdict.PASS, Verdict.FAIL]
    assert found["stt.wer mean_max"].text == "stt.wer mean_max 0.2 > 0.1 (observed, n = 10) FAIL"


def test_errors_of_one_metric_in_one_group() -> None:
    built = Builder().add(HEALTH, [10] * 100).add("GET /b", [10] * 50).add("GET /b", [10] * 50, "failed")
    tests = [judge(plan(group=group, nodeid=f"test_it.py::{group}"), built.recording) for group in ("api", "shop")]
    found = judged(*tests, lines=("GET /b errors in shop = 10 % limit", f"{HEALTH} errors = 0"))[1]
    assert (found["GET /b errors in shop"].n, found["GET /b errors in shop"].verdict) == (100, Verdict.FAIL)
    assert (found[f"{HEALTH} errors"].n, found[f"{HEALTH} errors"].verdict) == (200, Verdict.PASS)


@pytest.mark.parametrize("demanded", [False, True])
def test_a_criterion_without_data_is_named_and_not_green(demanded: bool) -> None:
    summary, found = judged(calls(500, n=400), lines=("voice.lop p95 = 700",), on_command_line=demanded)
    result = found["voice.lop p95"]
    ending = "FAIL" if demanded else "INCONCLUSIVE"
    assert result.text == (
        f"voice.lop p95: not judged: no load test recorded voice.lop in its measured phase; "
        f"recorded were voice.loop (load_criteria) {ending}"
    )
    assert (result.value, result.n, fails_run(result, strict=False)) == (None, 0, demanded)
    assert summary.verdict is (Verdict.FAIL if demanded else Verdict.PASS)


def test_a_group_that_did_not_run_is_named() -> None:
    text = judged(calls(500), lines=("voice.loop p95 in flow = 700",))[1]["voice.loop p95 in flow"].text
    assert "no load test of the group 'flow' ran; groups were flows" in text


def test_what_was_recorded_and_cannot_be_judged_fails_nothing() -> None:
    smoke = calls(500, evidence=Evidence.NONE)
    result = judged(smoke, lines=("voice.loop p95 = 700",), on_command_line=True)[1]["voice.loop p95"]
    assert (result.verdict, "was recorded" in result.text) == (Verdict.INCONCLUSIVE, True)


def test_an_override_that_applied_to_no_test() -> None:
    typo, right = Target("voice.lop", "p95", 700), Target(LOOP, "p95", 700)
    test = calls(500, right, n=400)
    everything = {"targets": ((right, typo),), "demanded": (right, typo)}
    summary, found = judged(test, **everything)
    assert summary.verdict is Verdict.FAIL
    assert found["target voice.lop p95"].text == (
        "target voice.lop p95: not judged: no load test recorded voice.lop in its measured phase; "
        "recorded were voice.loop (--load-target) FAIL"
    )
    assert "target voice.loop p95" not in found
    of_the_ini = judged(test, targets=((right, typo),))
    assert (of_the_ini[0].verdict, of_the_ini[1]["target voice.lop p95"].verdict) == (
        Verdict.PASS,
        Verdict.INCONCLUSIVE,
    )
    cut_short = judged(test, complete=False, **everything)
    assert cut_short[1]["target voice.lop p95"].verdict is Verdict.INCONCLUSIVE
    assert "target voice.lop p95" not in judged(targets=((typo,),), demanded=(typo,))[1]
