"""The open model: arrivals do not wait for the agent, and every delay is charged to everyone it delayed."""

from __future__ import annotations

import pytest

from tests.conftest import LoadRun

NO_RAMP = ("-m", "load", "--load-ramp=0", "--load-warmup=0")


def only_test(load_run_of: LoadRun) -> dict:  # type: ignore[type-arg]
    return load_run_of.result()["tests"][0]


@pytest.mark.timing
def test_arrivals_come_at_their_rate_and_are_judged_from_when_they_were_due(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import asyncio, pytest

        @pytest.mark.load(rate=100, duration="2s", p95=500)
        async def test_arrivals(load):
            await asyncio.sleep(0.02)
        """
    )
    load_run_of(*NO_RAMP, sizes=()).assert_outcomes(passed=1)
    test = only_test(load_run_of)
    assert test["model"] == "open"
    assert test["iterations"] == 200
    assert test["rate"] == pytest.approx(100)
    assert test["generator"]["achieved_ratio"] == 1.0


@pytest.mark.timing
@pytest.mark.slow
def test_a_stall_is_charged_to_all_it_delayed(load_run_of: LoadRun) -> None:
    """A closed loop of few users would see a handful of slow answers; 100 arrivals a second see fifty."""
    load_run_of.file(
        test_it="""
        import pytest

        @pytest.mark.load(rate=100, duration="5s", metric="GET /health", p99=300)
        async def test_stalled(load):
            await load.http.get("/health")
        """
    )
    load_run_of(*NO_RAMP, "--load-embedded=http.stall=500ms@2s", sizes=())
    test = only_test(load_run_of)  # the first run: should it be INVALID, the second meets no stall
    assert test["verdict"] != "PASS"
    assert test["metrics"]["GET /health"]["p99_ms"] >= 430


@pytest.mark.timing
@pytest.mark.slow
def test_an_agent_slower_than_its_arrivals_fails_and_is_not_called_a_generators_fault(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import pytest

        @pytest.mark.load(rate=100, duration="2s", max_in_flight=20, grace="500ms", p95=300)
        async def test_overrun(load):
            await load.http.get("/health")
        """
    )
    result = load_run_of(*NO_RAMP, "--load-embedded=http.delay=1s", sizes=())
    result.stdout.fnmatch_lines(["*arrival dropped: 20 iterations in flight, the limit*"])
    test = only_test(load_run_of)
    assert test["verdict"] == "FAIL"
    assert test["generator"]["verdict"] == "PASS"
    assert test["generator"]["dropped_starts"] > 100
    assert test["metrics"]["iteration"]["censored"] >= test["generator"]["dropped_starts"]


@pytest.mark.timing
def test_users_of_the_pool_have_their_fixtures_and_are_reused(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import asyncio, pytest
        from pytest_rtmedload import user_fixture

        entered, left = [], []

        @user_fixture
        async def account(load):
            entered.append(load.user)
            yield load.user
            left.append(load.user)

        @pytest.mark.load(rate=50, duration="1s")
        async def test_pool(load, account):
            assert account == load.user
            await asyncio.sleep(0.01)

        def test_fixtures():
            assert sorted(entered) == sorted(left) == list(range(len(entered)))
            assert 3 <= len(entered) < 20
        """
    )
    load_run_of("--load-ramp=0", "--load-warmup=0", "--load-suite=quick", sizes=()).assert_outcomes(passed=2)


@pytest.mark.timing
@pytest.mark.slow
def test_poisson_and_ramping_arrivals(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import pytest

        @pytest.mark.load(shape="arrivals(poisson, 10..190)", duration="2s")
        async def test_it(load):
            pass
        """
    )
    load_run_of(*NO_RAMP, "--load-seed=5", sizes=()).assert_outcomes(passed=1)
    first = only_test(load_run_of)
    assert first["iterations"] == pytest.approx(200, rel=0.25)
    seconds = [point["metrics"]["iteration"]["count"] for point in first["timeline"] if point["metrics"]]
    assert seconds[1] > 1.5 * seconds[0]
    load_run_of(*NO_RAMP, "--load-seed=5", sizes=()).assert_outcomes(passed=1)
    assert only_test(load_run_of)["iterations"] == first["iterations"]


