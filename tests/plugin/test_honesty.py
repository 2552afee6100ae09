"""Ways in which a load test could end green, or never, without having measured what it says."""

from __future__ import annotations

import pytest

from tests.conftest import LoadRun

NO_RAMP = ("-m", "load", "--load-ramp=0", "--load-warmup=0", "--load-evidence=strict")


def test_of(load_run_of: LoadRun) -> dict:  # type: ignore[type-arg]
    return load_run_of.result()["tests"][0]


test_of.__test__ = False  # type: ignore[attr-defined]


def test_users_whose_awaited_task_is_cancelled_fail_that_iteration_and_go_on(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import asyncio, pytest

        @pytest.mark.load(users=10, duration="1s", think=0, p95=500)
        async def test_it(load):
            await asyncio.sleep(0.005)
            if load.iteration % 10 == 9:
                gone = asyncio.get_running_loop().create_future()
                gone.cancel()
                await gone
        """
    )
    load_run_of(*NO_RAMP, sizes=())
    test = test_of(load_run_of)
    assert test["verdict"] == "FAIL"
    assert test["failed"] > 20
    assert test["timeline"][0]["users"] == 10


@pytest.mark.parametrize(
    "body",
    [
        "async with asyncio.timeout(0.2): await asyncio.sleep(9)",
        "try: await asyncio.sleep(9)\n    except asyncio.CancelledError: raise RuntimeError('mine')",
        "try: await asyncio.sleep(9)\n    except asyncio.CancelledError: pass",
    ],
    ids=["own timeout", "cut and raises", "cut and swallows"],
)
def test_whatever_a_body_makes_of_a_timeout_it_is_censored(load_run_of: LoadRun, body: str) -> None:
    load_run_of.file(
        test_it=f"""
import asyncio, pytest

@pytest.mark.load(users=3, iterations=2, timeout=0.4, p50=100, errors=1, negative=True)
async def test_it(load):
    {body}
"""
    )
    load_run_of(*NO_RAMP, sizes=()).assert_outcomes(failed=1)
    assert test_of(load_run_of)["censored"] == 6


def test_arrivals_the_generator_could_not_make_are_missed(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import pytest

        @pytest.mark.load(rate=400_000, duration="1s", p95=10)
        async def test_it(load):
            pass
        """
    )
    load_run_of(*NO_RAMP, sizes=()).assert_outcomes(failed=1)
    test = test_of(load_run_of)
    assert test["verdict"] == "INVALID"
    assert test["generator"]["achieved_ratio"] < 0.9


@pytest.mark.slow
@pytest.mark.parametrize(
    "fixture",
    [
        "await asyncio.Event().wait()\n    yield",
        "yield\n    await asyncio.Event().wait()",
    ],
    ids=["entering", "leaving"],
)
def test_fixtures_that_hang_end_and_are_named(load_run_of: LoadRun, fixture: str) -> None:
    load_run_of.file(
        test_it=f"""
import asyncio, pytest
from pytest_rtmedload import user_fixture

@user_fixture
async def stuck(load):
    {fixture}

@pytest.mark.load(users=3, duration="300ms", timeout=1, think=5)
async def test_it(load, stuck):
    pass
"""
    )
    result = load_run_of(*NO_RAMP, sizes=())
    assert result.parseoutcomes()["failed"] >= 1
    result.stdout.re_match_lines([r".*virtual user \d did not (enter|leave) its fixtures within.*"])


def test_a_pool_without_users_ends(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import pytest
        from pytest_rtmedload import user_fixture

        @user_fixture
        async def refused(load):
            raise OSError("refused")

        @pytest.mark.load(rate=10)
        async def test_it(load, refused):
            pass
        """
    )
    result = load_run_of("--suite=smoke", sizes=())
    assert result.parseoutcomes()["failed"] >= 1


def test_a_ramp_that_a_blocked_loop_never_finishes_ends(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import asyncio, pytest, time

        @pytest.mark.load(users=10, ramp=1, duration=0.2, timeout=1, grace=1)
        async def test_it(load):
            time.sleep(0.5)
            await asyncio.sleep(0.01)
        """
    )
    load_run_of("-m", "load", sizes=())
    assert test_of(load_run_of)["verdict"] != "PASS"


