"""Shapes against an agent whose limits are known: what they find, and that they find nothing where nothing is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import LoadRun

QUICK = ("-m", "load", "--load-ramp=0", "--load-warmup=0", "--load-think=20ms")
COURSE = """
import pytest

@pytest.mark.load(users=5, shape="sustained", duration="18s", metric="GET /health", p95=500)
async def test_for_a_while(load):
    await load.http.get("/health")

@pytest.mark.load(rate=50, shape="spike(200, 3s)", duration="24s", metric="GET /health", p95=5000)
async def test_a_spike(load):
    await load.http.get("/health")
"""


def results_of(load_run_of: LoadRun) -> dict[str, dict[str, Any]]:
    """Name of a test function → its entry."""
    return {test["nodeid"].partition("::")[2]: test for test in load_run_of.result()["tests"] if not test["superseded"]}


@pytest.mark.timing
@pytest.mark.slow
def test_an_agent_that_stays_as_it_is_neither_drifts_nor_needs_to_recover(load_run_of: LoadRun) -> None:
    load_run_of.file(test_it=COURSE)
    load_run_of(*QUICK, sizes=()).assert_outcomes(passed=2)
    found = results_of(load_run_of)
    steady, spike = found["test_for_a_while"], found["test_a_spike"]
    assert [drift["drifted"] for drift in steady["drift"]] == [False, False]
    assert spike["values"]["recovery_time"]["max"] <= 1
    assert [stage["name"] for stage in spike["stages"]] == ["before the spike", "spike", "after the spike"]
    assert spike["stages"][1]["rate"] == pytest.approx(200, rel=0.05)


@pytest.mark.timing
@pytest.mark.slow
def test_a_drift_fails_a_sustained_test(load_run_of: LoadRun) -> None:
    load_run_of.file(test_it=COURSE)
    result = load_run_of(*QUICK, "-k", "for_a_while", "--load-embedded=http.drift=2ms", sizes=())
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*GET /health p50 drifts: * ms in the first third, * ms in the last*FAIL*"])


@pytest.mark.timing
@pytest.mark.slow
def test_the_recovery_time_is_what_the_queue_takes_to_drain(load_run_of: LoadRun) -> None:
    """200/s for 3 s at an agent that answers 100/s leave 300 waiting: 50/s more than arrive clear them in 6 s."""
    load_run_of.file(test_it=COURSE)
    load_run_of(*QUICK, "-k", "spike", "--load-embedded=http.capacity=100", sizes=()).assert_outcomes(passed=1)
    spike = results_of(load_run_of)["test_a_spike"]
    assert spike["values"]["recovery_time"]["max"] == pytest.approx(6, abs=1)


@pytest.mark.alone
def test_an_agent_limited_to_12_calls_is_found_as_12(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import pytest

        @pytest.mark.load(shape="capacity(8..20, 8s)", metric="voice.loop", p95=700, timeout="20s",
                          targets={"capacity": {"min": 11}})
        async def test_calls(load, phone_call):
            await phone_call.say("annual_checkup_1")
            await phone_call.heard()
        """
    )
    load_run_of(*QUICK, "--load-embedded=voice.max_calls=12", sizes=()).assert_outcomes(passed=1)
    test = results_of(load_run_of)["test_calls"]
    found = test["capacity"]  # a dozen calls of eight seconds prove nothing: the finding says so
    assert max(found["met"] or 0, found["likely"] or 0) == pytest.approx(12, abs=1)
    assert found["likely"] < found["missed"]
    assert f"likely {found['likely']}" in found["text"]
    assert test["targets"][0]["verdict"] == "INCONCLUSIVE"
    assert {stage["users"]: stage["verdict"] for stage in test["stages"]}[16] == "FAIL"
    assert load_run_of.result()["criteria"] == []  # what is driven until it fails says nothing about the run


