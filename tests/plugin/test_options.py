"""Options: precedence, aliases that break nobody's own, and one clear line for whatever is wrong."""

from __future__ import annotations

import pytest

from tests.conftest import LoadRun

QUICK_LOOK = """
import pytest

@pytest.mark.load
async def test_sizes(load):
    load.value("users", load.settings.suite.users["api"])

@pytest.mark.load(users=4, duration="200ms")
async def test_marked(load):
    pass
"""
FAST = ("--load-ramp=0", "--load-warmup=0", "--load-think=20ms")


def sizes(load_run_of: LoadRun, *arguments: str) -> dict[str, tuple[int, float]]:
    load_run_of.file(test_it=QUICK_LOOK)
    load_run_of("-m", "load", *arguments, sizes=FAST).assert_outcomes(passed=2)
    tests = load_run_of.result()["tests"]
    return {t["nodeid"].split("::")[1]: (t["users"], round(t["duration_s"], 1)) for t in tests}


def test_command_line_beats_marker_beats_ini_beats_environment(
    load_run_of: LoadRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RTMEDLOAD_USERS", "2")
    monkeypatch.setenv("RTMEDLOAD_DURATION", "300ms")
    assert sizes(load_run_of) == {"test_sizes": (2, 0.3), "test_marked": (4, 0.2)}
    assert sizes(load_run_of, "-o", "load_users=3") == {"test_sizes": (3, 0.3), "test_marked": (4, 0.2)}
    assert sizes(load_run_of, "-o", "load_users=3", "--load-users=5") == {
        "test_sizes": (5, 0.3),
        "test_marked": (5, 0.2),
    }


def test_the_variables_of_the_brief(load_run_of: LoadRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_DURATION", "0.4")
    monkeypatch.setenv("MAX_USERS", "3")
    assert sizes(load_run_of) == {"test_sizes": (3, 0.4), "test_marked": (3, 0.2)}
    assert sizes(load_run_of, "--load-users=6")["test_sizes"] == (6, 0.4)


SIZED_BY_SUITE = """
import pytest

@pytest.mark.load(users={"quick": 4, "standard": 2}, iterations={"quick": 3}, duration={"standard": "200ms"}, ramp=0)
async def test_sized(load):
    await load.think(0.01)
"""


def test_a_marker_sizes_a_test_for_each_suite(load_run_of: LoadRun, monkeypatch: pytest.MonkeyPatch) -> None:
    load_run_of.pytester.makepyfile(test_it=SIZED_BY_SUITE)

    def users_and_iterations(*arguments: str) -> tuple[int, int]:
        load_run_of("-m", "load", "--load-evidence=provisional", "--load-warmup=0", *arguments, sizes=())
        test = load_run_of.result()["tests"][0]
        return test["users"], test["iterations"]

    assert users_and_iterations() == (4, 12)
    assert users_and_iterations("--suite=smoke") == (1, 1)
    assert users_and_iterations("--suite=standard")[0] == 2
    assert users_and_iterations("--suite=standard")[1] > 2
    assert users_and_iterations("-o", "load_users=3") == (3, 9)  # as stronger than a suite as ever
    monkeypatch.setenv("MAX_USERS", "2")
    assert users_and_iterations() == (2, 6)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ("users={'fast': 3}", "*load(users={'fast': 3}): 'fast' is not a suite: choose among smoke, quick*"),
        ("iterations={'quick': 0}", "*load(iterations={'quick': 0}): a whole number of at least 1 is needed*"),
    ],
)
def test_wrong_sizes_by_suite_are_one_line(load_run_of: LoadRun, sizes: str, message: str) -> None:
    load_run_of.pytester.makepyfile(
        test_it=f"import pytest\n\n@pytest.mark.load({sizes})\nasync def test_it(load):\n    pass\n"
    )
    result = load_run_of("-m", "load", sizes=())
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([message])


def test_users_of_one_group(load_run_of: LoadRun, pytester: pytest.Pytester) -> None:
    folder = pytester.mkdir("ws")
    (folder / "test_it.py").write_text(
        "import pytest\n\n@pytest.mark.load(iterations=1)\nasync def test_it(load):\n    pass\n"
    )
    load_run_of("-m", "load", "--websocket-users=7", "--api-users=2", sizes=()).assert_outcomes(passed=1)
    test = load_run_of.result()["tests"][0]
    assert (test["group"], test["users"]) == ("ws", 7)


