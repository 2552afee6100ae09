"""A plugin that uses each hook; what it does wrong costs one line, never a result."""

from __future__ import annotations

from fnmatch import fnmatchcase as fnmatch

import pytest

from tests.conftest import LoadRun

PLUGIN = """
    import pathlib
    from pytest_rtmedload import Command, Conductor, Phase, RunResult, TestResult

    class Lunch(Conductor):
        def __init__(self, spec, users="2", seconds="0.2"):
            self.users, self.seconds = int(users), float(seconds.removesuffix("s"))

        def phases(self):
            return {Phase.MEASURE: (0.0, self.seconds)}

        def commands(self):
            return [Command(0.0, "users", self.users), Command(self.seconds, "end")]

    def pytest_rtmedload_load_profiles():
        return {"lunch": Lunch}

    def pytest_rtmedload_criteria():
        return ["upload p95 = 50 ms limit", "off the list: iteration p95 = 1 s"]

    def pytest_rtmedload_machine():
        return {"rack": 7, "system": "not ours to say", "note": "token s3cret"}

    def pytest_rtmedload_test_judged(result):
        assert isinstance(result, TestResult)
        with open("judged.txt", "a") as file:
            print(result.nodeid, result.verdict, file=file)

    def pytest_rtmedload_reports(run):
        assert isinstance(run, RunResult)
        names = "".join(f"- {test.nodeid}\\n" for test in run.tests)
        return {"_tests.md": f"# Tests\\n{names}", ".bin": b"\\x00"}

    class Tracker:
        checkout = None

        def annotate(self, news):
            return [f"tracker: {len(news.run.tests)} tests, {len(news.annotations)} annotations"]

        def summarise(self, news):
            return [f"tracker: {news.run.summary.verdict}, {len(news.written.paths)} files"]

    def pytest_rtmedload_ci_servers(environment):
        return [Tracker()] if "TRACKER" in environment else []
    """
TESTS = """
    import pytest

    @pytest.mark.load(shape="lunch(3, 0.3s)")
    async def test_lunch(load):
        load.record("upload", 5)
        await load.think(0.01)

    async def test_twice(load_run):
        async def body(load):
            load.record("upload", 5)

        for _ in range(2):
            result = await load_run(body, shape="lunch", errors=1)
            assert result.entry["users"]
    """
SIZES = ("--load-ramp=0", "--load-warmup=0", "--load-evidence=point")
LOAD = ("-m", "load", "-v")


def project(run: LoadRun, plugin: str = PLUGIN, tests: str = TESTS) -> None:
    run.pytester.makeconftest(plugin)
    run.file(test_it=tests)


def check_results(run: LoadRun) -> None:
    """All hooks have left what they were to leave."""
    results = run.pytester.path / "results"
    result = run.result()
    machine = result["run"]["machine"]
    assert (machine["rack"], machine["note"]) == ("7", "token ***")
    assert machine["system"] != "not ours to say"
    criteria = {criterion["name"]: criterion for criterion in result["criteria"]}
    assert criteria["upload p95"]["limit"] == 50
    assert criteria["upload p95"]["kind"] == "limit"
    assert criteria["off the list"]["limit"] == 1000
    names = [test["nodeid"] for test in result["tests"]]
    assert names == ["test_it.py::test_lunch", "test_it.py::test_twice", "test_it.py::test_twice#2"]
    assert (run.pytester.path / "judged.txt").read_text().split() == [word for name in names for word in (name, "PASS")]
    listing = "# Tests\n" + "".join(f"- {name}\n" for name in names)
    assert (results / "load_test_report_latest_tests.md").read_text() == listing
    (stamped,) = results.glob("load_test_report_2*_tests.md")
    assert stamped.read_text() == listing
    assert (results / "load_test_report_latest.bin").read_bytes() == b"\0"
    assert result["tests"][0]["users"] == 3


