"""What all tests of the project share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpcore  # noqa: F401 - as the next one, for httpx
import httpcore2  # noqa: F401 - httpx2 keeps its exceptions, which would be others after pytester has forgotten them
import httpx  # noqa: F401
import numpy  # noqa: F401, ICN001 - see below
import orjson  # noqa: F401
import pyreqwest.client  # noqa: F401
import pytest
from hypothesis import settings

import pytest_rtmedload.clients.http.client
import pytest_rtmedload.embedded.launcher
import pytest_rtmedload.plugin.run
import pytest_rtmedload.report.page.html
import pytest_rtmedload.voice.place_call  # noqa: F401 - pytester forgets what a run imports, and numpy cannot be imported twice

settings.register_profile("project", deadline=None)  # how long an example takes is the machine's doing
settings.load_profile("project")

SHORT = ("--load-ramp=0", "--load-warmup=0", "--load-think=5ms", "--load-duration=300ms", "--load-users=3")
"""A load test that takes a third of a second."""


class LoadRun:
    """Runs pytest on a project of its own and reads what it wrote."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        pytester.makeini(
            """
            [pytest]
            asyncio_default_fixture_loop_scope = function
            addopts = -p pytest_asyncio.plugin -p rtmedload -p no:cacheprovider
            """
        )

    def __call__(self, *arguments: str, sizes: tuple[str, ...] = SHORT, subprocess: bool = False) -> pytest.RunResult:
        run = self.pytester.runpytest_subprocess if subprocess else self.pytester.runpytest_inprocess
        return run(*sizes, *arguments)

    def file(self, **modules: str) -> Path:
        """Write test modules."""
        return self.pytester.makepyfile(**modules)

    def result(self, name: str = "load_test_report_latest.json") -> dict[str, Any]:
        """The JSON result of the last run."""
        return json.loads((self.pytester.path / "results" / name).read_text())  # type: ignore[no-any-return]


@pytest.fixture
def load_run_of(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> LoadRun:
    """A project with no tests yet, in an environment without settings of ours."""
    import os

    for name in list(os.environ):
        if name.startswith("RTMEDLOAD_") or name in ("API_BASE_URL", "WS_BASE_URL", "TEST_DURATION", "MAX_USERS"):
            monkeypatch.delenv(name)
        if name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "TF_BUILD"):  # what tests do is no news to our own CI
            monkeypatch.delenv(name)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # only what the ini file names
    return LoadRun(pytester)