@pytest.mark.timing
def test_steps_are_judged_one_by_one(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import asyncio, pytest

        @pytest.mark.load(shape="steps(2..6 by 4, 3s)", p95=50)
        async def test_stages(load, at_work=[]):
            at_work.append(load.user)
            await asyncio.sleep(0.005 if len(at_work) <= 3 else 0.08)
            at_work.remove(load.user)
        """
    )
    load_run_of("-m", "load", "--load-think=0", "--load-ramp=0", "--load-warmup=0", sizes=())
    test = results_of(load_run_of)["test_stages"]
    assert [(stage["users"], stage["verdict"]) for stage in test["stages"]] == [(2, "PASS"), (6, "FAIL")]
    assert test["users"] == 6
    assert test["shape"] == "steps(2..6 by 4, 3s)"
    assert test["verdict"] == "FAIL"


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ('rate=50, shape="steps(2..10 by 2)"', "*it is about users, not about arrivals: leave the rate out*"),
        ('shape="steps(5..50 by 100)"', "*steps by 100 do not fit between 5 and 50 users*"),
        ('shape="capacity(40..2)"', "*does not rise from at least 1 user: write 5..50*"),
        ('shape="zigzag"', "*'zigzag' is not a shape: write one of steady, sustained, ramp, *"),
    ],
)
def test_a_shape_that_cannot_be_is_one_line(load_run_of: LoadRun, marker: str, message: str) -> None:
    load_run_of.file(test_it=f"import pytest\n\n@pytest.mark.load({marker})\nasync def test_it(load):\n    pass\n")
    result = load_run_of("-m", "load", sizes=())
    result.stdout.no_fnmatch_line("*Traceback*")
    assert result.ret != 0
    (result.stderr if message_in(result.stderr.lines, message) else result.stdout).fnmatch_lines([message])


def message_in(lines: list[str], pattern: str) -> bool:
    """Whether the error was told on standard error, as usage errors are."""
    return any(pattern.strip("*").split("*")[0] in line for line in lines)


@pytest.mark.timing
def test_a_conductor_of_ones_own(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import pytest
        from pytest_rtmedload import Command, Conductor, Phase

        class UpAndDown(Conductor):
            def phases(self):
                return {Phase.MEASURE: (0.0, 2.0)}

            def commands(self):
                ups_and_downs = [Command(0.0, "users", 1), Command(0.6, "users", 4), Command(1.2, "users", 1)]
                return [*ups_and_downs, Command(2.0, "end")]

        @pytest.mark.load(shape=UpAndDown(), think="5ms", p95=500)
        async def test_mine(load):
            await load.think(0.01, 0.02)
        """
    )
    load_run_of("-m", "load", sizes=()).assert_outcomes(passed=1)
    test = results_of(load_run_of)["test_mine"]
    assert test["shape"] == "UpAndDown"
    assert max(point["users"] for point in test["timeline"]) == 4
    assert test["timeline"][-1]["users"] < 4


@pytest.mark.slow
def test_the_stronger_source_says_whether_users_or_arrivals(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import pytest

        @pytest.mark.load(rate=50, p95=500)
        async def test_arrivals(load):
            await load.think(0.01, 0.02)
        """
    )
    load_run_of("-m", "load", "--load-shape=steps(1..2 by 1, 3s)", sizes=()).assert_outcomes(passed=1)
    assert results_of(load_run_of)["test_arrivals"]["model"] == "closed"
    result = load_run_of("-m", "load", "--load-shape=ramp", "--load-rate=5", sizes=())
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: *test_arrivals: shape 'ramp': it is about users, not about arrivals*"])


@pytest.mark.slow
@pytest.mark.parametrize("fails_in", ["steer", "arrivals"])
def test_a_conductor_that_fails_ends_its_test_and_no_other(load_run_of: LoadRun, fails_in: str) -> None:
    load_run_of.file(
        test_it=f"""
        import pytest
        from pytest_rtmedload import Command, Conductor, Phase

        class Broken(Conductor):
            def phases(self):
                return {{Phase.MEASURE: (0.0, 5.0)}}

            def commands(self):
                return [Command(0.0, "users", 1), Command(5.0, "end")]

            def {fails_in}(self, _):
                raise KeyError("broken")

        @pytest.mark.load(shape=Broken(), think="5ms", {"rate=20," if fails_in == "arrivals" else ""} p95=500)
        async def test_broken(load):
            await load.think(0.01, 0.02)

        @pytest.mark.load(users=10, iterations=10)
        async def test_next(load):
            pass
        """
    )
    result = load_run_of("-m", "load", "--load-evidence=strict", sizes=())
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*KeyError: 'broken'*"])
    assert not load_run_of.result()["tests"][0]["complete"]
