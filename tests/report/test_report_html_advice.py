from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from pytest_rtmedload.report.advice import next_steps, of_test
from pytest_rtmedload.report.breaches import exceeded
from pytest_rtmedload.results.details import CapacityResult, ErrorResult, LagResult, SlowOperation
from pytest_rtmedload.results.model import Kind, RunResult, ShardResult, TestResult, Verdict
from pytest_rtmedload.results.names import NEVER_SENT
from tests.report.report_builders import (
    bare_test,
    criterion,
    failing_test,
    inconclusive_test,
    invalid_test,
    make_run,
    make_test,
    target,
    timeline,
)
from tests.report.report_details import capacity_test, flow_test, spike_test

if TYPE_CHECKING:
    from collections.abc import Sequence


def told(test: TestResult) -> list[str]:
    return [str(advice) for advice in of_test(test)]


def test_every_run_gets_advice_in_one_line_each(any_run: RunResult) -> None:
    steps = [str(advice) for advice in next_steps(any_run)]
    assert steps
    assert not [step for step in steps if "\n" in step or "\x1b" in step or "None" in step]


def test_too_few_samples_want_one_longer_run() -> None:
    # 48 s so far, 24.3 s missing with 15 % in reserve: 75.9 s
    assert told(inconclusive_test()) == ["too few samples for a verdict; run longer: --load-duration 80s"]
    longer = dataclasses.replace(inconclusive_test().targets[0], needed_s=200.0)
    run = make_run([inconclusive_test(), inconclusive_test(nodeid="a.py::test_b", targets=[longer])])
    (step,) = next_steps(dataclasses.replace(run, run=dataclasses.replace(run.run, suite="standard")))
    assert step.text.endswith(", a.py::test_b: too few samples for a verdict; run longer")
    assert step.option == "--load-duration 280s"
    (step,) = next_steps(dataclasses.replace(run, run=dataclasses.replace(run.run, suite="quick")))
    assert step.option == "--suite standard"


@pytest.mark.parametrize("missing", [None, 7200.0])
def test_what_no_hour_can_tell_wants_more_users(missing: float | None) -> None:
    thin = dataclasses.replace(inconclusive_test().targets[0], needed_s=missing)
    assert of_test(inconclusive_test(targets=[thin]))[0].option == "--load-users 6"


def test_a_generator_at_its_end_wants_half_the_load() -> None:
    (rated,) = of_test(invalid_test())
    assert rated.option == "--load-rate 156"
    assert "add processes with -n" in rated.text
    (closed,) = of_test(dataclasses.replace(invalid_test(), model="closed", users=501))
    assert closed.option == "--load-users 250"


def test_a_lost_shard_is_looked_for() -> None:
    lost = ShardResult("gw1", 5, 0, None, None, None, 0, None, lost="killed")
    sick = invalid_test()
    shards = dataclasses.replace(sick.generator, shards=[lost])
    assert told(dataclasses.replace(sick, generator=shards)) == [
        "a process of the load generator was lost; find out why and run again"
    ]


def test_a_slow_metric_is_told_with_its_seconds() -> None:
    test = failing_test()
    assert told(test) == [
        "POST /api/call p95 is 20.7 % above its limit, in 4 of 16 seconds, from second 12 to 15; look at the agent"
    ]
    far = [dataclasses.replace(t, value=32 * t.limit) if t.name == "p95" else t for t in test.targets]
    assert told(dataclasses.replace(test, targets=far))[0].startswith("POST /api/call p95 is 32 times its limit, in 4")
    only = [dataclasses.replace(p, metrics=p.metrics if p.second == 13 else {}) for p in test.timeline]
    assert exceeded(dataclasses.replace(test, timeline=only), test.targets[1]) == "all the time"
    once = timeline(20, {"POST /api/call": 66}, failing=range(14, 15))
    assert exceeded(dataclasses.replace(test, timeline=once), test.targets[1]) == "in second 14"
    assert exceeded(dataclasses.replace(test, timeline=[]), test.targets[1]) == ""


def test_slow_all_the_time_is_tried_with_less() -> None:
    always = timeline(20, {"POST /api/call": 96}, failing=range(20))
    test = dataclasses.replace(failing_test(), timeline=always)
    (said,) = of_test(test)
    assert said.text.endswith("all the time; see whether the load is the cause with half the users")
    assert said.option == "--load-users 5"
    assert of_test(dataclasses.replace(test, users=1))[0].option == ""
    assert of_test(dataclasses.replace(test, model="open"))[0].option == ""


