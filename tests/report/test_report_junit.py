from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys
import textwrap
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_rtmedload.report.ci import junit
from pytest_rtmedload.results.model import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_rtmedload.results.model import CriterionResult, RunResult

ROOT = Path(__file__).parents[2]
BUILDERS = Path(__file__).with_name("report_builders.py")


def test_properties_have_the_fixed_names(failing: RunResult) -> None:
    test = failing.tests[3]
    main = test.metrics["iteration"]
    assert main.p95_ms is not None
    assert junit.properties(test) == [
        ("load.verdict", "FAIL"),
        ("load.users", 10),
        ("load.iterations", 1200),
        ("load.rate", 312.4),
        ("load.errors", 101),
        ("load.p50_ms", main.p50_ms),
        ("load.p95_ms", main.p95_ms),
        ("load.p99_ms", main.p99_ms),
    ]


def test_properties_are_those_of_the_main_metric(inconclusive: RunResult) -> None:
    test = inconclusive.tests[1]
    assert dict(junit.properties(test))["load.p95_ms"] == test.metrics["voice.loop"].p95_ms


def test_a_search_has_its_finding_as_a_property(stages: RunResult) -> None:
    found = dict(junit.properties(stages.tests[0]))
    assert found["load.capacity"] == "capacity: proved up to 30 users, missed at 35"


def test_what_was_not_measured_is_empty_in_properties(nothing: RunResult) -> None:
    found = dict(junit.properties(nothing.tests[0]))
    assert (found["load.rate"], found["load.p50_ms"], found["load.p95_ms"], found["load.p99_ms"]) == ("", "", "", "")
    never = dataclasses.replace(nothing.tests[0], metrics={})
    assert dict(junit.properties(never))["load.p95_ms"] == ""


def test_failure_text_starts_with_what_went_wrong(failing: RunResult) -> None:
    lines = junit.failure_text(failing.tests[3]).splitlines()
    assert lines == [
        "FAIL: POST /api/call p95 181.0 ms > 150 ms (95 % bounds 170–194, n = 1200) FAIL",
        "10 users, 16 s, 312/s, 101 of 1,200 iterations failed",
        "critical",
        "POST /api/call p95 - ms ≤ 150 ms (95 % bounds 0–0, n = 1200) PASS",
        "errors 0.0 % of 5 % (n = 1200) PASS",
        "load generator PASS: lag p99 1.4 ms, 41.5 % of a core, 100 % of planned starts",
        "89 × StatusError: 503 Service Unavailable",
        "    Traceback (most recent call last):",
        '      File "tests/load/api/test_calls.py", line 12, in test_start_call',
        "        response.raise_for_status()",
        "    StatusError: 503 Service Unavailable",
        "12 × TimeoutError: no answer within 10 s",
    ]


def test_failure_text_without_reasons_takes_the_target_that_did_not_pass(failing: RunResult) -> None:
    test = dataclasses.replace(failing.tests[3], reasons=[])
    assert junit.failure_text(test).splitlines()[0].startswith("FAIL: POST /api/call p95 181.0 ms > 150 ms")
    bare = dataclasses.replace(test, targets=[])
    assert junit.failure_text(bare).splitlines()[0] == "FAIL: verdict FAIL"


def test_failure_text_of_others_holds_no_control_characters(hostile: RunResult) -> None:
    text = junit.failure_text(hostile.tests[0])
    assert not [c for c in text if c != "\n" and not c.isprintable()]


def test_a_goal_fails_only_where_it_fails_the_run(build_criterion: Callable[..., CriterionResult]) -> None:
    criteria = [
        build_criterion("Overall success ≥ 95 %"),
        build_criterion("API P95", verdict=Verdict.FAIL, text="API p95 181 ms > 150 ms FAIL"),
        build_criterion("success", "limit", Verdict.FAIL),
        build_criterion("Voice loop", verdict=Verdict.INCONCLUSIVE),
    ]
    reports = junit.criterion_reports(criteria)
    assert [(report.nodeid, report.outcome) for report in reports] == [
        ("load::criteria::overall_success_95", "passed"),
        ("load::criteria::api_p95", "skipped"),
        ("load::criteria::success", "failed"),
        ("load::criteria::voice_loop", "skipped"),
    ]
    assert [r.outcome for r in junit.criterion_reports(criteria, goals_fail=True)] == [
        "passed",
        "failed",
        "failed",
        "skipped",
    ]


