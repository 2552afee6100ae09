"""Load tests in the summary that passed or were not judged, and need no explanation: one line each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_rtmedload.report import phrases
from pytest_rtmedload.report.terminal.details import course
from pytest_rtmedload.results.model import Kind, Verdict
from pytest_rtmedload.text import formats
from pytest_rtmedload.text.spans import INDENT, TONES, WIDTH, Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_rtmedload.results.model import TargetResult, TestResult
    from pytest_rtmedload.text.spans import Line

_LONGEST_NAME: Final = 60
_GAP: Final = "  "


def needs_no_words(test: TestResult) -> bool:
    """True if one line is enough for a test: nothing failed and nothing needs an explanation.

    A smoke test leaves latency open, which is said once for all of them.
    """
    judged = (test.verdict, test.generator.verdict, *(target.verdict for target in test.targets))
    fine = (Verdict.PASS, Verdict.INCONCLUSIVE) if test.evidence == "none" else (Verdict.PASS,)
    well = test.complete and all(verdict in fine for verdict in judged)
    return well and not (test.failed_test or test.superseded or test.errors or phrases.other_reasons(test))


def passed(tests: Sequence[TestResult]) -> Iterator[Line]:
    """A line each for tests that need no words: name, the main target, the load."""
    if not tests:
        return
    rows = [_columns(test, with_metric=True) for test in tests]
    if max(_length(rows)) > WIDTH:
        rows = [_columns(test, with_metric=False) for test in tests]
    names, targets, _ = (max(map(len, column)) for column in zip(*rows, strict=True))
    names, verdicts = min(names, _LONGEST_NAME), max(len(phrases.word(test)) for test in tests)
    for test, (name, target, load) in zip(tests, rows, strict=True):
        verdict = Span(f"{phrases.word(test):<{verdicts}}", TONES[phrases.tone(test)])
        start = verdict, Span(f"{_GAP}{name:<{names}}", "title")
        rest = Span(f"{_GAP}{target:<{targets}}{_GAP}{load}".rstrip())
        if len(name) <= names:
            yield *start, rest
        else:
            yield start
            yield (Span(INDENT + rest.text.lstrip()),)
        yield from course(test)


def _columns(test: TestResult, *, with_metric: bool) -> tuple[str, str, str]:
    marks = ["negative"] if test.negative else []
    return (
        formats.short_name(test.nodeid),
        _against(test, with_metric=with_metric),
        ", ".join([_load(test), *marks]),
    )


def _length(rows: list[tuple[str, str, str]]) -> list[int]:
    """How long each row would be in a table of all of them; a name that is too long for it has a line of its own."""
    columns = list(zip(*rows, strict=True))
    names = min(max(map(len, columns[0])), _LONGEST_NAME)
    return [len(Verdict.PASS) + 3 * len(_GAP) + names + max(map(len, columns[1])) + len(load) for load in columns[2]]


def _against(test: TestResult, *, with_metric: bool) -> str:
    """The target that a test is mainly about, with its limit."""
    if test.evidence == "none":
        return "latency not judged"
    target = min(test.targets, key=lambda target: _rank(target, test), default=None)
    if target is None or target.value is None:
        return ""
    sign = "≥" if "min" in target.name else "≤"
    subject = f"{target.metric} {target.name}".lstrip() if with_metric else target.name
    value, limit = (phrases.quantity(target, number) for number in (target.value, target.limit))
    return formats.one_line(f"{subject} {value} {sign} {limit}")


def _rank(target: TargetResult, test: TestResult) -> tuple[bool, bool]:
    return target.metric != test.metric, target.kind is not Kind.LATENCY


def _load(test: TestResult) -> str:
    users = phrases.load(test)
    rate = formats.rate(test.rate, at_least=test.saturated)
    shards = phrases.shards_line(test) if test.shards > 1 else ""
    return ", ".join(part for part in (users, rate, shards) if part not in ("", formats.NOTHING))
