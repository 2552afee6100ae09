"""The line that says what load tests will do, before anything runs."""

from __future__ import annotations

import pytest

from pytest_rtmedload.plugin.header import how_long
from pytest_rtmedload.schedule.factory import conductor_for
from pytest_rtmedload.spec.load_spec import LoadSpec
from pytest_rtmedload.spec.shapes import Shape, ShapeKind, parse_shape
from tests.conftest import LoadRun

TESTS = """
import pytest

@pytest.mark.load(duration="2m")
async def test_timed(load):
    pass

@pytest.mark.load(iterations=3)
async def test_counted(load):
    pass

@pytest.mark.load(suites="comprehensive")
async def test_elsewhere(load):
    pass

async def test_explicit(load_run):
    pass

def test_ordinary():
    pass
"""
LINE = "3 load tests, about 2 min 10 s and 2 of unknown length: suite standard, embedded agent, seed 7, 1 shard"


def spec(group: str = "api", **changes: object) -> LoadSpec:
    return LoadSpec("test_it", group, 10, 30, ramp=5, warmup=5, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("arguments", [("--collect-only", "-q"), ("--collect-only",)])
def test_a_collection_says_how_long_the_load_tests_take(load_run_of: LoadRun, arguments: tuple[str, ...]) -> None:
    load_run_of.file(test_it=TESTS)
    run = load_run_of("-m", "load", "--suite=standard", "--load-seed=7", *arguments, sizes=())
    run.stdout.fnmatch_lines([LINE, "*test_timed*"])


def test_a_remote_agent_is_named_without_its_password(load_run_of: LoadRun) -> None:
    load_run_of.file(test_it=TESTS)
    run = load_run_of("-m", "load", "--collect-only", "--host=https://me:secret@agent.example/base", sizes=())
    run.stdout.fnmatch_lines(["3 load tests, *: suite quick, agent https://agent.example/base, seed *"])


@pytest.mark.parametrize("arguments", [(), ("-m", "not load"), ("-m", "load", "-qq")])
def test_nothing_is_said_where_nobody_asked(load_run_of: LoadRun, arguments: tuple[str, ...]) -> None:
    load_run_of.file(test_it=TESTS)
    run = load_run_of("--collect-only", *arguments, sizes=())
    run.stdout.no_fnmatch_line("*load test*seed*")


@pytest.mark.parametrize(
    ("arguments", "said"), [(("-m", "load"), True), (("--suite=quick",), True), (("-m", "not load"), False)]
)
def test_under_xdist_the_header_says_it(load_run_of: LoadRun, arguments: tuple[str, ...], said: bool) -> None:
    load_run_of.file(test_it="def test_ordinary():\n    pass\n")
    run = load_run_of("-p", "xdist.plugin", "-n", "2", *arguments, sizes=())
    line = "load tests: suite quick, embedded agent, seed *, 2 shards"
    run.stdout.fnmatch_lines([line]) if said else run.stdout.no_fnmatch_line(line)


def test_groups_side_by_side_take_as_long_as_the_longest() -> None:
    planned = [spec(), spec(), spec("ws"), None]
    assert how_long(planned) == "about 2 min and 1 of unknown length"
    assert how_long(planned, side_by_side=True) == "about 80 s and 1 of unknown length"
    assert how_long([None]) == "of unknown length"
    assert how_long([spec()] * 260) == "about 2 h 53 min"
    assert how_long([spec()] * 90) == "about 1 h"


@pytest.mark.parametrize(
    "shape",
    ["steady", "ramp(2..10)", "steps(2..10 by 2, 20s)", "steps(2..10 by 2)", "spike(50, 10s)", "spike(50, 40s)"],
)
def test_the_estimate_is_what_the_conductor_does(shape: str) -> None:
    planned = spec(shape=parse_shape(shape))
    end = max(end for _, end in conductor_for(planned).phases().values())
    assert planned.estimated_s == pytest.approx(end, abs=2.5)  # a spike begins and ends at whole seconds


def test_what_nobody_knows_before_has_no_estimate() -> None:
    assert spec(iterations=3).estimated_s is None
    assert spec(shape=parse_shape("capacity(2..40)")).estimated_s is None
    assert spec(shape=Shape(ShapeKind.CUSTOM)).estimated_s is None
