"""Plain bodies on threads, explicit runs, second runs, synthetic data."""

from __future__ import annotations

import pytest

from tests.conftest import LoadRun


def test_plain_bodies_run_on_threads_where_the_same_names_block(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import pytest, threading, time

        threads = set()

        @pytest.mark.load(iterations=10, users=4, p95=500)
        def test_plain(load):
            threads.add(threading.current_thread().name)
            response = load.http.get("/health")
            assert response.status_code == 200
            with load.measure("work"):
                time.sleep(0.005)
            load.think(0.001)
            load.check("fine", True)

        def test_threads():
            assert threads == {f"virtual user {n}" for n in range(4)}
        """
    )
    load_run_of("--load-think=0", sizes=("-m", "load or not load", "--suite=quick")).assert_outcomes(passed=2)
    test = load_run_of.result()["tests"][0]
    assert test["metrics"]["GET /health"]["count"] == 40
    assert test["metrics"]["work"]["count"] == 40
    assert test["metrics"]["work"]["p50_ms"] >= 5
    assert test["verdict"] == "INCONCLUSIVE" or test["verdict"] == "PASS"


def test_plain_bodies_have_websockets_too(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import asyncio, pytest, threading
        from websockets.sync.server import serve

        def echo(connection):
            for message in connection:
                connection.send(message)

        @pytest.fixture(scope="module")
        def port():
            with serve(echo, "127.0.0.1", 0, compression=None) as server:
                thread = threading.Thread(target=server.serve_forever)
                thread.start()
                yield server.socket.getsockname()[1]
                server.shutdown()
                thread.join()

        @pytest.mark.load(iterations=5, users=3)
        def test_plain(load, port):
            with load.ws(f"ws://127.0.0.1:{port}/") as ws:
                assert ws.ask("hello") == "hello"
                ws.send("again")
                assert ws.recv() == "again"
        """
    )
    load_run_of("-m", "load", "-W", "ignore", sizes=("--load-ramp=0",)).assert_outcomes(passed=1)
    metrics = load_run_of.result()["tests"][0]["metrics"]
    assert metrics["ws.handshake"]["count"] == metrics["ws.message"]["count"] == 15


def test_plain_bodies_read_streams_too(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import pytest

        @pytest.mark.load(iterations=2, users=2)
        def test_plain(load):
            with load.http.stream("GET", "/health") as response:
                assert "".join(response.aiter_lines()).startswith("{")
        """
    )
    load_run_of("-m", "load", sizes=("--load-ramp=0",)).assert_outcomes(passed=1)
    metrics = load_run_of.result()["tests"][0]["metrics"]
    assert metrics["GET /health ttfb"]["count"] == metrics["GET /health"]["count"] == 4


def test_users_of_plain_bodies_work_at_the_same_time(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import pytest, threading

        together = threading.Barrier(5, timeout=10)

        @pytest.mark.load(iterations=3, users=5)
        def test_plain():
            together.wait()
        """
    )
    load_run_of("-m", "load", sizes=()).assert_outcomes(passed=1)
    assert load_run_of.result()["tests"][0]["failed"] == 0


def test_exceptions_and_outcomes_of_plain_bodies_are_those_of_async_ones(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import pytest

        @pytest.mark.load(iterations=2, negative=True)
        def test_raises(load):
            raise ValueError("no such thing")

        @pytest.mark.load(iterations=2)
        def test_skips(load):
            pytest.skip("not today")

        @pytest.mark.load(iterations=2, negative=True)
        def test_leaves(load):
            raise SystemExit(3)
        """
    )
    result = load_run_of("-k", "not leaves")
    result.assert_outcomes(failed=1, skipped=1)
    result.stdout.fnmatch_lines(["*6 × ValueError: no such thing*"])


def test_a_body_that_raises_base_exception_ends_the_test(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import pytest

        class Odd(BaseException):
            pass

        @pytest.mark.load(iterations=5)
        async def test_odd(load):
            raise Odd("out of here")

        def test_after():
            pass
        """
    )
    result = load_run_of()
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["*Odd: out of here*"])


