"""The run as Markdown: what a stranger reads on a page of the CI server, and what must not get there."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

import pytest

from pytest_rtmedload.report.advice import next_steps
from pytest_rtmedload.report.ci.markdown import escaped, markdown
from pytest_rtmedload.results.model import RunResult, Verdict
from pytest_rtmedload.text import formats
from pytest_rtmedload.text.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_rtmedload.results.model import TestResult


def rows(page: str) -> list[list[str]]:
    """Cells of every row of every table."""
    lines = [line for line in page.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_a_failing_run_says_what_why_and_what_next(failing: RunResult) -> None:
    page = markdown(failing, ["results/report.html"])
    assert page.startswith("## Load test: FAIL\n\nsuite quick · 4 tests: 2 passed, 1 failed, 1 inconclusive")
    cause = page.index(
        "- 1 of 4 tests failed: test\\_calls.py::test\\_start\\_call\n- test\\_calls.py::test\\_start\\_call: "
    )
    assert cause < page.index("- goal: API p95 181 ms &gt; 150 ms FAIL")
    assert "**What to do next**\n\n- test\\_calls.py::test\\_start\\_call: " in page
    assert page.endswith("\n\n**Reports**\n\n- results/report.html\n")


def test_the_table_of_tests(failing: RunResult) -> None:
    cells = [row for row in rows(markdown(failing)) if "test" in row[1]][1:]
    assert [row[0] for row in cells] == ["**FAIL**", "**INCONCLUSIVE**", "**PASS**", "**PASS**"]
    _, test, users, against, failed = cells[0]
    assert (users, failed) == ("10 users", "101 of 1,200 (8.4 %)")
    assert test == "tests/load/api/test\\_calls.py::test\\_start\\_call<br>critical"
    assert "181.0 ms &gt; 150 ms (95 % bounds 170–194, n = 1200) FAIL" in against


def test_a_search_says_what_it_found_and_never_that_there_is_no_limit(stages: RunResult) -> None:
    search = dataclasses.replace(stages.tests[0], targets=[])
    page = markdown(dataclasses.replace(stages, tests=[search]))
    assert "| capacity: proved up to 30 users, missed at 35 |" in page
    assert "no limit" not in page


def test_every_run_is_a_page_of_whole_tables(any_run: RunResult) -> None:
    page = markdown(any_run, ["a/b_c.html"])
    assert f"## Load test: {any_run.summary.verdict.value}" in page
    assert {len(row) for row in rows(page)} <= {3, 5}
    assert not any(ord(character) < 32 and character != "\n" for character in page)


def test_what_others_wrote_is_no_markup(hostile: RunResult) -> None:
    page = markdown(hostile)
    assert "<script" not in page
    assert "<i>" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize("text", ["a|b", "`a`", "[a](b)", "*a*_b_", "# a", "$x$", "a\\b"])
def test_markup_is_escaped(text: str) -> None:
    assert re.sub(r"\\(.)", r"\1", escaped(text)) == text
    assert not re.search(r"(?<!\\)[`*_\[\]|#$]", re.sub(r"\\\\", "", escaped(text)))


def test_more_tests_than_a_page_holds(
    build_run: Callable[..., RunResult], build_test: Callable[..., TestResult]
) -> None:
    bad = build_test("test_x.py::test_bad", verdict=Verdict.FAIL, failed_test=True)
    run = build_run([build_test(f"test_x.py::test_{i}") for i in range(220)] + [bad])
    page = markdown(run)
    assert len([row for row in rows(page) if "::" in row[1]]) == 200
    assert "test\\_bad" in page.partition("test\\_0")[0]
    assert "\n200 of 221 tests are shown, the worst first; all are in the reports.\n" in page
    assert "0 of 221 tests are shown" in markdown(run, most=0)


def test_a_page_of_the_longest_texts_fits_into_a_step(
    build_run: Callable[..., RunResult], build_test: Callable[..., TestResult]
) -> None:
    endless = "|" * 1_000
    run = build_run([build_test(f"{endless}::{i}", reasons=[endless], verdict=Verdict.INVALID) for i in range(250)])
    assert len(markdown(run).encode()) < 1_000_000


def test_secrets_are_replaced_before_they_are_escaped(
    build_run: Callable[..., RunResult], build_test: Callable[..., TestResult]
) -> None:
    secret = "s3cr|t_*"  # noqa: S105 - of nobody
    run = build_run(
        [build_test(f"test_x.py::test[{secret}]", verdict=Verdict.INVALID, reasons=[f"{secret} went wrong"])]
    )
    page = markdown(run, [f"{secret}.html"], redact=lambda text: redact(text, [secret]))
    assert "s3cr" not in page
    assert escaped("***") in page


def test_every_run_says_what_to_do_next_in_the_words_of_the_page(any_run: RunResult) -> None:
    lines = markdown(any_run).partition("**What to do next**\n\n")[2].splitlines()
    expected = [escaped(formats.one_line(str(advice), 300)) for advice in next_steps(any_run)]
    assert lines == [f"- {advice}" for advice in expected[:5]]
    assert lines