def test_users_of_a_group_keep_the_order_of_sources(load_run_of: LoadRun, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = load_run_of.pytester.mkdir("api")
    (folder / "test_it.py").write_text(
        "import pytest\n\n@pytest.mark.load(users=4, iterations=1)\nasync def test_it(load):\n    pass\n"
    )

    def users(*arguments: str) -> int:
        load_run_of("-m", "load", *arguments, sizes=()).assert_outcomes(passed=1)
        return int(load_run_of.result()["tests"][0]["users"])

    monkeypatch.setenv("RTMEDLOAD_API_USERS", "2")
    assert users() == 4
    assert users("-o", "load_api_users=3") == 4
    assert users("--api-users=5") == 5


def test_a_users_own_option_keeps_its_meaning(load_run_of: LoadRun) -> None:
    load_run_of.pytester.makeconftest(
        """
        import pytest

        def pytest_addoption(parser):
            parser.addoption("--host", default="mine")
            parser.addoption("--suite", action="store_true")

        @pytest.fixture
        def host(request):
            return request.config.getoption("--host")
        """
    )
    load_run_of.file(
        test_it="""
        import pytest

        def test_host(host, request):
            assert host == "theirs"
            assert request.config.getoption("--suite") is True

        @pytest.mark.load(iterations=1)
        async def test_load(load):
            assert load.settings.suite.name == "smoke"
            assert load.settings.host is None
        """
    )
    load_run_of("--host=theirs", "--suite", "--load-suite=smoke", sizes=()).assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("argument", "complaint"),
    [
        ("--suite=fast", "--load-suite: unknown suite 'fast': choose one of smoke, quick, standard, comprehensive"),
        ("--load-users=-3", "--load-users: '-3' is not a whole number of at least 1"),
        ("--load-users=many", "--load-users: 'many' is not a whole number of at least 1"),
        ("--load-duration=5 weeks", "--load-duration: '5 weeks' is not a duration: *"),
        ("--load-duration=0", "--load-duration: '0': a duration above 0 is needed"),
        ("--load-evidence=none", "--load-evidence: 'none' is not one of strict, provisional, point"),
        ("--load-evidence=maybe", "--load-evidence: 'maybe' is not one of strict, provisional, point*"),
        ("--load-host=localhost:8000", "--load-host: 'localhost:8000' is not a URL: *"),
        ("--load-target=p95=3", "--load-target: unknown limit 'p95'*"),
        ("--load-header=token", "--load-header: a header is written as 'Name: value'"),
        ("--load-dialect=klingon", "--load-dialect: *klingon*rtmedagent*"),
        ("--load-shape=zigzag", "--load-shape: 'zigzag' is not a shape: *"),
    ],
)
def test_a_wrong_option_is_one_line(load_run_of: LoadRun, argument: str, complaint: str) -> None:
    load_run_of.file(test_it="def test_nothing(): pass")
    result = load_run_of(argument, sizes=())
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {complaint}"])
    assert "Traceback" not in result.stderr.str()