@pytest.mark.timing
@pytest.mark.slow
def test_an_explicit_run_returns_what_was_measured(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import asyncio, math, pytest, time

        async def one_call(load):
            with load.measure("step"):
                await asyncio.sleep(0.01)

        async def test_explicit(load_run):
            result = await load_run(one_call, users=4, iterations=20)
            assert result.n == 80
            assert 10 <= result.p(50) <= result.p(95) < 200
            assert 10 <= result.p(99, "step")
            assert result.rate > 10 and result.errors == 0
            with pytest.raises(KeyError, match="recorded were iteration, step"):
                result.p(50, "stop")
            second = await load_run(one_call, rate=50, duration="200ms")
            assert second.n == 10

        def test_plain(load_run):
            result = load_run(lambda: time.sleep(0.01), users=2, iterations=5)
            assert result.n == 10

        async def test_own_targets(load_run):
            await load_run(one_call, users=2, iterations=40, p95=1)
        """
    )
    sizes = ("-m", "load", "--load-ramp=0", "--load-warmup=0")
    result = load_run_of(sizes=sizes)
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*iteration p95 * ms > 1 ms *FAIL*"])
    assert [test["nodeid"] for test in load_run_of.result()["tests"]] == [
        "test_it.py::test_explicit",
        "test_it.py::test_explicit#2",
        "test_it.py::test_plain",
        "test_it.py::test_own_targets",
    ]


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        ("load_run(body, user=3)", "*load_run() has no argument 'user'*"),
        ("load_run(asks, users=3)", "*load_run: the body asks for 'thing'*functools.partial*"),
    ],
)
def test_wrong_explicit_runs_say_what_is_right(load_run_of: LoadRun, call: str, complaint: str) -> None:
    load_run_of.file(
        test_it=f"""
        async def body(load): pass
        async def asks(thing): pass
        async def test_it(load_run):
            await {call}
        """
    )
    result = load_run_of()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([complaint])


def test_load_and_load_run_together_make_no_sense(load_run_of: LoadRun) -> None:
    load_run_of.file(test_it="async def test_it(load, load_run): pass")
    result = load_run_of()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*asks for load or for load_run, not for both*"])


BLOCKER = """
import asyncio, pathlib, pytest, time

@pytest.mark.load(users=4, duration="1s", think=0, p95=500)
async def test_blocks(load):
    time.sleep({seconds})
    await asyncio.sleep(0.001)
"""


def test_a_body_that_sleeps_on_the_event_loop_is_invalid_and_the_lag_is_named(load_run_of: LoadRun) -> None:
    load_run_of.file(test_it=BLOCKER.format(seconds=0.05))
    sizes = ("-m", "load", "--load-ramp=0", "--load-warmup=0", "--load-evidence=strict")
    result = load_run_of(sizes=sizes)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*INVALID*users lost * % of their time to lag of the load generator (at most 5 %)*"])
    result.stdout.fnmatch_lines(
        ["*one piece of code blocked the event loop: test_blocks (test_it.py:*); move blocking calls out of*"]
    )


@pytest.mark.timing
def test_a_saturated_generator_cannot_be_made_to_show_green(load_run_of: LoadRun) -> None:
    """No single call blocks for long, but fifty users want more than one core: each waits for all the others."""
    load_run_of.file(
        test_it="""
        import asyncio, pytest

        @pytest.mark.load(users=60, duration="1500ms", think=0, p95=2000)
        async def test_busy(load):
            sum(range(60_000))
            await asyncio.sleep(0)

        @pytest.mark.load(users=60, duration="1500ms", think=0, p95=10)
        async def test_busy_with_a_tight_limit(load):
            with load.measure("step"):
                await asyncio.sleep(0)
            sum(range(60_000))
        """
    )
    load_run_of(sizes=("-m", "load", "--load-ramp=0", "--load-warmup=0", "--load-evidence=strict"))
    first, second = load_run_of.result()["tests"]
    waits = first["generator"]["lag"]["cause"] == "processor"  # other processes want this machine, too
    assert first["generator"]["thread_cpu_percent"] > 60 or waits
    assert first["saturated"]
    assert second["verdict"] == "INVALID"
    assert load_run_of.result()["summary"]["verdict"] != "PASS"


@pytest.mark.timing
def test_in_quick_an_invalid_test_is_run_once_more_and_both_are_reported(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it=BLOCKER.format(seconds="0.06 if not pathlib.Path('spoiled').exists() else 0")
        + """
    if load.iteration > 1:
        pathlib.Path("spoiled").touch()
"""
    )
    load_run_of(sizes=("-m", "load", "--load-ramp=0", "--load-warmup=0")).assert_outcomes(passed=1)
    result = load_run_of.result()
    first, second = result["tests"]
    assert (first["verdict"], first["superseded"]) == ("INVALID", True)
    assert (second["verdict"], second["superseded"]) == ("PASS", False)
    assert second["notes"][0].startswith("second run: the first was INVALID: users lost")
    assert (result["summary"]["tests"], result["summary"]["invalid"]) == (1, 0)


@pytest.mark.timing
def test_a_body_that_never_awaits_lets_the_others_run(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import pytest

        @pytest.mark.load(users=4, duration="500ms", think=0)
        async def test_busy(load):
            sum(range(1000))
            load.count(f"user {load.user}")
        """
    )
    load_run_of(sizes=("-m", "load", "--load-ramp=0", "--load-warmup=0")).assert_outcomes(passed=1)
    counts = load_run_of.result()["tests"][0]["counts"]
    assert set(counts) == {"user 0", "user 1", "user 2", "user 3"}
    assert min(counts.values()) > 0.2 * max(counts.values())


def test_each_user_has_a_row_of_synthetic_data_that_never_changes(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import pytest

        rows = {}

        @pytest.mark.load(users=3, iterations=2)
        async def test_it(load):
            rows.setdefault(load.user, load.data)
            assert load.data["patient_id"] == f"synthetic-{load.user:06d}"

        def test_rows():
            assert len({row["name"] + row["birth_date"] for row in rows.values()}) == 3
            assert all("55501" in row["phone"] for row in rows.values())
        """
    )
    load_run_of(sizes=("--suite=smoke",)).assert_outcomes(passed=2)


def test_what_slows_the_generator_down_is_noted(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import asyncio, pytest, sys

        @pytest.mark.load(iterations=2)
        async def test_debugged(load):
            asyncio.get_running_loop().set_debug(True)
        """
    )
    load_run_of("-W", "ignore").assert_outcomes(passed=1)
    assert any("debug mode is on" in note for note in load_run_of.result()["tests"][0]["notes"])


@pytest.mark.timing
@pytest.mark.slow
def test_a_plain_body_holds_calls_and_waits_for_them(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import pytest

        @pytest.mark.load(users=1, iterations=1, metric="voice.loop", p95=5000)
        def test_call(load, phone_call):
            phone_call.say("hello")
            assert phone_call.heard().samples["voice.loop"] > 100
        """
    )
    sizes = ("--load-ramp=0", "--load-warmup=0")
    load_run_of("-m", "load", sizes=sizes).assert_outcomes(passed=1)
    assert load_run_of.result()["tests"][0]["metrics"]["voice.loop"]["count"] == 1