def test_any_test_can_be_driven_by_arrivals_from_the_command_line(load_run_of: LoadRun) -> None:
    load_run_of.file(test_it="import pytest\n\n@pytest.mark.load(users=5)\nasync def test_it(load):\n    pass\n")
    load_run_of(*NO_RAMP, "--load-rate=40/s", "--load-duration=1s", sizes=()).assert_outcomes(passed=1)
    assert only_test(load_run_of)["iterations"] == 40


def test_in_smoke_one_arrives(load_run_of: LoadRun) -> None:
    load_run_of.file(test_it="import pytest\n\n@pytest.mark.load(rate=5)\nasync def test_it(load):\n    pass\n")
    load_run_of("--suite=smoke", sizes=()).assert_outcomes(passed=1)
    assert only_test(load_run_of)["iterations"] == 1


@pytest.mark.parametrize(
    ("marker", "complaint"),
    [
        ("rate=0", "*load(rate=0): 0 is not an arrival rate*"),
        ("rate=5, max_in_flight=0", "*load(max_in_flight=0): a whole number of at least 1 is needed*"),
        ("rate=5, users=3", "*load(users=*, rate=*): arrivals at a rate are not users*max_in_flight*"),
        ("shape='arrivals(poisson)'", "*load(shape='arrivals(poisson)'): say how many arrive*"),
        ("shape='wave'", "*load(shape='wave'): 'wave' is not a shape*"),
    ],
)
def test_wrong_arguments_are_one_line(load_run_of: LoadRun, marker: str, complaint: str) -> None:
    load_run_of.file(test_it=f"import pytest\n\n@pytest.mark.load({marker})\nasync def test_it(load):\n    pass\n")
    result = load_run_of(sizes=())
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([complaint])


def test_it_ends_when_the_last_iteration_in_flight_has_ended(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import asyncio, pytest, time

        began = time.monotonic()

        @pytest.mark.load(rate=20, duration="500ms")
        async def test_it(load):
            await asyncio.sleep(0.3)

        def test_no_waiting_for_the_grace():
            assert time.monotonic() - began < 10
        """
    )
    load_run_of("--suite=quick", *NO_RAMP[2:], sizes=()).assert_outcomes(passed=2)
    assert only_test(load_run_of)["iterations"] == 10


@pytest.mark.timing
def test_failing_iteration_fixtures_are_not_the_generators_fault(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import pytest
        from pytest_rtmedload import user_fixture

        @user_fixture(scope="iteration")
        async def call(load):
            if load.random.random() < 0.3:
                raise ConnectionError("refused")

        @pytest.mark.load(rate=100, duration="1s")
        async def test_it(load, call):
            pass
        """
    )
    load_run_of(*NO_RAMP, sizes=())
    test = only_test(load_run_of)
    assert (test["verdict"], test["generator"]["verdict"]) == ("FAIL", "PASS")
    assert test["generator"]["achieved_ratio"] == 1.0


@pytest.mark.timing
def test_what_an_iterations_fixtures_take_does_not_make_its_samples_late(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import asyncio
        import pytest
        from pytest_rtmedload import user_fixture

        @user_fixture(scope="iteration")
        async def slow():
            await asyncio.sleep(0.3)

        @pytest.mark.load(rate=20, duration="500ms", p95=5000)
        async def test_it(load, slow):
            with load.measure("inside"):
                await asyncio.sleep(0.01)
        """
    )
    load_run_of("-m", "load", sizes=("--load-ramp=0", "--load-warmup=0")).assert_outcomes(passed=1)
    metrics = load_run_of.result()["tests"][0]["metrics"]
    assert metrics["inside"]["p50_ms"] < 150
    assert metrics["iteration"]["p50_ms"] < 150
