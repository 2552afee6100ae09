"""The run as Markdown, for the pages of CI servers: verdict, why, criteria, tests, and what to do next.

The rule: a page is limited, so tests beyond a number are counted and not shown, those that need attention first; and
external text (names, errors, answers) is shown as text, never as markup, with secrets replaced before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_rtmedload.report import phrases
from pytest_rtmedload.report.advice import next_steps
from pytest_rtmedload.results.model import Kind
from pytest_rtmedload.results.outcomes import FAILING
from pytest_rtmedload.text import formats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pytest_rtmedload.results.model import CriterionResult, RunResult, TargetResult, TestResult
    from pytest_rtmedload.results.outcomes import TestOutcome

MOST_TESTS: Final = 200
_LONGEST: Final = 300
"""Most characters of one external text: a row stays a row."""
_STEPS: Final = 5
_MARKUP: Final = {
    **{ord(mark): f"\\{mark}" for mark in "\\`*_[]|#~$!"},
    ord("&"): "&amp;",
    ord("<"): "&lt;",
    ord(">"): "&gt;",
}


def markdown(
    run: RunResult,
    paths: Sequence[str] = (),
    *,
    redact: Callable[[str], str] = str,
    most: int = MOST_TESTS,
) -> str:
    """The page.

    Args:
        run: the finished run.
        paths: of the reports.
        redact: replaces secrets.
        most: tests shown.
    """

    def say(text: str) -> str:
        return escaped(formats.one_line(redact(text), _LONGEST))

    parts = [
        "\n".join(_head(run, say)),
        "\n".join(_criteria(run.criteria, say)),
        "\n".join(_tests(run, most, say)),
        "\n".join(_next(run, say)),
        "\n".join(_paths(paths, say)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def escaped(text: str) -> str:
    """A text that Markdown shows as it is."""
    return text.translate(_MARKUP)


def _head(run: RunResult, say: Callable[[str], str]) -> Iterator[str]:
    yield f"## Load test: {run.summary.verdict.value}"
    yield ""
    yield " · ".join(map(say, phrases.headline(run)))
    reasons = [*phrases.why(run), *phrases.partial(run)]
    if reasons:
        yield ""
        yield from (f"- {say(reason)}" for reason in reasons)


def _criteria(criteria: list[CriterionResult], say: Callable[[str], str]) -> Iterator[str]:
    if criteria:
        yield from _header("verdict", "criterion of the run", "kind")
    for criterion in phrases.by_verdict(criteria):
        yield _row(f"**{criterion.verdict.value}**", say(criterion.text), say(criterion.kind))


def _tests(run: RunResult, most: int, say: Callable[[str], str]) -> Iterator[str]:
    failed = [outcome for outcome in phrases.unmeasured(run) if outcome.outcome in FAILING]
    rest = [outcome for outcome in phrases.unmeasured(run) if outcome.outcome not in FAILING]
    rows = [
        *(_unmeasured(outcome, say) for outcome in failed),
        *(_measured(test, say) for test in phrases.in_order(run.tests)),
        *(_unmeasured(outcome, say) for outcome in rest),
    ]
    if rows[:most]:
        yield from _header("verdict", "test", "load", "against its limit", "failed")
    yield from rows[:most]
    if len(rows) > most:
        yield ""
        yield f"{most:,} of {formats.count(len(rows), 'test')} are shown, the worst first; all are in the reports."


def _measured(test: TestResult, say: Callable[[str], str]) -> str:
    word = f"**{phrases.word(test)}**"
    return _row(word, _name(test, say), say(phrases.load(test)), say(_against(test)), _failed(test))


def _unmeasured(outcome: TestOutcome, say: Callable[[str], str]) -> str:
    return _row(
        f"**{phrases.outcome_word(outcome)}**", say(outcome.nodeid), "", say(phrases.outcome_reason(outcome)), ""
    )


def _name(test: TestResult, say: Callable[[str], str]) -> str:
    marks = [*phrases.labels(test), *filter(None, [phrases.consequence(test)])]
    return say(test.nodeid) + (f"<br>{say(', '.join(marks))}" if marks else "")


def _against(test: TestResult) -> str:
    """Why it is not PASS, if not for a limit; the target that matters most, with its bounds; or what was measured."""
    target = main_target(test)
    if test.reasons and test.reasons[0] not in [target.text for target in test.targets]:
        return test.reasons[0]  # more important than any limit
    if test.capacity is not None:
        return test.capacity.text + (f"; {target.text}" if target is not None else "")
    if target is not None:
        return target.text
    metric = test.metrics.get(test.metric)
    measured = formats.milliseconds(metric.p95_ms if metric else None)
    return f"{test.metric} p95 {measured}, no limit"


def main_target(test: TestResult) -> TargetResult | None:
    """The worst target; among equals the latency of the test's own metric."""
    ranked = sorted(test.targets, key=lambda target: (target.metric != test.metric, target.kind is not Kind.LATENCY))
    return next(iter(phrases.by_verdict(ranked)), None)


def _failed(test: TestResult) -> str:
    lost = test.failed + test.censored
    return f"{lost:,} of {test.iterations:,} ({formats.share(lost, test.iterations)})" if lost else "0"


def _next(run: RunResult, say: Callable[[str], str]) -> Iterator[str]:
    yield "**What to do next**"
    yield ""
    for advice in next_steps(run)[:_STEPS]:
        yield f"- {say(str(advice))}"


def _paths(paths: Sequence[str], say: Callable[[str], str]) -> Iterator[str]:
    if paths:
        yield "**Reports**"
        yield ""
    for path in paths:
        yield f"- {say(path)}"


def _header(*names: str) -> Iterator[str]:
    yield _row(*names)
    yield _row(*("---" for _ in names))


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
