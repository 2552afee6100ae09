"""A load test passes, fails and says why, as its samples tell."""

from __future__ import annotations

import pytest

from tests.conftest import LoadRun

SLEEPER = """
import asyncio, pytest

@pytest.mark.load(p95={limit}, iterations=30)
async def test_sleeper(load):
    await asyncio.sleep(0.02)
"""


@pytest.mark.timing
def test_within_its_targets_a_test_passes(load_run_of: LoadRun) -> None:
    load_run_of.file(test_it=SLEEPER.format(limit=500))
    load_run_of().assert_outcomes(passed=1)
    test = load_run_of.result()["tests"][0]
    assert test["verdict"] == "PASS"
    assert test["iterations"] == 90
    assert 20 <= test["metrics"]["iteration"]["p50_ms"] < 100


def test_above_a_target_it_fails_with_one_line_that_says_all(load_run_of: LoadRun) -> None:
    load_run_of.file(test_it=SLEEPER.format(limit=10))
    result = load_run_of()
    result.assert_outcomes(failed=1)
    result.stdout.re_match_lines([r".*iteration p95 [\d.]+ ms > 10 ms \(95 % bounds [\d.]+–[\d.]+, n = 90\) FAIL"])


def test_lowering_one_target_by_option_fails_exactly_the_test_that_has_it(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import asyncio, pytest

        @pytest.mark.load(metric="slow step", p95=500, iterations=30)
        async def test_slow(load):
            with load.measure("slow step"):
                await asyncio.sleep(0.02)

        @pytest.mark.load(metric="other step", p95=500, iterations=30)
        async def test_other(load):
            with load.measure("other step"):
                await asyncio.sleep(0.02)
        """
    )
    load_run_of("--load-target", "slow step:p95=5").assert_outcomes(passed=1, failed=1)
    assert {t["nodeid"]: t["verdict"] for t in load_run_of.result()["tests"]} == {
        "test_it.py::test_slow": "FAIL",
        "test_it.py::test_other": "PASS",
    }


def test_the_override_table_leaves_alone_what_only_a_fixture_did(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import asyncio, pytest
        from pytest_rtmedload import user_fixture

        @user_fixture
        async def account(load):
            with load.measure("sign up"):
                await asyncio.sleep(0.02)

        @pytest.mark.load(iterations=30)
        async def test_it(load, account):
            pass
        """
    )
    run = load_run_of("--load-target", "sign up:p95=1")
    run.assert_outcomes(passed=1)  # the test is as it was; that nothing was judged fails the run
    assert run.ret == pytest.ExitCode.TESTS_FAILED
    run.stdout.fnmatch_lines(["*target sign up p95: not judged: no load test recorded sign up in its measured phase;*"])
    load_run_of("-o", "load_targets=sign up:p95=1").assert_outcomes(passed=1)


def test_errors_above_the_limit_fail_however_fast_they_are(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import asyncio, pytest

        @pytest.mark.load(p95=500, iterations=40)
        async def test_flaky(load):
            await asyncio.sleep(0.001)
            assert load.iteration % 5 > 1, "the agent said no"
        """
    )
    result = load_run_of()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*limit: lowest success rate 60 %*"])  # a criterion of the run is not a test
    result.stdout.fnmatch_lines(["*errors*40 %*> 5 %*FAIL*", "*AssertionError: the agent said no*"])
    test = load_run_of.result()["tests"][0]
    assert test["errors"][0]["count"] == 48
    assert test["failed"] == 48
    load_run_of.pytester.path.joinpath("test_it.py").write_text(
        load_run_of.pytester.path.joinpath("test_it.py").read_text().replace("p95=500", "p95=500, negative=True")
    )
    load_run_of().assert_outcomes(failed=1)  # negative tests stay out of the criteria


def test_wrong_answers_to_successful_requests_lower_the_success_rate(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import pytest

        @pytest.mark.load(iterations=10, errors=1)
        async def test_nonsense(load):
            with load.measure("request"):
                pass
            assert load.iteration % 2, "nonsense"
        """
    )
    load_run_of()
    result = load_run_of.result()
    assert result["tests"][0]["failed_alone"] == 15
    assert result["summary"]["success_rate"] == 100
    assert (result["summary"]["iterations"], result["summary"]["iterations_failed"]) == (30, 15)
    assert result["criteria"][0]["value"] == 50


