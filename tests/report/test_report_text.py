from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_rtmedload.report import phrases
from pytest_rtmedload.report.files import ReportFiles
from pytest_rtmedload.report.terminal.summary import summary_lines, summary_text
from pytest_rtmedload.report.terminal.writer import write_summary
from pytest_rtmedload.results.details import CapacityResult, DriftResult, ErrorResult, SlowOperation
from pytest_rtmedload.results.model import StageResult, Verdict
from pytest_rtmedload.text.spans import WIDTH
from tests.report.report_builders import inconclusive_test, make_run

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_rtmedload.results.model import RunResult, TargetResult, TestResult


def plain(run: RunResult, verbosity: int = 0, *, told: bool = False) -> list[str]:
    lines = summary_lines(run, verbosity=verbosity, told=told)
    return ["".join(span.text for span in line) for line in lines]


def test_verdict_and_why_come_first(failing: RunResult) -> None:
    assert plain(failing)[:8] == [
        "load test: FAIL · suite quick · 4 tests: 2 passed, 1 failed, 1 inconclusive",
        "  success 99.2 % of 12,345 operations · embedded agent (a stand-in, rtmedagent dialect)",
        "  1 of 4 tests failed: test_calls.py::test_start_call",
        "  test_calls.py::test_start_call: POST /api/call p95 181.0 ms > 150 ms (95 % bounds 170–194, n =",
        "    1200) FAIL",
        "  1 of 4 tests inconclusive:",
        "    test_mix.py::test_mix[chest_pain-breathing_difficulty-severe_allergic_reaction]",
        "  goal: API p95 181 ms > 150 ms FAIL",
    ]


def test_failures_come_before_passes(failing: RunResult) -> None:
    verdicts = [line.split()[0] for line in plain(failing)[9:] if line.startswith(("FAIL ", "INCONCLUSIVE ", "PASS "))]
    assert verdicts == ["FAIL", "INCONCLUSIVE", "PASS", "PASS"]


def test_a_failing_test_explains_itself(failing: RunResult) -> None:
    lines = plain(failing)
    start = lines.index("FAIL          tests/load/api/test_calls.py::test_start_call")
    assert lines[start + 1 : start + 8] == [
        "      10 users, 16 s, 312/s, 101 of 1,200 iterations failed",
        "      critical",
        "      POST /api/call p95 181.0 ms > 150 ms (95 % bounds 170–194, n = 1200) FAIL",
        "      POST /api/call p95 - ms ≤ 150 ms (95 % bounds 0–0, n = 1200) PASS",
        "      89 × StatusError: 503 Service Unavailable",
        "      12 × TimeoutError: no answer within 10 s",
        "",
    ]


def test_what_pytest_has_told_is_referred_to(failing: RunResult) -> None:
    lines = plain(failing, told=True)
    start = lines.index("FAIL          tests/load/api/test_calls.py::test_start_call")
    assert lines[start + 1 : start + 7] == [
        "      10 users, 16 s, 312/s, 101 of 1,200 iterations failed",
        "      critical",
        "      POST /api/call p95 181.0 ms > 150 ms (95 % bounds 170–194, n = 1200) FAIL",
        "      89 × StatusError: 503 Service Unavailable",
        "      more about it above, under FAILURES",
        "",
    ]
    assert not any("response.raise_for_status()" in line for line in plain(failing, 1, told=True))
    assert [line for line in lines if line.startswith("INCONCLUSIVE  ")]  # it has not failed: nothing was told of it


def test_quiet_tells_only_verdicts_and_reasons(failing: RunResult, green: RunResult) -> None:
    assert plain(failing, -1)[9:] == [
        "FAIL          tests/load/api/test_calls.py::test_start_call",
        "      10 users, 16 s, 312/s, 101 of 1,200 iterations failed",
        "      POST /api/call p95 181.0 ms > 150 ms (95 % bounds 170–194, n = 1200) FAIL",
    ]
    assert plain(green, -1) == [
        "load test: PASS · suite quick · 2 tests: 2 passed · success 100 % of 12,345 operations",
        "  embedded agent (a stand-in, rtmedagent dialect)",
    ]