def test_the_slowest_are_named_by_their_ids() -> None:
    (said,) = told(flow_test())
    assert said.endswith("look in the agent's log for the slowest: call-8842 (1,210 ms), call-8817 (1,150 ms)")


def test_ids_of_others_stay_on_one_line() -> None:
    strange = SlowOperation("voice.loop", "", 990.0, 1, 1, "a\nb\x1b[31m" + "c" * 100, "ok")
    (said,) = told(flow_test(slowest=[strange]))
    assert said.isprintable()
    assert "a b\\x1b[31mccc" in said
    assert "c" * 60 not in said


def test_a_level_that_failed_is_named() -> None:
    assert told(spike_test()) == [
        "POST /api/call p95 is 26 % above its limit, from 50 users on (spike); look at the agent"
    ]


def test_errors_are_told_by_the_most_frequent() -> None:
    errors = [ErrorResult("timeout", 12, ""), ErrorResult("503", 89, "")]
    test = make_test(verdict=Verdict.FAIL, targets=[], errors=errors, failed=101)
    assert told(test) == ["89 of 101 failures are '503'; see the agent's log"]
    since = timeline(20, {"iteration": 9.0}, failing=range(7, 9))
    assert told(dataclasses.replace(test, timeline=since)) == [
        "89 of 101 failures are '503', first in second 7; see the agent's log"
    ]


def test_nothing_measured_is_said_so() -> None:
    assert told(bare_test()) == ["POST /api/call was not measured; does the test body reach it?"]


@pytest.mark.parametrize(
    ("met", "missed", "said"),
    [
        (None, 5, ["no number of users that was tried met the targets; begin the search lower"]),
        (40, None, ["all up to 40 users met the targets; search higher"]),
        (30, 35, []),
    ],
)
def test_a_search_without_an_end_goes_on(met: int | None, missed: int | None, said: Sequence[str]) -> None:
    assert told(capacity_test(capacity=CapacityResult(met, met, missed, ""))) == said


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (CapacityResult(4, 4, 8, "", likely=7), "7 users are likely, not proved; hold each level longer"),
        (
            CapacityResult(None, 8, None, "", unknown=[16]),
            "the load generator was the limit at 16 users; add processes with -n",
        ),
    ],
)
def test_a_search_is_advised_by_what_it_left_open(found: CapacityResult, said: str) -> None:
    assert told(capacity_test(capacity=found)) == [said]
    assert told(capacity_test(capacity=found, verdict=Verdict.INCONCLUSIVE)) == [said]


def test_one_user_cannot_be_halved() -> None:
    alone = dataclasses.replace(capacity_test().stages[0], users=1)
    failed = capacity_test(
        capacity=CapacityResult(None, None, 1, ""),
        stages=[alone],
        targets=[],
        verdict=Verdict.FAIL,
        reasons=["capacity: nothing proved, missed at 1 user"],
    )
    assert told(failed) == ["capacity: nothing proved, missed at 1 user"]


def test_a_superseded_test_needs_nothing() -> None:
    old = dataclasses.replace(invalid_test(), superseded=True)
    assert told(old) == []
    assert [str(step) for step in next_steps(make_run([old, make_test()]))] == [
        "the embedded agent is a stand-in: name your own: --load-host https://…"
    ]


def test_findings_come_before_what_keeps_from_them() -> None:
    tests = [inconclusive_test(), invalid_test(), failing_test()]
    texts = [step.text for step in next_steps(make_run(tests))]
    assert [text.split("::")[1].split(":")[0].split("[")[0] for text in texts] == [
        "test_start_call",
        "test_messages",
        "test_mix",
    ]


def test_many_failures_are_counted() -> None:
    tests = [dataclasses.replace(failing_test(), nodeid=f"a.py::test_{i}") for i in range(9)]
    steps = [step.text for step in next_steps(make_run(tests))]
    assert len(steps) == 4
    assert steps[-1] == "6 tests: failed too, see each below"


def test_a_missed_criterion_alone_is_advice(green: RunResult) -> None:
    missed = criterion("API P95", verdict=Verdict.FAIL, text="API p95 181 ms > 150 ms FAIL")
    steps = [str(step) for step in next_steps(dataclasses.replace(green, criteria=[missed]))]
    assert steps == ["API p95 181 ms > 150 ms FAIL: see the slowest and failed operations below"]


