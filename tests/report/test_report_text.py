from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from pytest_rtmedload.report.files import Written
from pytest_rtmedload.report.terminal import write_summary
from pytest_rtmedload.report.text import WIDTH, summary_lines, summary_text
from pytest_rtmedload.results.model import ErrorResult, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_rtmedload.results.model import RunResult, TargetResult, TestResult


def plain(run: RunResult, verbosity: int = 0) -> list[str]:
    return ["".join(span.text for span in line) for line in summary_lines(run, verbosity=verbosity)]


def test_verdict_and_why_come_first(failing: RunResult) -> None:
    assert plain(failing)[:6] == [
        "load test: FAIL · suite quick · 4 tests: 2 passed, 1 failed, 1 inconclusive",
        "  success 99.2 % of 12,345 operations · embedded agent (a stand-in, rtmedagent dialect)",
        "  goal: API p95 181 ms > 150 ms FAIL",
        "  1 of 4 tests failed: test_calls.py::test_start_call",
        "  1 of 4 tests inconclusive:",
        "    test_mix.py::test_mix[chest_pain-breathing_difficulty-severe_allergic_reaction]",
    ]


def test_failures_come_before_passes(failing: RunResult) -> None:
    verdicts = [line.split()[0] for line in plain(failing)[7:] if line[:4] in ("FAIL", "INCO", "PASS")]
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


def test_quiet_shows_only_what_needs_attention(failing: RunResult, green: RunResult) -> None:
    assert not any("test_health" in line for line in plain(failing, -1))
    assert any("test_start_call" in line for line in plain(failing, -1))
    assert plain(green, -1) == [
        "load test: PASS · suite quick · 2 tests: 2 passed · success 100 % of 12,345 operations",
        "  embedded agent (a stand-in, rtmedagent dialect)",
    ]


def test_verbose_adds_tables_tracebacks_and_health(failing: RunResult) -> None:
    lines = plain(failing, 1)
    assert "      metric (ms)             count  failed   p50  p95  p99  max    rate" in lines
    assert "      POST /api/call          1,200     101  95.4  170  216  280  74.8/s" in lines
    assert "      cosmos.ru  1,200   5.9    1  22.5    RU" in lines
    assert "          |     response.raise_for_status()" in lines
    assert "      load generator PASS: lag p99 1.4 ms, 41.5 % of a core, 100 % of planned starts" in lines
    assert "      note: assumes independent samples: too few calls to tell" in lines


def test_an_inconclusive_test_says_what_it_means(inconclusive: RunResult) -> None:
    text = summary_text(inconclusive)
    assert "does not fail the test (provisional evidence)" in text
    strict = [dataclasses.replace(t, evidence="strict", failed_test=True) for t in inconclusive.tests[1:]]
    assert "fails the test (strict evidence)" in summary_text(dataclasses.replace(inconclusive, tests=strict))


def test_an_invalid_test_names_the_generator_and_what_to_do(invalid: RunResult) -> None:
    lines = plain(invalid)
    assert "      the load generator lagged 42 ms (p99) for 11 % of the measured time: fewer users, or -n" in lines
    assert (
        "      load generator INVALID: lag p99 42 ms, 99.7 % of a core, 91 % of planned starts, 212 late, 4 refused at"
        not in lines  # wrapped before it gets longer than the page
    )
    assert any(line.startswith("      load generator INVALID: lag p99 42 ms") for line in lines)
    assert any("up to 500 in flight, 16 s, ≥ 312/s, 2 shards" in line for line in lines)


def test_a_partial_run_says_so_first(partial: RunResult) -> None:
    assert plain(partial)[2] == "  PARTIAL: the run was cut short; what stands here was measured until then"


def test_no_tests_is_one_line(empty: RunResult) -> None:
    assert plain(empty) == ["load test: PASS · suite quick · no load test ran"]


def test_many_failures_are_counted(build_run: Callable[..., RunResult], build_test: Callable[..., TestResult]) -> None:
    tests = [build_test(f"tests/t.py::test_{i}", verdict=Verdict.FAIL, failed_test=True) for i in range(9)]
    assert "  9 of 9 tests failed" in plain(build_run(tests))


def test_many_errors_are_counted(build_run: Callable[..., RunResult], build_test: Callable[..., TestResult]) -> None:
    errors = [ErrorResult(f"error {i}", 10 - i, "") for i in range(8)]
    assert "      12 more errors of 3 other kinds" in plain(build_run([build_test(errors=errors)]))


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
    """What `write_summary` uses of pytest's reporter."""

    def __init__(self) -> None:
        self.title = self.text = ""
        self.marked: list[tuple[str, dict[str, bool]]] = []

    def section(self, title: str) -> None:
        self.title = title

    def write(self, content: str, **markup: bool) -> None:
        self.text += content
        self.marked.append((content, markup))


@pytest.mark.parametrize("verbosity", [-1, 0, 1])
def test_terminal_shows_the_same_text(any_run: RunResult, verbosity: int, tmp_path: Path) -> None:
    terminal: Any = Terminal()
    write_summary(terminal, any_run, Written({".html": tmp_path / "a.html"}), verbosity)
    assert terminal.title == "load test"
    assert terminal.text.splitlines()[:-2] == plain(any_run, verbosity)
    assert terminal.text.splitlines()[-1] == f"written: {tmp_path / 'a.html'}"


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
