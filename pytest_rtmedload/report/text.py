"""The run as plain text, for the terminal and the summary log: what a stranger understands in ten seconds.

Verdict, why, failures, passes, paths, in this order. Lines are made of spans with a tone, so that the terminal can
colour what the log shows plain; no meaning is in the colour alone.
"""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, Literal, NamedTuple

from pytest_rtmedload.report import formats, story
from pytest_rtmedload.report.csv_report import metric_rate
from pytest_rtmedload.results.model import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_rtmedload.results.model import ErrorResult, RunResult, TestResult

WIDTH = 100
_SHOWN_ERRORS = 5
_EXAMPLE_LINES = 12
_VERDICT_WIDTH = len(Verdict.INCONCLUSIVE) + 2
_INDENT = " " * 6
_BEFORE_UNIT = re.compile(r"(?<=\d) (?=(?:%|ms|s)(?!\w))")
"""A number and its unit stay on one line."""

Tone = Literal["good", "bad", "warn", "faint", "title", ""]
TONES: dict[Verdict, Tone] = {
    Verdict.PASS: "good",
    Verdict.FAIL: "bad",
    Verdict.INVALID: "bad",
    Verdict.INCONCLUSIVE: "warn",
}


class Span(NamedTuple):
    """A piece of a line in one tone."""

    text: str
    tone: Tone = ""


Line = tuple[Span, ...]


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
    run: RunResult, written: Sequence[str] = (), problems: Sequence[str] = (), verbosity: int = 0
) -> Iterator[Line]:
    """The summary, line by line.

    Args:
        run: the finished run.
        written: paths of the reports.
        problems: one line for each report that could not be written.
        verbosity: pytest's. Below 0 only tests that did not pass; above 0 every target and a metrics table per test.
    """
    yield from _head(run)
    for test in story.by_verdict(run.tests):
        if verbosity >= 0 or test.verdict is not Verdict.PASS or test.failed_test:
            yield ()
            yield from _test(test, verbosity)
    yield from _foot(written, problems)


def _head(run: RunResult) -> Iterator[Line]:
    verdict = run.summary.verdict
    start = f"load test: {verdict.value}"
    first, *rest = _joined([start, *map(formats.one_line, story.headline(run))])
    yield Span("load test: "), Span(verdict.value, TONES[verdict]), Span(first[len(start) :])
    for line in rest:
        yield (Span(f"  {line}"),)
    for reason in [*([] if run.summary.complete else [story.PARTIAL]), *story.why(run)]:
        yield from _wrapped(reason, "  ", hanging="    ")


def _test(test: TestResult, verbosity: int) -> Iterator[Line]:
    yield from _title(test)
    marks = [*story.labels(test), *filter(None, [story.consequence(test)])]
    if marks:
        yield (Span(f"{_INDENT}{' · '.join(marks)}", "faint"),)
    for reason in story.other_reasons(test):
        yield from _wrapped(reason, _INDENT)
    for target in story.by_verdict(test.targets):
        if verbosity > 0 or target.verdict is not Verdict.PASS or target.unit == "ms":
            yield from _target(target.text, target.verdict)
    yield from _errors(test.errors, verbosity)
    if test.generator.verdict is not Verdict.PASS or verbosity > 0:
        yield from _wrapped(story.generator_line(test.generator), _INDENT)
        if test.generator.shards:
            yield from _table([story.SHARD_COLUMNS, *map(story.shard_row, test.generator.shards)])
    if verbosity > 0:
        yield from _tables(test)
        for tape in test.recordings:
            yield from _wrapped(f"call to listen to: {tape.wav}", _INDENT)
        for note in test.notes:
            yield from _wrapped(f"note: {note}", _INDENT)


def _title(test: TestResult) -> Iterator[Line]:
    nodeid, size = formats.one_line(test.nodeid), story.size_line(test)
    verdict = Span(f"{test.verdict.value:<{_VERDICT_WIDTH}}", TONES[test.verdict])
    if _VERDICT_WIDTH + len(nodeid) + 3 + len(size) <= WIDTH:
        yield verdict, Span(nodeid, "title"), Span(f"   {size}")
    else:
        yield verdict, Span(nodeid, "title")
        yield (Span(f"{_INDENT}{size}"),)


def _target(text: str, verdict: Verdict) -> Iterator[Line]:
    *start, last = _wrapped(text, _INDENT, hanging=_INDENT + "  ")
    yield from start
    before, word, after = last[0].text.rpartition(verdict.value)
    yield Span(before), Span(word, TONES[verdict]), Span(after)


def _errors(errors: list[ErrorResult], verbosity: int) -> Iterator[Line]:
    shown = errors if verbosity > 0 else errors[:_SHOWN_ERRORS]
    for error in shown:
        yield from _wrapped(story.error_line(error), _INDENT, hanging=_INDENT + "    ")
        if verbosity > 0:
            for line in formats.printable(error.example)[-_EXAMPLE_LINES:]:
                yield (Span(f"{_INDENT}    | {line}", "faint"),)
    if len(errors) > len(shown):
        rest = errors[len(shown) :]
        lost = sum(error.count for error in rest)
        yield (Span(f"{_INDENT}{lost:,} more errors of {formats.count(len(rest), 'other kind')}", "faint"),)


def _tables(test: TestResult) -> Iterator[Line]:
    header = ("metric (ms)", "count", "failed", "p50", "p95", "p99", "max", "rate")
    rows = [story.metric_row(name, m, metric_rate(test, m)) for name, m in test.metrics.items()]
    for tag, metrics in test.tags.items():
        rows += [story.metric_row(f"{name} [{tag}]", m, metric_rate(test, m)) for name, m in metrics.items()]
    if rows:
        yield from _table([header, *rows])
    values = [
        (formats.one_line(name), f"{v.count:,}", *(formats.number(x) for x in (v.mean, v.min, v.max)), v.unit)
        for name, v in test.values.items()
    ]
    if values:
        yield from _table([("value", "count", "mean", "min", "max", "unit"), *values])
    for name, n in test.counts.items():
        yield (Span(f"{_INDENT}{formats.one_line(name)}: {n:,}"),)


def _table(rows: list[tuple[str, ...]]) -> Iterator[Line]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for i, (name, *cells) in enumerate(rows):
        numbers = "  ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths[1:], strict=True))
        yield (Span(f"{_INDENT}{name:<{widths[0]}}  {numbers}", "" if i else "faint"),)


def _foot(written: Sequence[str], problems: Sequence[str]) -> Iterator[Line]:
    if written or problems:
        yield ()
    for path in written:
        yield (Span(f"written: {path}", "faint"),)
    for problem in problems:
        yield from _wrapped(f"not written: {problem}", "", hanging="    ", tone="bad")


def _joined(parts: list[str]) -> list[str]:
    """Parts between dots, broken into lines only at a dot."""
    lines = [parts[0]]
    for part in parts[1:]:
        longer = f"{lines[-1]} · {part}"
        if len(longer) <= WIDTH - 2:
            lines[-1] = longer
        else:
            lines.append(part)
    return lines


def _wrapped(text: str, indent: str, hanging: str | None = None, tone: Tone = "") -> Iterator[Line]:
    together = _BEFORE_UNIT.sub("\N{NO-BREAK SPACE}", formats.one_line(text))
    lines = textwrap.wrap(
        together,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent if hanging is None else hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return ((Span(line.replace("\N{NO-BREAK SPACE}", " "), tone),) for line in lines or [indent])