def test_a_green_run_is_told_what_would_be_more_evidence(green: RunResult, stages: RunResult) -> None:
    agent = dataclasses.replace(green.run.agent, embedded=False)
    quick = dataclasses.replace(green, run=dataclasses.replace(green.run, agent=agent))
    standard = dataclasses.replace(quick, run=dataclasses.replace(quick.run, suite="standard"))
    assert [step.option for step in next_steps(quick)] == ["--suite standard"]
    assert next_steps(standard)[0].text.startswith("nothing: every target is met")
    drifted = make_test(drift=stages.tests[1].drift)
    assert next_steps(dataclasses.replace(standard, tests=[drifted]))[0].text.startswith("latency rose during a test")


def test_a_target_other_than_latency_is_named() -> None:
    rate = target(Verdict.FAIL, 100.0, 60.0, metric="", name="min_rate", kind=Kind.RATE, unit="/s")
    assert told(make_test(verdict=Verdict.FAIL, targets=[rate])) == ["min_rate misses its target; look at the agent"]


def test_errors_of_the_test_itself_do_not_point_to_the_agents_log() -> None:
    errors = [ErrorResult("AssertionError: no basket", 101, "")]
    (said,) = told(make_test(verdict=Verdict.FAIL, targets=[], errors=errors, failed=101))
    assert said.startswith("101 of 101 failures are 'AssertionError: no basket'")
    assert "agent" not in said


def test_a_smoke_test_never_asks_for_a_longer_run() -> None:
    run = make_run([inconclusive_test(evidence="none"), inconclusive_test(nodeid="a.py::b", evidence="none")])
    run = dataclasses.replace(run, run=dataclasses.replace(run.run, suite="smoke"))
    assert [str(step) for step in next_steps(run)] == [
        "nothing: the smoke test found no errors, and it judges no latency"
    ]


@pytest.mark.parametrize(
    ("cause", "lighter"), [("body", False), ("throttled", False), ("busy", True), ("processor", True)]
)
def test_a_cause_of_lag_with_a_remedy_of_its_own_does_not_end_in_half_the_load(cause: str, lighter: bool) -> None:
    text = (
        "3.1 of 4 s of lag because one piece of code blocked the event loop: body ("
        + 9 * "a_long_path/"
        + "test_it.py:3)"
    )
    sick = invalid_test()
    lag = LagResult(4000.0, 40.0, cause, text, "move blocking calls out of 'async def' bodies")
    generator = dataclasses.replace(sick.generator, lag=lag)
    reason = f"users lost 40 % of their time to lag of the load generator (at most 5 %): {text}; {lag.remedy}"
    (advice,) = of_test(dataclasses.replace(sick, generator=generator, reasons=[reason], model="closed"))
    assert advice.option.startswith("--load-users") is lighter
    assert (advice.text == f"{text}; {lag.remedy}") is not lighter


def test_what_makes_a_test_invalid_is_what_is_told() -> None:
    reason = "this machine's name service did not answer: give the agent's IP address, or repair the resolver"
    sick = dataclasses.replace(invalid_test(), reasons=[reason])
    assert told(sick) == [reason]


@pytest.mark.parametrize(
    "reason",
    [
        f"600 operations {NEVER_SENT}: this process ran out of open files: raise the limit or use fewer users",
        f"9 operations {NEVER_SENT}: this machine ran out of memory or network buffers: use fewer users",
        f"1 operation {NEVER_SENT}: this process could start no more threads: use fewer users, or an 'async def' body",
        "1,300 users need at least 1,312 open files in this process, which may have 200: raise the limit",
    ],
)
def test_a_limit_of_the_generators_own_gets_its_remedy_and_not_half_the_load(reason: str) -> None:
    sick = dataclasses.replace(invalid_test(), model="closed")
    assert not sick.generator.own_errors  # as where the fixtures of users met the limit
    for reasons in ([reason], [*sick.reasons, reason]):
        (advice,) = of_test(dataclasses.replace(sick, reasons=reasons))
        assert (advice.text, advice.option) == (reason, "")


def test_a_few_own_errors_next_to_too_much_load_still_want_half_of_it() -> None:
    sick = dataclasses.replace(invalid_test(), model="closed", users=10)
    few = dataclasses.replace(sick.generator, own_errors={"open files": 2})
    assert of_test(dataclasses.replace(sick, generator=few))[0].option == "--load-users 5"