def test_tests_that_passed_have_a_line_each(
    build_run: Callable[..., RunResult],
    build_test: Callable[..., TestResult],
    build_target: Callable[..., TargetResult],
) -> None:
    loop = build_target(metric="voice.loop", limit=700.0, value=641.0)
    tests = [
        build_test("load/test_a.py::test_short"),
        build_test("load/test_a.py::test_refused_ones", negative=True, users=1200),
        build_test("load/test_b.py::test_voice", metric="voice.loop", targets=[build_target(), loop], saturated=True),
        build_test("load/test_b.py::test_open", model="open", rate=None, targets=[]),
        build_test("load/test_b.py::test_smoke", evidence="none"),
    ]
    assert plain(build_run(tests))[3:] == [
        "PASS  test_a.py::test_short         POST /api/call p95 82 ms ≤ 150 ms  10 users, 312/s",
        "PASS  test_a.py::test_refused_ones  POST /api/call p95 82 ms ≤ 150 ms  1,200 users, 312/s, negative",
        "PASS  test_b.py::test_voice         voice.loop p95 641 ms ≤ 700 ms     10 users, ≥ 312/s",
        "PASS  test_b.py::test_open                                             up to 10 in flight",
        "PASS  test_b.py::test_smoke         latency not judged                 10 users, 312/s",
        "",
        "negative: sends requests that must be refused; not included in the run's criteria",
    ]


def test_a_smoke_test_that_went_well_is_a_line_too() -> None:
    smoke = dataclasses.replace(
        inconclusive_test(),
        evidence="none",
        reasons=[],
        errors=[],
        targets=[],
        failed_test=False,
        nodeid="a.py::test_b",
    )
    lines = plain(make_run([smoke]))
    (line,) = [line for line in lines if line.startswith("INCONCLUSIVE  ")]
    assert line.startswith("INCONCLUSIVE  a.py::test_b  latency not judged  ")
    assert "INCONCLUSIVE: a smoke test judges errors and no latency; does not fail the test" in lines


def test_long_names_leave_out_the_metric_and_then_break(
    build_run: Callable[..., RunResult], build_test: Callable[..., TestResult]
) -> None:
    tests = [build_test(f"load/test_a.py::test_{'x' * length}") for length in (10, 35, 90)]
    assert plain(build_run(tests))[3:] == [
        f"PASS  test_a.py::test_{'x' * 10}{' ' * 34}  p95 82 ms ≤ 150 ms  10 users, 312/s",
        f"PASS  test_a.py::test_{'x' * 35}{' ' * 9}  p95 82 ms ≤ 150 ms  10 users, 312/s",
        f"PASS  test_a.py::test_{'x' * 90}",
        "      p95 82 ms ≤ 150 ms  10 users, 312/s",
    ]


@pytest.mark.parametrize(
    "changes",
    [{"errors": [ErrorResult("boom", 1, "")]}, {"complete": False}, {"failed_test": True}, {"reasons": ["x"]}],
)
def test_a_pass_with_something_to_tell_tells_it(
    build_run: Callable[..., RunResult], build_test: Callable[..., TestResult], changes: dict[str, Any]
) -> None:
    assert "PASS          tests/load/api/test_health.py::test_health   10 users, 16 s, 312/s" in plain(
        build_run([build_test(**changes)])
    )


