"""The marker is read once for each test, into one type whose fields are its arguments."""

from __future__ import annotations

import dataclasses

import pytest

from pytest_rtmedload.plugin.marker import ARGUMENTS, BySuite, MarkerArguments, checked
from tests.conftest import LoadRun


def test_each_argument_is_a_field() -> None:
    assert set(ARGUMENTS) == {field.name for field in dataclasses.fields(MarkerArguments)}


def test_what_stands_closer_to_the_test_wins(pytestconfig: pytest.Config) -> None:
    weaker = checked("load", {"users": 3, "p95": 100, "critical": True}, pytestconfig)
    closer = checked("load", {"users": {"quick": 5}, "critical": False, "errors": 0}, pytestconfig)
    both = closer.over(weaker)
    assert (both.users, both.p95, both.critical, both.errors) == (BySuite({"quick": 5}), 100, False, 0)


@pytest.mark.parametrize("first", [True, False])
def test_a_marker_that_a_conftest_adds_counts(load_run_of: LoadRun, first: bool) -> None:
    load_run_of.file(
        conftest=f"""
        import pytest

        @pytest.hookimpl(tryfirst={first})
        def pytest_collection_modifyitems(items):
            for item in items:
                item.add_marker(pytest.mark.load(iterations=7, users=1), append=False)
        """,
        test_it="""
        import pytest

        @pytest.mark.load(iterations=2, errors=0)
        async def test_it(load):
            pass
        """,
    )
    load_run_of("-m", "load", sizes=()).assert_outcomes(passed=1)
    assert load_run_of.result()["tests"][0]["iterations"] == 7