def test_soft_checks_fail_the_iteration_when_it_ends(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import pytest

        @pytest.mark.load(iterations=2, users=1, negative=True)
        async def test_checks(load):
            load.check("asks about the pain", False)
            load.check("is polite", True)
            load.count("reached the end")
        """
    )
    load_run_of(sizes=()).assert_outcomes(skipped=1)
    load_run_of("-m", "load", sizes=()).assert_outcomes(failed=1)
    test = load_run_of.result()["tests"][0]
    assert test["errors"][0]["message"] == "ChecksFailed: check failed: asks about the pain"
    assert test["counts"] == {"reached the end": 2}


def test_a_metric_that_was_never_recorded_fails_and_names_those_that_were(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import pytest

        @pytest.mark.load(metric="voice.loop", p95=500, iterations=5)
        async def test_it(load):
            load.record("voice.lop", 3)
        """
    )
    result = load_run_of()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*voice.loop*voice.lop*"])


def test_iterations_over_the_timeout_are_cut_off_and_count_as_slower_than_any_limit(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import asyncio, pytest

        left = []

        @pytest.mark.load(p50=100, errors=1, iterations=2, timeout=0.3, negative=True)
        async def test_hangs(load):
            try:
                await asyncio.sleep(60)
            finally:
                left.append(load.user)

        def test_all_left():
            assert len(left) == 6
        """
    )
    load_run_of("--suite=standard").assert_outcomes(passed=1, failed=1)  # quick would run an INVALID test twice
    test = load_run_of.result()["tests"][0]
    assert (test["censored"], test["metrics"]["iteration"]["p50_ms"]) == (6, None)


def test_few_samples_are_inconclusive_and_pass_only_provisionally(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import pytest

        @pytest.mark.load(p95=500, iterations=2)
        async def test_short(load):
            load.record("x", 1)
        """
    )
    load_run_of("--load-evidence=provisional").assert_outcomes(passed=1)
    assert load_run_of.result()["tests"][0]["targets"][0]["verdict"] == "INCONCLUSIVE"
    load_run_of("--load-evidence=strict").assert_outcomes(failed=1)
    load_run_of("--load-evidence=point").assert_outcomes(passed=1)


def test_outcomes_inside_a_body_end_the_whole_test_as_anywhere(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import pytest

        @pytest.mark.load
        async def test_skips(load):
            pytest.skip("not today")

        @pytest.mark.load
        async def test_fails(load):
            pytest.fail("enough")
        """
    )
    result = load_run_of("-rs")
    result.assert_outcomes(skipped=1, failed=1)
    result.stdout.fnmatch_lines(["*enough*", "SKIPPED*not today"])


@pytest.mark.slow
def test_a_test_in_which_nothing_succeeds_for_five_seconds_stops_early(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import asyncio, pytest

        @pytest.mark.load(duration="60s", users=2, negative=True)
        async def test_hopeless(load):
            await asyncio.sleep(0.05)
            raise RuntimeError("no")
        """
    )
    load_run_of("-m", "load", sizes=("--load-ramp=0",)).assert_outcomes(failed=1)
    test = load_run_of.result()["tests"][0]
    assert test["duration_s"] < 20
    assert not test["complete"]


def test_values_have_limits_of_their_own(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import pytest

        @pytest.mark.load(iterations=5, targets={"stt.wer": {"mean_max": 0.1}})
        async def test_words(load):
            load.value("stt.wer", 0.3, unit="share")
        """
    )
    load_run_of().assert_outcomes(failed=1)
    assert load_run_of.result()["tests"][0]["values"]["stt.wer"]["mean"] == pytest.approx(0.3)