def test_verbose_adds_tables_tracebacks_and_health(failing: RunResult) -> None:
    lines = plain(failing, 1)
    assert "      metric (ms)             count  failed   p50  p95  p99  max    rate" in lines
    assert "      POST /api/call          1,200     101  95.4  170  216  280  74.8/s" in lines
    assert "      cosmos.ru  1,200   5.9    1  22.5    RU" in lines
    assert "          |     response.raise_for_status()" in lines
    assert "      load generator PASS: lag p99 1.4 ms, 41.5 % of a core, 100 % of planned starts" in lines
    assert "      note: assumes independent samples: too few calls to tell" in lines


def test_what_words_mean_is_said_once(
    inconclusive: RunResult, green: RunResult, build_target: Callable[..., TargetResult]
) -> None:
    few = "voice.loop p95 641 ms ≤ 700 ms (95 % bounds ≥ 598, n = 42, 9 of 20 calls) INCONCLUSIVE, leaning pass"
    calls = dataclasses.replace(inconclusive.tests[1], targets=[build_target(Verdict.INCONCLUSIVE, text=few)])
    lines = plain(dataclasses.replace(inconclusive, tests=[*inconclusive.tests, *[calls] * 9]))
    for meaning in (
        "INCONCLUSIVE: too few samples to tell either way; does not fail the test (provisional evidence)",
        "95 % bounds: the true value is above the first and below the second, with 95 % confidence each",
        "of 20 calls: turns of one call are alike, so a PASS takes at least 20 calls",
    ):
        assert lines.count(meaning) == 1
    assert sum("provisional" in line for line in lines) == 1
    strict = [dataclasses.replace(t, evidence="strict", failed_test=True) for t in inconclusive.tests[1:]]
    assert "fails the test (strict evidence)" in summary_text(dataclasses.replace(inconclusive, tests=strict))
    smoke = [dataclasses.replace(t, evidence="none") for t in inconclusive.tests[1:]]
    assert "a smoke test judges errors" in summary_text(dataclasses.replace(inconclusive, tests=smoke))
    assert not any(": " in line for line in plain(green)[2:])


def test_it_says_what_to_do_next(inconclusive: RunResult, green: RunResult) -> None:
    assert any(line.startswith("next: ") for line in plain(inconclusive))
    assert not any(line.startswith("next: ") for line in [*plain(green), *plain(inconclusive, -1)])


def test_an_invalid_test_names_the_generator_and_what_to_do(invalid: RunResult) -> None:
    lines = plain(invalid)
    assert "      the load generator lagged 42 ms (p99) for 11 % of the measured time: fewer users, or -n" in lines
    assert (
        "      load generator INVALID: lag p99 42 ms, 99.7 % of a core, 91 % of planned starts, 212 late, 4 refused at"
        not in lines  # wrapped before it gets longer than the page
    )
    assert any(line.startswith("      load generator INVALID: lag p99 42 ms") for line in lines)
    assert any("up to 500 in flight, 16 s, ≥ 312/s, 2 shards" in line for line in lines)
    facts = phrases.generator_facts(next(t for t in invalid.tests if t.verdict is Verdict.INVALID).generator)
    assert facts.endswith(
        "3.1 of 4 s of lag because the load generator waited for a processor, other processes used 1 of 2 cores"
    )
    assert (
        "INVALID: the load generator could have changed the verdict, so this is not a result about the agent" in lines
    )


def test_a_partial_run_says_so_after_its_cause(partial: RunResult) -> None:
    lines = plain(partial)
    assert lines[2].startswith("  1 of 3 tests failed: ")
    assert lines[lines.index("") - 1] == "  PARTIAL: the run was cut short; what stands here was measured until then"


def test_no_tests_is_one_line(empty: RunResult) -> None:
    assert plain(empty) == ["load test: PASS · suite quick · no load test ran"]


def test_many_failures_are_counted(build_run: Callable[..., RunResult], build_test: Callable[..., TestResult]) -> None:
    tests = [build_test(f"tests/t.py::test_{i}", verdict=Verdict.FAIL, failed_test=True) for i in range(9)]
    assert "  9 of 9 tests failed" in plain(build_run(tests))


