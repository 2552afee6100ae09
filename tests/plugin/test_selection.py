"""Load tests run when somebody asked for them, and say so when not."""

from __future__ import annotations

import pytest

from tests.conftest import SHORT, LoadRun

FILE = """
import pytest

@pytest.mark.load(iterations=1)
async def test_marked(load):
    pass

async def test_asks_for_load(load):
    pass

@pytest.mark.load(iterations=1, suites=["standard"])
async def test_standard_only(load):
    pass

def test_ordinary():
    pass
"""


def test_without_a_reason_load_tests_are_skipped_and_say_how_to_run_them(load_run_of: LoadRun) -> None:
    load_run_of.file(test_it=FILE)
    result = load_run_of("-rs", sizes=())
    result.assert_outcomes(passed=1, skipped=3)
    result.stdout.fnmatch_lines(["SKIPPED*runs with -m load*"])
    assert not (load_run_of.pytester.path / "results").exists()


@pytest.mark.parametrize(
    ("arguments", "passed", "skipped", "deselected"),
    [
        (("-m", "load"), 2, 1, 1),
        (("-m", "not load"), 1, 0, 3),
        (("--suite", "smoke"), 3, 1, 0),
        (("--suite", "standard", "-k", "standard", "--load-evidence=provisional", *SHORT), 1, 0, 3),
        (("test_it.py::test_marked",), 1, 0, 0),
        (("-m", "load or slow"), 2, 1, 1),
    ],
)
def test_what_asks_for_them(
    load_run_of: LoadRun, arguments: tuple[str, ...], passed: int, skipped: int, deselected: int
) -> None:
    load_run_of.file(test_it=FILE)
    suite = () if "--suite" in arguments else ("--load-duration=200ms", "--load-ramp=0", "--load-warmup=0")
    if arguments[0] != "-m" or arguments[1] != "load":
        suite = ()
    result = load_run_of(*arguments, sizes=suite)
    result.assert_outcomes(passed=passed, skipped=skipped, deselected=deselected)


def test_a_test_that_asks_for_load_has_the_marker(load_run_of: LoadRun) -> None:
    load_run_of.file(test_it=FILE)
    result = load_run_of("-m", "load", "--collect-only", "-q", sizes=())
    result.stdout.fnmatch_lines(["*test_asks_for_load*"])


@pytest.mark.parametrize(
    "plugins",
    [
        (),
        ("-o", "asyncio_mode=auto"),
        ("-p", "no:pytest_asyncio.plugin"),
        ("-o", "asyncio_default_test_loop_scope=session"),
    ],
    ids=["strict", "auto", "no asyncio", "session loop"],
)
def test_every_async_set_up_fans_out(load_run_of: LoadRun, plugins: tuple[str, ...]) -> None:
    load_run_of.file(
        test_it="""
        import pytest

        class TestInAClass:
            @pytest.mark.parametrize("size", [1, 2])
            @pytest.mark.load(iterations=2, users=2)
            async def test_method(self, load, size):
                assert isinstance(self, TestInAClass)
                assert size in (1, 2)
        """
    )
    load_run_of("-m", "load", *plugins, sizes=()).assert_outcomes(passed=2)
    assert [test["iterations"] for test in load_run_of.result()["tests"]] == [4, 4]