def test_criteria_of_one_name_stay_apart(build_criterion: Callable[..., CriterionResult]) -> None:
    reports = junit.criterion_reports([build_criterion("errors"), build_criterion("Errors!"), build_criterion("%")])
    assert [report.nodeid.rsplit("::", 1)[1] for report in reports] == ["errors", "errors_2", "criterion"]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> tuple[ET.Element, str]:
    """A pytest session of its own that fails a load test and logs criteria: its JUnit file and its output."""
    folder = tmp_path_factory.mktemp("junit")
    (folder / "conftest.py").write_text(
        textwrap.dedent(
            f"""
            import sys
            import pytest
            sys.path[:0] = [{str(ROOT)!r}, {str(Path(__file__).parent)!r}]
            import importlib.util
            spec = importlib.util.spec_from_file_location("runs", {str(BUILDERS)!r})
            runs = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(runs)
            from pytest_rtmedload.report.ci import junit
            from pytest_rtmedload.report.terminal.writer import write_summary

            TEST = runs.failing_test()
            RUN = runs.make_run([TEST, runs.hostile_test(), runs.inconclusive_test()])

            @pytest.hookimpl(tryfirst=True)
            def pytest_sessionfinish(session):
                fail = runs.Verdict.FAIL
                odd = [runs.criterion("success", "limit", fail), runs.criterion("API P95", verdict=fail)]
                assert junit.add_criteria(session.config, [*odd, *runs.criteria()]) is None

            def pytest_terminal_summary(terminalreporter, config):
                write_summary(terminalreporter, RUN, None, config.get_verbosity())
            """
        )
    )
    (folder / "test_load.py").write_text(
        textwrap.dedent(
            """
            import pytest
            from conftest import TEST, junit

            def test_start_call(request):
                request.node.user_properties.extend(junit.properties(TEST))
                pytest.fail(junit.failure_text(TEST), pytrace=False)
            """
        )
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--junitxml=out.xml", "-p", "no:cacheprovider", "--color=yes"],
        cwd=folder,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "", "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return ET.parse(folder / "out.xml").getroot(), done.stdout  # noqa: S314 - our own file


def test_pytest_writes_the_properties_and_the_reasons(session: tuple[ET.Element, str]) -> None:
    case = session[0].find(".//testcase[@name='test_start_call']")
    assert case is not None
    found = {p.get("name"): p.get("value") for p in case.iter("property")}
    assert found["load.verdict"] == "FAIL"
    assert found["load.errors"] == "101"
    assert float(found["load.p95_ms"] or "") > 0
    failure = case.find("failure")
    assert failure is not None
    assert "FAIL: POST /api/call p95 181.0 ms > 150 ms" in (failure.get("message") or "")


def test_pytest_writes_a_case_for_each_criterion(session: tuple[ET.Element, str]) -> None:
    cases = [case for case in session[0].iter("testcase") if case.get("classname") == "load.criteria"]
    assert [(case.get("name"), [child.tag for child in case]) for case in cases] == [
        ("success", ["failure"]),
        ("api_p95", ["skipped"]),
        ("overall_success", []),
        ("success_2", []),
        ("api_p95_2", []),
    ]
    failure = cases[0].find("failure")
    assert failure is not None
    assert failure.get("message") == "limit: success 99.2 % ≥ 95 % FAIL"


def test_pytest_prints_the_summary_in_colour(session: tuple[ET.Element, str]) -> None:
    output = session[1]
    assert " load test " in output
    assert "\x1b[31m\x1b[1mFAIL" in output
    assert "\x1b[2J" not in output  # an answer of the agent cannot clear the terminal


def test_criteria_are_not_counted_as_tests(session: tuple[ET.Element, str]) -> None:
    output = re.sub(r"\x1b\[[0-9;]*m", "", session[1])
    assert re.search(r"^test_load.py F +\[100%\]$", output, re.MULTILINE)
    assert "load::criteria" not in output
    assert re.search(r"^=+ 1 failed in ", output, re.MULTILINE)