def test_many_errors_are_counted(build_run: Callable[..., RunResult], build_test: Callable[..., TestResult]) -> None:
    errors = [ErrorResult(f"error {i}", 10 - i, "") for i in range(8)]
    assert "      12 more errors of 3 other kinds" in plain(build_run([build_test(errors=errors)]))


def stage(users: int, verdict: Verdict) -> StageResult:
    reasons = [] if verdict is Verdict.PASS else [f"iteration p95 above its limit {verdict}"]
    return StageResult(f"{users} users", users, 0.0, 10.0, verdict, reasons, 1200, 3, 120.0, {}, [])


def test_stages_that_did_not_pass_are_told_and_all_of_them_when_asked(
    build_run: Callable[..., RunResult], build_test: Callable[..., TestResult]
) -> None:
    verdicts = [Verdict.PASS, *[Verdict.FAIL] * 6]
    stages = [stage(10 * i, verdict) for i, verdict in enumerate(verdicts, 1)]
    test = build_test(verdict=Verdict.FAIL, failed_test=True, stages=stages, shape="steps(10..70 by 10)")
    lines = plain(build_run([test]))
    assert [line for line in lines if "      stage " in line] == [
        f"      stage {users} users FAIL: iteration p95 above its limit FAIL" for users in range(20, 61, 10)
    ]
    assert "      and 1 other stage" in lines
    table = plain(build_run([test]), 1)
    assert "      stage (steps(10..70 by 10))  iterations  failed   rate  iteration p95  verdict" in table
    assert "      10 users                          1,200       3  120/s              –     PASS" in table


def test_a_capacity_a_drift_and_neighbours(
    build_run: Callable[..., RunResult], build_test: Callable[..., TestResult]
) -> None:
    found = CapacityResult(20, 20, 30, "capacity: proved up to 20 users, missed at 30")
    slower = DriftResult("iteration", "p50", 10.0, 20.0, (9.0, 11.0), (19.0, 21.0), drifted=True, text="it drifts")
    same = dataclasses.replace(slower, percentile="p95", drifted=False, text="it does not drift")
    slow = SlowOperation("voice.loop", "chest pain", 812.0, 12, 3, "call-7", "ok")
    late = dataclasses.replace(slow, tag="", id="", outcome="censored")
    test = build_test(capacity=found, stages=[stage(30, Verdict.FAIL)], drift=[slower, same], slowest=[slow, late])
    test = dataclasses.replace(test, beside=["load/ws/test_b.py::test_b"])
    lines = plain(build_run([test]))
    assert lines[4:] == [f"      {found.text}", "      it drifts"]
    more = plain(build_run([test]), 1)
    assert {
        f"      {found.text}",
        "      it drifts",
        "      it does not drift",
        "      slow: voice.loop 812 ms (second 12, user 3, chest pain, call-7)",
        "      slow: voice.loop ≥ 812 ms (second 12, user 3)",
        "      at the same time ran: test_b.py::test_b",
    } <= set(more)
    failed = dataclasses.replace(test, verdict=Verdict.FAIL, failed_test=True, reasons=[found.text, "it drifts"])
    assert sum(line.strip() in (found.text, "it drifts") for line in plain(build_run([failed]))) == 2


def test_passing_limits_that_are_not_latencies_are_told_when_asked(green: RunResult) -> None:
    assert not any("errors 0.0 %" in line for line in plain(green))
    assert any("errors 0.0 %" in line for line in plain(green, 1))


def test_lines_fit_the_page(any_run: RunResult) -> None:
    too_long = [line for line in plain(any_run) if len(line) > WIDTH and " " in line.strip()]
    assert [line for line in too_long if not line.startswith("INCONCLUSIVE")] == []  # node ids stay whole


def test_control_characters_of_others_are_visible(hostile: RunResult) -> None:
    text = summary_text(hostile)
    assert "two lines \\x1b[31mred" in text
    assert not [c for c in text if c != "\n" and not c.isprintable()]