def test_a_wrong_variable_is_one_line_only_where_there_are_load_tests(
    load_run_of: LoadRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_DURATION", "a while")
    load_run_of.file(test_it="def test_nothing(): pass")
    load_run_of(sizes=()).assert_outcomes(passed=1)
    load_run_of.file(test_it=QUICK_LOOK)
    result = load_run_of(sizes=())
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: TEST_DURATION: 'a while' is not a duration*"])


@pytest.mark.parametrize(
    ("marker", "complaint"),
    [
        ("user=3", "*test_it.py::test_it: load() has no argument 'user'; it has users, duration*"),
        ("users=0", "*test_it.py::test_it: load(users=0): a whole number of at least 1 is needed"),
        ("duration=0", "*load(duration=0): 0: a duration above 0 is needed*"),
        ("duration='soon'", "*test_it.py::test_it: load(duration='soon'): 'soon' is not a duration*"),
        ("p95='fast'", "*test_it.py::test_it: load(p95='fast'): *a limit is a number*"),
        ("errors=3", "*test_it.py::test_it: load(errors=3): *a fraction between 0 and 1*"),
        ("150", "*test_it.py::test_it: load(150): arguments are given by name*"),
        ("suites=['fast']", "*load(suites=*'fast' is not a suite*"),
        ("targets={'x': 3}", "*load(targets=*maps metric names to limits*"),
    ],
)
def test_a_wrong_marker_argument_is_a_collection_error_in_one_line(
    load_run_of: LoadRun, marker: str, complaint: str
) -> None:
    load_run_of.file(test_it=f"import pytest\n\n@pytest.mark.load({marker})\nasync def test_it(load):\n    pass\n")
    result = load_run_of(sizes=())
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([complaint])
    assert "Traceback" not in result.stdout.str()


def test_a_results_directory_that_cannot_be_is_said_before_anything_runs(load_run_of: LoadRun) -> None:
    load_run_of.pytester.path.joinpath("occupied").write_text("a file")
    load_run_of.file(test_it=QUICK_LOOK)
    result = load_run_of("-m", "load", "--load-report-dir=occupied", sizes=FAST)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: *occupied*--load-report-dir*"])


def test_help_shows_every_option(load_run_of: LoadRun) -> None:
    result = load_run_of("--help", sizes=())
    result.stdout.fnmatch_lines(
        ["*load tests (pytest-rtmedload)*", "*--load-users=N*", "*--suite=NAME*", "*--host=URL*"]
    )


ONE_TEST = """
import pytest

@pytest.mark.load(users=1, iterations=3)
async def test_it(load):
    with load.measure("work"):
        pass

def test_ordinary():
    pass
"""


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("pyproject.toml", "[tool.pytest]\n{}"),
        ("pytest.toml", "[pytest]\n{}"),
        (".pytest.toml", "[pytest]\n{}"),
        ("pyproject.toml", "[tool.pytest.ini_options]\n{}"),
    ],
)
@pytest.mark.skipif(pytest.version_tuple < (9,), reason="pytest 9 reads TOML with its own types")
def test_toml_with_its_own_types(load_run_of: LoadRun, name: str, content: str) -> None:
    pytester = load_run_of.pytester
    (pytester.path / "tox.ini").unlink()
    lines = [
        'addopts = ["-p", "pytest_asyncio.plugin", "-p", "rtmedload", "-p", "no:cacheprovider"]',
        'asyncio_default_fixture_loop_scope = "function"',
        "load_think = 0",
        "load_duration = 0.2",
        "load_ramp = 0.0",
        "load_users = 2",
        "load_seed = 7",
        "load_samples = true",
        "load_parallel = false",
        "load_uvloop = false",
        'load_suite = "smoke"',
        'load_header = ["X-A: b", "X-C: d"]',
        'load_targets = ["work:p95=150"]' if "ini_options" in content else 'load_targets = "work:p95=150"',
    ]
    (pytester.path / name).write_text(content.format("\n".join(lines)))
    load_run_of.file(
        test_it="""
        import pytest

        @pytest.mark.load
        async def test_it(load):
            assert load.settings.headers == {"X-A": "b", "X-C": "d"}
            assert load.settings.ini.values == {"think": 0, "duration": 0.2, "ramp": 0, "users": 2}
            assert [target.limit for entry in load.settings.targets for target in entry] == [150]

        def test_ordinary():
            pass
        """
    )
    load_run_of("-m", "not load", sizes=()).assert_outcomes(passed=1, deselected=1)
    load_run_of("-m", "load", sizes=()).assert_outcomes(passed=1, deselected=1)
    result = load_run_of.result()
    assert (result["run"]["seed"], result["tests"][0]["users"]) == (7, 2)
    assert (pytester.path / "results" / "load_test_report_latest_samples.csv").exists()
    load_run_of("-m", "load", "-o", "load_users=3", sizes=())
    assert load_run_of.result()["tests"][0]["users"] == 3


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("load_users = true", "load_users in the ini file: 'True' is not a whole number of at least 1"),
        ("load_users = [2]", "load_users in the ini file: [[]2]: one value is needed: *"),
        ("load_samples = 3", "load_samples in the ini file: '3' is not true or false"),
        ("load_think = -1", "load_think in the ini file: '-1' is not a duration: *"),
        ("load_header = {a = 1}", "load_header in the ini file: {'a': 1}: a list of texts is needed"),
        ("load_duration = 2026-12-01", "load_duration in the ini file: *one value is needed: *"),
    ],
)
@pytest.mark.skipif(pytest.version_tuple < (9,), reason="pytest 9 reads TOML with its own types")
def test_a_wrong_value_in_toml_is_one_line(load_run_of: LoadRun, line: str, complaint: str) -> None:
    (load_run_of.pytester.path / "tox.ini").unlink()
    (load_run_of.pytester.path / "pytest.toml").write_text(
        f'[pytest]\naddopts = ["-p", "pytest_asyncio.plugin", "-p", "rtmedload"]\n'
        f'asyncio_default_fixture_loop_scope = "function"\n{line}\n'
    )
    load_run_of.file(test_it=ONE_TEST)
    run = load_run_of("-m", "load", sizes=())
    assert run.ret == pytest.ExitCode.USAGE_ERROR
    errors = [text for text in (run.outlines + run.errlines) if text.startswith("ERROR: ")]
    assert len(errors) == 1
    pytest.LineMatcher(errors).fnmatch_lines([f"ERROR: {complaint}"])


