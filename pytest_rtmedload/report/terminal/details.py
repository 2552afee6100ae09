"""A load test in the summary that needs an explanation: its verdict, the reasons, and what was noticed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_rtmedload.report import phrases
from pytest_rtmedload.report.csv_report import metric_rate
from pytest_rtmedload.results.model import Verdict
from pytest_rtmedload.text import formats
from pytest_rtmedload.text.spans import INDENT, TONES, WIDTH, Span, table, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_rtmedload.results.details import ErrorResult, SlowOperation
    from pytest_rtmedload.results.model import StageResult, TargetResult, TestResult
    from pytest_rtmedload.text.spans import Line

_SHOWN_ERRORS: Final = 5
_SHOWN_STAGES: Final = 5
_SHOWN_SLOWEST: Final = 3
_EXAMPLE_LINES: Final = 12
_VERDICT_WIDTH: Final = len(Verdict.INCONCLUSIVE) + 2
_GAP: Final = "  "


def details(test: TestResult, verbosity: int, *, told: bool) -> Iterator[Line]:
    """A test with its reasons, its targets, and what was noticed.

    Args:
        test: the test.
        verbosity: pytest's. Below 0 only verdict and reasons; above 0 everything.
        told: whether pytest has shown the whole failure message above.
    """
    yield from _title(test)
    if verbosity < 0:
        for reason in test.reasons:
            yield from wrapped(reason, INDENT, hanging=INDENT + _GAP)
        return
    marks = phrases.labels(test)
    if test.superseded or test.verdict is not Verdict.INCONCLUSIVE:
        marks += filter(None, [phrases.consequence(test)])  # of an INCONCLUSIVE it is said once, for all of them
    if marks:
        yield (Span(f"{INDENT}{' · '.join(marks)}", "faint"),)
    for reason in phrases.other_reasons(test):
        yield from wrapped(reason, INDENT)
    yield from _brief(test) if told and test.failed_test and not verbosity else _whole(test, verbosity, told=told)


def _brief(test: TestResult) -> Iterator[Line]:
    """What is left to show of a test whose failure message pytest has already printed."""
    for target in phrases.by_verdict(test.targets):
        if target.verdict is not Verdict.PASS:
            yield from _target(target)
    yield from course(test)
    yield from _errors(test.errors[:1], 0, examples=False)
    yield (Span(f"{INDENT}more about it above, under FAILURES", "faint"),)


def _whole(test: TestResult, verbosity: int, *, told: bool) -> Iterator[Line]:
    for target in phrases.by_verdict(test.targets):
        if verbosity > 0 or target.verdict is not Verdict.PASS or target.unit == "ms":
            yield from _target(target)
    yield from course(test)
    yield from _errors(test.errors, verbosity, examples=not (told and test.failed_test))
    if test.generator.verdict is not Verdict.PASS or verbosity > 0:
        yield from wrapped(phrases.generator_line(test.generator), INDENT)
        if test.generator.shards:
            yield from table([phrases.SHARD_COLUMNS, *map(phrases.shard_row, test.generator.shards)])
    if verbosity > 0:
        yield from _everything(test)


def _title(test: TestResult) -> Iterator[Line]:
    nodeid, size = formats.one_line(test.nodeid), phrases.size_line(test)
    verdict = Span(f"{phrases.word(test):<{_VERDICT_WIDTH}}", "faint" if test.superseded else TONES[phrases.tone(test)])
    if _VERDICT_WIDTH + len(nodeid) + 3 + len(size) <= WIDTH:
        yield verdict, Span(nodeid, "title"), Span(f"   {size}")
    else:
        yield verdict, Span(nodeid, "title")
        yield (Span(f"{INDENT}{size}"),)


def _target(target: TargetResult) -> Iterator[Line]:
    lines = [line[0].text for line in wrapped(target.text, INDENT, hanging=INDENT + _GAP)]
    verdict = max((i for i, line in enumerate(lines) if target.verdict.value in line), default=-1)
    for i, line in enumerate(lines):
        before, word, after = line.rpartition(target.verdict.value) if i == verdict else (line, "", "")
        yield Span(before), Span(word, TONES[target.verdict]), Span(after)


def course(test: TestResult) -> Iterator[Line]:
    """What changed over the test: the capacity that was found, stages that did not pass, a drift."""
    if test.capacity is not None and test.capacity.text not in test.reasons:
        yield from wrapped(test.capacity.text, INDENT)
    if test.capacity is None:
        wrong = [stage for stage in test.stages if stage.verdict is not Verdict.PASS]
        for stage in wrong[:_SHOWN_STAGES]:
            why = "; ".join(stage.reasons)
            yield from wrapped(f"stage {stage.name} {stage.verdict.value}: {why}", INDENT, hanging=INDENT + _GAP)
        if len(wrong) > _SHOWN_STAGES:
            yield (Span(f"{INDENT}and {formats.count(len(wrong) - _SHOWN_STAGES, 'other stage')}", "faint"),)
    for drift in test.drift:
        if drift.drifted and drift.text not in test.reasons:
            yield from wrapped(drift.text, INDENT, hanging=INDENT + _GAP)


def _errors(errors: list[ErrorResult], verbosity: int, *, examples: bool) -> Iterator[Line]:
    shown = errors if verbosity > 0 else errors[:_SHOWN_ERRORS]
    for error in shown:
        yield from wrapped(phrases.error_line(error), INDENT, hanging=INDENT + 2 * _GAP)
        if verbosity > 0 and examples:
            for line in formats.printable(error.example)[-_EXAMPLE_LINES:]:
                yield (Span(f"{INDENT}    | {line}", "faint"),)
    if len(errors) > len(shown):
        rest = errors[len(shown) :]
        lost = sum(error.count for error in rest)
        yield (Span(f"{INDENT}{lost:,} more errors of {formats.count(len(rest), 'other kind')}", "faint"),)


def _everything(test: TestResult) -> Iterator[Line]:
    yield from _tables(test)
    for drift in test.drift:
        if not drift.drifted:
            yield from wrapped(drift.text, INDENT, hanging=INDENT + _GAP)
    for slow in test.slowest[:_SHOWN_SLOWEST]:
        yield from wrapped(_slow_line(slow), INDENT, hanging=INDENT + _GAP)
    for tape in test.recordings:
        yield from wrapped(f"call to listen to: {tape.wav}", INDENT)
    if test.beside:
        names = ", ".join(map(formats.short_name, test.beside))
        yield from wrapped(f"at the same time ran: {names}", INDENT, hanging=INDENT + _GAP)
    for note in test.notes:
        yield from wrapped(f"note: {note}", INDENT)


def _tables(test: TestResult) -> Iterator[Line]:
    header = ("metric (ms)", "count", "failed", "p50", "p95", "p99", "max", "rate")
    rows = [phrases.metric_row(name, m, metric_rate(test, m)) for name, m in test.metrics.items()]
    for tag, metrics in test.tags.items():
        rows += [phrases.metric_row(f"{name} [{tag}]", m, metric_rate(test, m)) for name, m in metrics.items()]
    if rows:
        yield from table([header, *rows])
    if test.stages:
        yield from table([_stage_header(test), *(_stage_row(test, stage) for stage in test.stages)])
    values = [
        (formats.one_line(name), f"{v.count:,}", *(formats.number(x) for x in (v.mean, v.min, v.max)), v.unit)
        for name, v in test.values.items()
    ]
    if values:
        yield from table([("value", "count", "mean", "min", "max", "unit"), *values])
    for name, n in test.counts.items():
        yield (Span(f"{INDENT}{formats.one_line(name)}: {n:,}"),)


def _stage_header(test: TestResult) -> tuple[str, ...]:
    return (f"stage ({formats.one_line(test.shape)})", "iterations", "failed", "rate", f"{test.metric} p95", "verdict")


def _stage_row(test: TestResult, stage: StageResult) -> tuple[str, ...]:
    metric = stage.metrics.get(test.metric)
    return (
        formats.one_line(stage.name),
        f"{stage.iterations:,}",
        f"{stage.failed:,}",
        formats.rate(stage.rate),
        formats.milliseconds(metric.p95_ms if metric is not None else None),
        stage.verdict.value,
    )


def _slow_line(slow: SlowOperation) -> str:
    at_least = "" if slow.outcome == "ok" else "≥ "
    where = ", ".join(part for part in (f"second {slow.second}", f"user {slow.user}", slow.tag, slow.id) if part)
    return f"slow: {slow.metric} {at_least}{formats.milliseconds(slow.ms)} ({where})"