def test_a_number_keeps_its_unit(build_run: Callable[..., RunResult], build_test: Callable[..., TestResult]) -> None:
    for padding in range(60, 100):
        lines = plain(build_run([build_test(reasons=[f"{'x' * padding} 5 % of 10 ms for 3 s"])]))
        assert not [line for line in lines if line.strip().startswith(("%", "ms", "s "))]
        assert not any("\N{NO-BREAK SPACE}" in line for line in lines)


def test_problems_and_paths_stand_at_the_end(green: RunResult) -> None:
    end = summary_text(green, ["results/a.html"], ["results/a.csv: No space left on device"]).splitlines()[-2:]
    assert end == ["written: results/a.html", "not written: results/a.csv: No space left on device"]


class Terminal:
    """What `write_summary` uses of pytest's reporter, and of its config."""

    def __init__(self, tb: str = "auto", here: Path = Path()) -> None:
        self.config = self.invocation_params = self
        self.tb, self.dir = tb, here
        self.title = self.text = ""
        self.marked: list[tuple[str, dict[str, bool]]] = []

    def getoption(self, name: str, default: object) -> object:
        return self.tb if name == "tbstyle" else default

    def section(self, title: str) -> None:
        self.title = title

    def write(self, content: str, **markup: bool) -> None:
        self.text += content
        self.marked.append((content, markup))


@pytest.mark.parametrize("verbosity", [-1, 0, 1])
def test_terminal_shows_the_same_text(any_run: RunResult, verbosity: int, tmp_path: Path) -> None:
    terminal: Any = Terminal(here=tmp_path)
    write_summary(terminal, any_run, ReportFiles(paths={".html": tmp_path / "results" / "a.html"}), verbosity)
    assert terminal.title == "load test"
    assert terminal.text.splitlines()[:-2] == plain(any_run, verbosity, told=True)
    assert terminal.text.splitlines()[-1] == "written: results/a.html"


def test_reports_that_lie_elsewhere_have_their_whole_path(green: RunResult, tmp_path: Path) -> None:
    terminal: Any = Terminal(here=tmp_path / "project")
    paths = {suffix: tmp_path / f"a{suffix}" for suffix in (".html", ".json", "_summary.log")}
    write_summary(terminal, green, ReportFiles(paths=paths))
    assert terminal.text.splitlines()[-3:] == [f"written: {path}" for path in paths.values()]
    quiet: Any = Terminal(here=tmp_path / "project")
    write_summary(quiet, green, ReportFiles(paths=paths), -1)
    assert quiet.text.count("written: ") == 1


def test_without_failures_above_everything_is_told(failing: RunResult) -> None:
    terminal: Any = Terminal(tb="no")
    write_summary(terminal, failing)
    assert terminal.text.splitlines() == plain(failing)
    assert "under FAILURES" not in terminal.text


def test_terminal_colours_the_verdicts(failing: RunResult) -> None:
    terminal: Any = Terminal()
    write_summary(terminal, failing)
    marked = {text.strip(): markup for text, markup in terminal.marked}
    assert marked["FAIL"] == {"red": True, "bold": True}
    assert marked["PASS"] == {"green": True, "bold": True}
    assert marked["INCONCLUSIVE"] == {"yellow": True, "bold": True}


def test_target_lines_keep_what_follows_the_verdict(
    build_run: Callable[..., RunResult],
    build_test: Callable[..., TestResult],
    build_target: Callable[..., TargetResult],
) -> None:
    leaning = build_target(Verdict.INCONCLUSIVE, text="a p95 1 ms ≤ 2 ms (n = 3) INCONCLUSIVE, leaning pass")
    assert "      a p95 1 ms ≤ 2 ms (n = 3) INCONCLUSIVE, leaning pass" in plain(
        build_run([build_test(targets=[leaning])])
    )
