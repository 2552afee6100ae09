"""A body that awaited nothing and measured nothing is told, and passes no limit on iterations."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_rtmedload.verdict.silence import SILENT
from tests.conftest import LoadRun

TEST = """
    import asyncio
    import pytest

    @pytest.mark.load(users=2, iterations=100, think=0{limit})
    async def test_it(load):
        {body}
"""
DO_SOMETHING = {
    "waits": "await asyncio.sleep(0)",
    "works": "sum(range(30_000))",
    "measures": "load.record('own', 5)",
    "values": "load.value('rate', 1.0)",
}


def run(load_run_of: LoadRun, body: str, limit: str = ", p95=100") -> dict[str, Any]:
    load_run_of.file(test_it=TEST.format(body=body, limit=limit))
    load_run_of("-m", "load", "--load-ramp=0", "--load-warmup=0", "-W", "ignore::RuntimeWarning", sizes=())
    return load_run_of.result()["tests"][0]  # type: ignore[no-any-return]


@pytest.mark.parametrize("body", ["load.http.get('/health')", "pass"])
def test_a_forgotten_await_passes_no_limit_on_iterations(load_run_of: LoadRun, body: str) -> None:
    test = run(load_run_of, body)
    assert test["verdict"] == "FAIL"
    assert test["reasons"] == [SILENT]


@pytest.mark.parametrize("kind", DO_SOMETHING)
def test_a_body_that_did_something_passes(load_run_of: LoadRun, kind: str) -> None:
    test = run(load_run_of, DO_SOMETHING[kind])
    assert SILENT not in (*test["reasons"], *test["notes"])


def test_without_a_limit_on_iterations_it_is_a_note(load_run_of: LoadRun) -> None:
    test = run(load_run_of, "pass", limit="")
    assert (test["verdict"], SILENT in test["notes"]) == ("PASS", True)
