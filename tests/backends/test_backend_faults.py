"""The suite's own backend tests, run as a user runs them: each fault is in the report as what it is.

Where a run uses the clients it has a process of its own: they do not bear being imported twice.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_rtmedload.embedded.settings import EmbeddedSettings
from pytest_rtmedload.embedded.supervised import Supervised
from tests.conftest import LoadRun

if TYPE_CHECKING:
    from collections.abc import Iterator

SUITE = Path(__file__).parents[1] / "load" / "backend"
SIZES = ("--load-users=4", "--load-duration=1s", "--load-ramp=0", "--load-warmup=0", "--load-think=10ms")
SECRET = "ThisIsASecret"  # noqa: S105 - it is none
NOWHERE = "127.0.0.1:9"
FAULTS = (
    *("llm.ttft=5ms", "llm.inter_token=10ms", "llm.tokens=8", "llm.error_rate=0.2", "llm.unfinished_rate=0.2"),
    *("cosmos.rus=80", "speech.fault.tts=close_4429", "speech.fault_rate.tts=0.3"),
)


@pytest.fixture
def backend(load_run_of: LoadRun) -> LoadRun:
    """A project with the suite's backend tests."""
    shutil.copytree(SUITE, load_run_of.pytester.path / "backend")
    return load_run_of


def judged(backend: LoadRun) -> dict[str, dict[str, Any]]:
    return {test["nodeid"].partition("::")[2]: test for test in backend.result()["tests"]}


def messages(test: dict[str, Any]) -> str:
    return "\n".join(error["message"] for error in test["errors"])


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Services that are named, and each fail in a way of their own; Redis is down. Gives the keys."""
    with Supervised.launch(EmbeddedSettings.parse(FAULTS, 3)) as running:
        llm, cosmos, speech = (running.service(name) for name in ("llm", "cosmos", "speech"))
        named = {
            "AZURE_OPENAI_ENDPOINT": llm["url"],
            "AZURE_OPENAI_API_KEY": llm["key"],
            "AZURE_OPENAI_DEPLOYMENT": "gpt-4o",
            "COSMOS_ENDPOINT": cosmos["url"],
            "COSMOS_KEY": cosmos["key"],
            "SPEECH_ENDPOINT": speech["url"],
            "SPEECH_KEY": speech["key"],
            "REDIS_URL": f"redis://:{SECRET}@{NOWHERE}",
        }
        for name, value in named.items():
            monkeypatch.setenv(name, value)
        yield [llm["key"], cosmos["key"], speech["key"], SECRET]


@pytest.mark.slow
def test_each_fault_shows_as_what_it_is_and_no_key_shows(backend: LoadRun, faulty: list[str]) -> None:
    chosen = "streaming or throttling or (synthesis and not understood) or session or events"
    run = backend("-m", "load", "-rs", "-k", chosen, sizes=SIZES, subprocess=True)
    tests = judged(backend)
    assert "llm.stream: HTTP 500: " in messages(tests["test_streaming"])
    assert "llm.stream: the stream ended without finish_reason" in messages(tests["test_streaming"])
    assert tests["test_streaming"]["verdict"] == "FAIL"
    throttling = tests["test_throttling"]
    assert throttling["counts"]["cosmos.throttled"] == throttling["metrics"]["cosmos.throttled"]["count"] > 0
    assert throttling["values"]["cosmos.retry_after"]["unit"] == "s"
    assert throttling["counts"]["cosmos.items created"] == throttling["counts"]["cosmos.items removed"]
    assert (throttling["failed"], messages(throttling)) == (0, "")
    assert "tts.synthesis: throttled (429): the quota of this resource is reached" in messages(tests["test_synthesis"])
    down = f"the redis at {NOWHERE} (REDIS_URL) cannot be tested: connection refused: nothing listens there*"
    run.stdout.fnmatch_lines([down, f"SKIPPED*{down}"])  # one error, then no more
    reports = [path.read_text() for path in (backend.pytester.path / "results").iterdir()]
    for secret in faulty:
        assert not any(secret in text for text in (*reports, run.stdout.str(), run.stderr.str()))


def test_a_remote_agent_s_services_are_skipped_unless_they_are_named(
    backend: LoadRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    result = backend("-m", "load", "-rs", f"--host=http://{NOWHERE}", "-k", "not redis", sizes=SIZES)
    result.assert_outcomes(skipped=9, deselected=3)
    for service in ("llm", "cosmos", "speech"):
        result.stdout.fnmatch_lines([f"*no endpoint of its {service} is configured: set *"])


def test_a_client_that_is_missing_is_a_skip_that_says_how_to_get_it(
    backend: LoadRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", f"redis://{NOWHERE}")
    monkeypatch.setitem(sys.modules, "redis.asyncio", None)
    result = backend("-m", "load", "-rs", "backend/test_redis.py", sizes=SIZES)
    result.assert_outcomes(skipped=3)
    result.stdout.fnmatch_lines(["*redis is not installed: pip install 'pytest-rtmedload[[]backends[]]'*"])


def test_nothing_of_what_is_wrong_in_a_variable_is_repeated(backend: LoadRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", f"host:6380,password={SECRET},ssl=True")
    result = backend("-m", "load", "backend/test_redis.py", sizes=SIZES)
    result.assert_outcomes(errors=3)
    result.stdout.fnmatch_lines(["*REDIS_URL is not a URL: write it as rediss://*"])
    assert SECRET not in result.stdout.str()
