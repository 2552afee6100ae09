"""The run as plain text, for the terminal and the summary log: to be understood by a new reader in ten seconds.

Verdict, why, failures, passes, what the words mean, what to do next, paths, in this order. A test that passed is a
line; what explains several tests is said once, at the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_rtmedload.report import phrases
from pytest_rtmedload.report.advice import next_steps
from pytest_rtmedload.report.glossary import meanings
from pytest_rtmedload.report.terminal.details import details
from pytest_rtmedload.report.terminal.passed import needs_no_words, passed
from pytest_rtmedload.results.model import Verdict
from pytest_rtmedload.results.outcomes import FAILING
from pytest_rtmedload.text import formats
from pytest_rtmedload.text.spans import INDENT, TONES, Span, joined, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_rtmedload.results.model import RunResult, TestResult
    from pytest_rtmedload.results.outcomes import TestOutcome
    from pytest_rtmedload.text.spans import Line


_SHOWN_STEPS: Final = 3


def summary_text(run: RunResult, written: Sequence[str] = (), problems: Sequence[str] = ()) -> str:
    """The summary log: everything, metrics tables included.

    Args:
        run: the finished run.
        written: paths of the reports.
        problems: one line for each report that could not be written.
    """
    lines = summary_lines(run, written, problems, verbosity=1)
    return "".join("".join(span.text for span in line).rstrip() + "\n" for line in lines)


def summary_lines(
    run: RunResult,
    written: Sequence[str] = (),
    problems: Sequence[str] = (),
    verbosity: int = 0,
    *,
    told: bool = False,
) -> Iterator[Line]:
    """The summary, line by line.

    Args:
        run: the finished run.
        written: paths of the reports.
        problems: one line for each report that could not be written.
        verbosity: pytest's. Below 0 only verdicts and reasons; above 0 every target and metric of every test.
        told: pytest has already shown the failure messages above; they are then only referred to.
    """
    yield from _head(run)
    tests = phrases.in_order(run.tests)
    if verbosity > 0:
        whole, short = tests, []
    else:
        whole = [test for test in tests if not needs_no_words(test)]
        short = [test for test in tests if needs_no_words(test)]
    if verbosity < 0:
        whole, short = [test for test in whole if _needs_attention(test)], []
    for test in whole:
        yield ()
        yield from details(test, verbosity, told=told)
    if short:
        yield ()
        yield from passed(short)
    yield from _unmeasured(run)
    if verbosity >= 0:
        yield from _meanings(run)
        yield from _next(run)
    yield from _foot(written[:1] if verbosity < 0 else written, problems)


def _needs_attention(test: TestResult) -> bool:
    """True if even the shortest summary names the test."""
    failed = phrases.tone(test) in (Verdict.FAIL, Verdict.INVALID)
    return test.failed_test or (failed and not test.superseded)


def _head(run: RunResult) -> Iterator[Line]:
    verdict = run.summary.verdict
    start = f"load test: {verdict.value}"
    first, *rest = joined([start, *map(formats.one_line, phrases.headline(run))])
    yield Span("load test: "), Span(verdict.value, TONES[verdict]), Span(first[len(start) :])
    for line in rest:
        yield (Span(f"  {line}"),)
    for reason in [*phrases.why(run), *phrases.partial(run)]:
        yield from wrapped(reason, "  ", hanging="    ")


def _unmeasured(run: RunResult) -> Iterator[Line]:
    """Load tests of which nothing was measured: a line for each, with the reason; of those with the same, one line."""
    groups: dict[tuple[str, str], list[TestOutcome]] = {}
    for outcome in phrases.unmeasured(run):
        groups.setdefault((phrases.outcome_word(outcome), phrases.outcome_reason(outcome)), []).append(outcome)
    if groups:
        yield ()
    for (word, reason), found in groups.items():
        names = formats.short_name(found[0].nodeid)
        said = names if len(found) == 1 else f"{names} and {formats.count(len(found) - 1, 'other test')}"
        yield Span(f"{word}  ", "bad" if found[0].outcome in FAILING else "warn"), Span(said, "title")
        if reason:
            yield from wrapped(reason, INDENT)


def _meanings(run: RunResult) -> Iterator[Line]:
    found = meanings(run)
    if found:
        yield ()
    for meaning in found:
        yield from wrapped(meaning, "", hanging="  ", tone="faint")


def _next(run: RunResult) -> Iterator[Line]:
    if run.summary.verdict is not Verdict.PASS:
        yield ()
        for step in next_steps(run)[:_SHOWN_STEPS]:
            yield from wrapped(f"next: {step}", "", hanging="  ")


def _foot(written: Sequence[str], problems: Sequence[str]) -> Iterator[Line]:
    if written or problems:
        yield ()
    for path in written:
        yield (Span(f"written: {path}", "faint"),)
    for problem in problems:
        text = problem if problem.startswith("hook ") else f"not written: {problem}"
        yield from wrapped(text, "", hanging="    ", tone="bad")