def test_a_plugin_that_uses_each_hook(load_run_of: LoadRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACKER", "1")
    project(load_run_of)
    done = load_run_of(*LOAD, "--load-header=X-Key: s3cret", sizes=SIZES)
    done.assert_outcomes(passed=2)
    done.stdout.fnmatch_lines(["written: *_tests.md", "tracker: 3 tests, 0 annotations", "tracker: PASS, 7 files"])
    check_results(load_run_of)


@pytest.mark.slow
def test_under_xdist(load_run_of: LoadRun) -> None:
    project(load_run_of)
    options = (*LOAD, "--load-header=X-Key: s3cret", "-p", "xdist", "-n2")
    load_run_of(*options, sizes=SIZES, subprocess=True).assert_outcomes(passed=2)
    check_results(load_run_of)


def test_files_of_an_earlier_run_are_not_the_latest(load_run_of: LoadRun) -> None:
    project(load_run_of, tests=TESTS.partition("    async def test_twice")[0])
    load_run_of(*LOAD, sizes=SIZES).assert_outcomes(passed=1)
    latest = load_run_of.pytester.path / "results" / "load_test_report_latest_tests.md"
    assert latest.exists()
    load_run_of.pytester.makeconftest(PLUGIN.replace("def pytest_rtmedload_reports", "def unused"))
    load_run_of(*LOAD, sizes=SIZES).assert_outcomes(passed=1)
    assert not latest.exists()


@pytest.mark.parametrize(
    ("plugin", "told"),
    [
        ("def pytest_rtmedload_machine(): 1 / 0", "pytest_rtmedload_machine of conftest.py: ZeroDivisionError: *"),
        ("def pytest_rtmedload_machine(): return 5", "pytest_rtmedload_machine of conftest.py: returned 5, not a dict"),
        ("def pytest_rtmedload_test_judged(result): 1 / 0", "pytest_rtmedload_test_judged of conftest.py: ZeroDiv*"),
        ("def pytest_rtmedload_reports(run): 1 / 0", "pytest_rtmedload_reports of conftest.py: ZeroDivisionError: *"),
        (
            "def pytest_rtmedload_reports(run): return {'.json': 'mine'}",
            "pytest_rtmedload_reports of conftest.py: '.json' cannot be the ending of a report: write one of its own*",
        ),
        (
            "def pytest_rtmedload_reports(run): return {'/../x': 'mine'}",
            "pytest_rtmedload_reports of conftest.py: '/../x' cannot be the ending of a report: write one of its own*",
        ),
        ("def pytest_rtmedload_ci_servers(environment): 1 / 0", "pytest_rtmedload_ci_servers of conftest.py: Zero*"),
        ("def pytest_rtmedload_ci_servers(environment): return [5]", "pytest_rtmedload_ci_servers of conftest.py: 5 *"),
    ],
)
def test_what_goes_wrong_with_results_is_one_line(load_run_of: LoadRun, plugin: str, told: str) -> None:
    project(load_run_of, plugin, "async def test_it(load): load.record('upload', 5)")
    done = load_run_of(*LOAD)
    done.assert_outcomes(passed=1)
    assert done.ret == 0
    shown = " ".join(" ".join(done.outlines).split())
    assert shown.count("of conftest.py") == 1
    assert fnmatch(shown, f"*hook {told} *" if not told.endswith("*") else f"*hook {told}")
    assert load_run_of.result()["summary"]["tests"] == 1
    log = (load_run_of.pytester.path / "results" / "load_test_report_latest_summary.log").read_text()
    assert "of conftest.py" in log


@pytest.mark.parametrize(
    ("plugin", "told"),
    [
        ("def pytest_rtmedload_dialects(): 1 / 0", "pytest_rtmedload_dialects of conftest.py: ZeroDivisionError: *"),
        (
            "def pytest_rtmedload_dialects(): return 'x'",
            "pytest_rtmedload_dialects of conftest.py: returned 'x', not a *",
        ),
        ("def pytest_rtmedload_dialects(): return [5]", "pytest_rtmedload_dialects of conftest.py: 5 is not a Dialect"),
        (
            "from pytest_rtmedload import RTMEDAGENT\ndef pytest_rtmedload_dialects(): return [RTMEDAGENT]",
            "pytest_rtmedload_dialects of conftest.py: there is a dialect 'rtmedagent' already: rename it",
        ),
        (
            "def pytest_rtmedload_load_profiles(): return {'ramp': print}",
            "pytest_rtmedload_load_profiles of conftest.py: there is a load profile 'ramp' already: rename it",
        ),
        (
            "def pytest_rtmedload_load_profiles(): return {'My Ramp': print}",
            "pytest_rtmedload_load_profiles of conftest.py: 'My Ramp' cannot be the name of a load profile: *",
        ),
        (
            "def pytest_rtmedload_load_profiles(): return {'lunch': 5}",
            "pytest_rtmedload_load_profiles of conftest.py: 'lunch': 5 is not a function that makes a Conductor",
        ),
        (
            "def pytest_rtmedload_criteria(): return ['upload is quick']",
            "pytest_rtmedload_criteria of conftest.py: 'upload is quick' is not a criterion: *",
        ),
    ],
)
def test_what_goes_wrong_before_the_run_is_a_usage_error(load_run_of: LoadRun, plugin: str, told: str) -> None:
    project(load_run_of, plugin, "async def test_it(load): load.record('upload', 5)")
    done = load_run_of(*LOAD)
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    lines = [line for line in done.outlines + done.errlines if "of conftest.py" in line]
    assert len(lines) == 1
    pytest.LineMatcher(lines).fnmatch_lines([f"ERROR: hook {told}"])


@pytest.mark.parametrize(
    ("shape", "told"),
    [
        (
            "supper(3)",
            "*load(shape='supper(3)'): 'supper(3)' is not a shape: write one of *capacity(2..40, 30s), lunch",
        ),
        ("lunch(3, 4s, 5)", "*shape 'lunch(3, 4s, 5)': TypeError: *takes from 2 to 4 positional arguments but 5 were*"),
        ("lunch(three)", "*shape 'lunch(three)': ValueError: invalid literal for int() with base 10: 'three'"),
    ],
)
def test_a_wrong_load_profile_is_one_line(load_run_of: LoadRun, shape: str, told: str) -> None:
    project(load_run_of, tests=TESTS.replace("lunch(3, 0.3s)", shape))
    done = load_run_of(*LOAD, "-k", "lunch", sizes=SIZES)
    assert done.ret in (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.INTERRUPTED)
    pytest.LineMatcher(done.outlines + done.errlines).fnmatch_lines([told])


def test_a_load_profile_on_the_command_line(load_run_of: LoadRun) -> None:
    project(load_run_of, tests="async def test_it(load): load.record('upload', 5)")
    load_run_of("--load-shape=lunch(2, 0.1s)", sizes=SIZES).assert_outcomes(passed=1)
    assert load_run_of.result()["tests"][0]["users"] == 2


def test_hooks_of_two_plugins_do_not_disturb_each_other(load_run_of: LoadRun) -> None:
    load_run_of.pytester.makepyfile(first="def pytest_rtmedload_machine(): raise OSError('no rack')")
    load_run_of.pytester.makepyfile(second="def pytest_rtmedload_machine(): return {'rack': 7}")
    load_run_of.pytester.syspathinsert()
    load_run_of.file(test_it="async def test_it(load): load.record('upload', 5)")
    done = load_run_of("-p", "first", "-p", "second", *LOAD)
    done.stdout.fnmatch_lines(["*pytest_rtmedload_machine of first: OSError: no rack"])
    assert load_run_of.result()["run"]["machine"]["rack"] == "7"