def test_a_plain_body_that_returns_a_coroutine_fails(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import asyncio

        async def call(load):
            await asyncio.sleep(1)

        async def test_it(load_run):
            await load_run(lambda load: call(load), users=2, iterations=30, p95=10)
        """
    )
    result = load_run_of(*NO_RAMP, sizes=())
    assert result.parseoutcomes()["failed"] >= 1
    result.stdout.fnmatch_lines(["*returned a coroutine*make it 'async def'*"])


def test_a_forgotten_await_is_no_load_test(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        async def test_it(load_run):
            load_run(lambda: None, users=2, iterations=3)
        """
    )
    result = load_run_of(*NO_RAMP, "-W", "ignore", sizes=())
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*load_run never ran a load test*"])


@pytest.mark.timing
def test_think_time_in_a_fixture_shortens_no_body(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import asyncio, pytest
        from pytest_rtmedload import user_fixture

        @user_fixture(scope="iteration")
        async def pause(load):
            await load.think(0.1)

        @pytest.mark.load(users=3, iterations=5)
        async def test_it(load, pause):
            await asyncio.sleep(0.05)
            await asyncio.gather(load.think(0.05), load.think(0.05))
        """
    )
    load_run_of("--suite=quick", "--load-think=0", sizes=())
    assert 50 <= test_of(load_run_of)["metrics"]["iteration"]["p50_ms"] < 90


@pytest.mark.slow
def test_an_agent_that_is_found_late_starts_the_count_again(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import asyncio, pathlib, pytest

        @pytest.mark.load(users=1, iterations=60)
        async def test_it(load):
            await asyncio.sleep(0.02)
            if load.iteration >= 55:
                await load.http.get("/health")
        """
    )
    load_run_of("--suite=quick", "--load-think=0", sizes=())
    assert test_of(load_run_of)["iterations"] == 60


def test_a_projects_own_fixture_called_load_stays_its_own(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import pytest

        @pytest.fixture
        def load():
            return 3

        def test_mine(load):
            assert load == 3

        @pytest.mark.parametrize("load_run", [1, 2])
        def test_parameter(load_run):
            assert load_run in (1, 2)
        """
    )
    load_run_of(sizes=()).assert_outcomes(passed=3)


def test_required_options_of_others_are_none_of_our_business(load_run_of: LoadRun) -> None:
    load_run_of.pytester.makeconftest("def pytest_addoption(parser): parser.addoption('--env', required=True)")
    load_run_of.file(test_it="def test_it(request): assert request.config.getoption('--env') == 'a'")
    load_run_of("--env=a", "--suite=smoke", sizes=()).assert_outcomes(passed=1)


def test_ids_in_urls_make_one_metric_and_the_note_says_so(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import itertools
        import pytest

        numbers = itertools.count()

        @pytest.mark.load(users=4, iterations=250, think=0)
        async def test_it(load):
            await load.http.get(f"/calls/{next(numbers)}", expect=404)
            load.tag("user", str(next(numbers)))
            load.count(f"seen {next(numbers)}")
            with load.measure("after"):
                pass
        """
    )
    load_run_of("-m", "load", "--load-ramp=0", "--load-warmup=0", sizes=()).assert_outcomes(passed=1)
    test = load_run_of.result()["tests"][0]
    assert set(test["metrics"]) == {"iteration", "GET /calls/{…}", "after"}
    assert test["metrics"]["GET /calls/{…}"]["count"] == 1000
    assert test["tags"]["user=other"]["after"]["count"] == 800
    assert test["counts"]["seen {…}"] == 800
    notes = " ".join(test["notes"])
    assert "GET /calls/{…}; give requests whose URLs hold ids one name, such as name='GET /item/{id}'" in notes
    assert "more than 200 tags" in notes
    assert (load_run_of.pytester.path / "results" / "load_test_report_latest.html").stat().st_size < 2_000_000