def test_the_home_folder_and_blanks(load_run_of: LoadRun, monkeypatch: pytest.MonkeyPatch) -> None:
    home = load_run_of.pytester.mkdir("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("RTMEDLOAD_SUITE", "smoke \r")
    monkeypatch.setenv("MAX_USERS", " 2 ")
    load_run_of.file(test_it=ONE_TEST)
    for option in (("-o", "load_report_dir=~/ini "), ("--load-report-dir=~/argument",)):
        load_run_of("-m", "load", *option, sizes=()).assert_outcomes(passed=1, deselected=1)
    assert sorted(folder.name for folder in home.iterdir()) == ["argument", "ini"]
    assert not (load_run_of.pytester.path / "~").exists()


def test_criteria_are_changed_by_every_source(load_run_of: LoadRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTMEDLOAD_CRITERIA", "success rate = 0.9\nlowest success rate = off")
    load_run_of.file(test_it=ONE_TEST)
    arguments = ("-o", "load_criteria=success rate = 0.99 limit", "--load-criterion=work p95 = 5 s limit")
    load_run_of("-m", "load", *arguments, sizes=()).assert_outcomes(passed=1, deselected=1)
    found = {c["name"]: (c["kind"], c["limit"]) for c in load_run_of.result()["criteria"]}
    assert found == {"success rate": ("limit", 99), "work p95": ("limit", 5000)}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (
            ("--load-criterion=speed = 3",),
            "--load-criterion: 'speed = 3': 'speed' is neither a criterion nor a subject; *",
        ),
        (("-o", "load_criteria=all = of"), "load_criteria in the ini file: 'all = of' is not a criterion: *"),
    ],
)
def test_a_wrong_criterion_is_one_line(load_run_of: LoadRun, arguments: tuple[str, ...], complaint: str) -> None:
    load_run_of.file(test_it=ONE_TEST)
    run = load_run_of("-m", "load", *arguments, sizes=())
    assert run.ret == pytest.ExitCode.USAGE_ERROR
    run.stderr.fnmatch_lines([f"ERROR: {complaint}"])


@pytest.mark.parametrize("option", ["--load-target=wrk:p95=100", "--load-criterion=wrk p95 = 100"])
def test_a_limit_on_a_metric_that_no_test_knows_fails_the_run(load_run_of: LoadRun, option: str) -> None:
    load_run_of.file(test_it=ONE_TEST)
    run = load_run_of("-m", "load", option, sizes=())
    assert run.ret == pytest.ExitCode.TESTS_FAILED
    run.stdout.fnmatch_lines(
        ["*wrk p95: not judged: no load test recorded wrk in its measured phase; recorded were iteration, work *"]
    )
    assert load_run_of.result()["summary"]["verdict"] == "FAIL"


def test_targets_of_a_dialect_stand_between_marker_and_options(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import pytest

        @pytest.mark.load(users=1, iterations=3, metric="ws.message", p95=100, p99=700)
        async def test_it(load):
            load.record("ws.message", 150)

        @pytest.mark.load(users=1, iterations=3)
        async def test_other(load):
            pass
        """
    )

    def limits(*arguments: str) -> dict[str, float]:
        load_run_of("-m", "load", "--load-dialect=artagent-v1", *arguments, sizes=())
        test, other = load_run_of.result()["tests"]
        assert {target["percentile"] for target in other["targets"]} == {"errors"}
        assert not [c["name"] for c in load_run_of.result()["criteria"] if c["name"].startswith("target")]
        return {t["percentile"]: t["limit"] for t in test["targets"] if t["metric"] == "ws.message"}

    assert limits() == {"p95": 300, "p99": 700}
    assert limits("--load-target=ws.message:p95=250") == {"p95": 250, "p99": 700}
    load_run_of("-m", "load", "-k", "test_other", "--load-dialect=artagent-v1", sizes=()).assert_outcomes(
        passed=1, deselected=1
    )
