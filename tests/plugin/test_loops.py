"""Whatever runs async tests runs load tests."""

from __future__ import annotations

import pytest

from tests.conftest import LoadRun

FILE = """
import asyncio, pytest

@pytest.mark.load(iterations=2, users=2)
async def test_async(load):
    load.count(type(asyncio.get_running_loop()).__module__.split(".")[0])
    await asyncio.sleep(0)

@pytest.mark.load(iterations=2, users=2)
def test_plain(load):
    pass

@pytest.mark.asyncio
async def test_ordinary():
    print("ordinary on", type(asyncio.get_running_loop()).__module__)
"""


def test_uvloop_when_asked_for(load_run_of: LoadRun) -> None:
    load_run_of.file(test_it=FILE)
    load_run_of("--suite=quick", "--load-uvloop", sizes=("--load-ramp=0",)).assert_outcomes(passed=3)
    assert load_run_of.result()["tests"][0]["counts"] == {"uvloop": 4}


def test_no_uvloop_otherwise(load_run_of: LoadRun) -> None:
    load_run_of.file(test_it=FILE)
    result = load_run_of("--suite=quick", "-s", sizes=("--load-ramp=0",))
    result.assert_outcomes(passed=3)
    assert load_run_of.result()["tests"][0]["counts"] == {"asyncio": 4}
    result.stdout.fnmatch_lines(["*ordinary on asyncio*"])


def test_uvloop_without_an_async_plugin(load_run_of: LoadRun) -> None:
    load_run_of.file(test_it=FILE)
    load_run_of(
        "-m",
        "load",
        "-p",
        "no:pytest_asyncio.plugin",
        "-o",
        "load_uvloop=true",
        "-W",
        "ignore",
        sizes=("--load-ramp=0",),
    ).assert_outcomes(passed=2, deselected=1)
    assert load_run_of.result()["tests"][0]["counts"] == {"uvloop": 4}


@pytest.mark.parametrize(("backend", "outcome"), [("asyncio", {"passed": 1}), ("trio", {"failed": 1})])
def test_anyio(load_run_of: LoadRun, backend: str, outcome: dict[str, int]) -> None:
    pytest.importorskip(backend)
    load_run_of.file(
        test_it=f"""
        import asyncio, pytest

        @pytest.fixture
        def anyio_backend():
            return "{backend}"

        @pytest.mark.anyio
        @pytest.mark.load(iterations=2, users=3)
        async def test_it(load):
            pass
        """
    )
    result = load_run_of("-m", "load", "-p", "anyio", sizes=("--load-ramp=0",))
    result.assert_outcomes(**outcome)
    if backend == "trio":
        result.stdout.fnmatch_lines(["*load tests run on asyncio*"])
