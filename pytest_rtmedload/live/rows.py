"""What a live view says of a test: rows for a terminal, one line for a log.

What matters most stands first in a row, because a narrow terminal cuts its end off, and a low one is given the rows
that matter most. No meaning is in a colour alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_rtmedload.text import formats
from pytest_rtmedload.text.spans import Line, Span

if TYPE_CHECKING:
    from pytest_rtmedload.live.progress import Progress, Standing, TargetSoFar
    from pytest_rtmedload.text.spans import Tone

MOST_ROWS: Final = 7
_MOST_TARGETS: Final = 3
_DOT: Final = " · "
_NAME_SHARE: Final = 3
"""A name takes at most this part (a third) of a row that tells everything."""
_SHORTEST_NAME: Final = 12
_PHASE_FROM: Final = 80
"""Columns from which a row that tells everything names the phase."""
_WORDS: Final[dict[Standing | None, tuple[str, Tone]]] = {
    "met": ("met so far", "good"),
    "missed": ("missed so far", "bad"),
    "open": ("not clear yet", "warn"),
    None: ("no samples yet", "faint"),
}


class ViewRow(NamedTuple):
    """One row; a bar, where there is one, takes what the words left and right of it leave."""

    left: Line
    bar: float | None = None
    """How much of it is filled, 0 to 1."""
    right: Line = ()


def rows(tests: list[Progress], most: int, columns: int) -> list[ViewRow]:
    """The rows: several of one test, or one for each of several tests.

    Args:
        tests: those under way.
        most: rows there are.
        columns: width of the terminal.
    """
    most = min(most, MOST_ROWS)
    if most < 1 or not tests:
        return []
    if len(tests) == 1 and most > 1:
        return _block(tests[0], most, columns)
    shown = tests if len(tests) <= most else tests[: max(1, most - 1)]
    found = [ViewRow(_everything(test, columns)) for test in shown]
    if len(shown) < min(len(tests), most):
        found.append(ViewRow((Span(f"and {formats.count(len(tests) - len(shown), 'more load test')}", "faint"),)))
    return found


def log_line(test: Progress) -> str:
    """Everything in one line without colours."""
    parts = [f"{test.phase} {_time(test)}", *_load(test)]
    parts += [f"{target.text} {_WORDS[target.standing][0]}" for target in test.targets[:1]]
    if len(test.targets) > 1:
        parts.append(_others(test.targets[1:]))
    if test.generator.lag_p99_ms is not None:
        parts.append(_lag(test))
    return f"{formats.one_line(test.nodeid)}  {' | '.join(parts)}"


def _block(test: Progress, most: int, columns: int) -> list[ViewRow]:
    """Rows in the order they are shown, without those that a low window has no room for."""
    targets = [_target(target) for target in test.targets[:_MOST_TARGETS]]
    ranked = [
        (0, _head(test, columns)),
        (2, ViewRow((Span(f"  {_DOT.join(_load(test))}"),))),
        *((4 if i else 1, target) for i, target in enumerate(targets)),
        (6, _rest(test.targets[_MOST_TARGETS:])),
        (5, None if test.error is None else ViewRow((Span("  "), Span(test.error, "bad")))),
        (3, _generator(test)),
    ]
    there = [(rank, row) for rank, row in ranked if row is not None]
    kept = sorted(there, key=lambda entry: entry[0])[:most]
    return [row for rank, row in there if (rank, row) in kept]


def _head(test: Progress, columns: int) -> ViewRow:
    left = None if test.total_s is None else max(0.0, test.total_s - test.elapsed_s)
    time = _time(test) + ("" if left is None else f", {formats.seconds(round(left))} left")
    done = None if not test.total_s else min(1.0, test.elapsed_s / test.total_s)
    name = _name(test, columns - len(test.phase) - len(time) - 5)
    return ViewRow((Span(name, "title"), Span(f"  {test.phase}")), done, (Span(time),))


def _everything(test: Progress, columns: int) -> Line:
    phase = f"{test.phase} " if columns >= _PHASE_FROM else ""
    spans = [Span(_name(test, columns // _NAME_SHARE), "title"), Span(f"  {phase}{_time(test)}  ")]
    for target in test.targets[:1]:
        words, tone = _WORDS[target.standing]
        spans += [Span(f"{words}: {target.text}", tone), Span("  ")]
    spans.append(Span(_DOT.join(_load(test))))
    if test.generator.lag_p99_ms is not None:
        spans.append(Span(f"{_DOT}{_lag(test)}", "bad" if test.generator.troubled else ""))
    return tuple(spans)


def _name(test: Progress, longest: int) -> str:
    name = formats.one_line(test.nodeid.partition("::")[2] or test.nodeid)
    return formats.one_line(name, max(_SHORTEST_NAME, longest))


def _time(test: Progress) -> str:
    return f"{test.elapsed_s:.0f}" + ("" if test.total_s is None else f"/{test.total_s:.0f}") + " s"


def _load(test: Progress) -> list[str]:
    parts = [] if test.stage is None else [f"stage {formats.one_line(test.stage)}"]
    parts.append(f"{test.users:,} in flight" if test.open else formats.count(test.users, "user"))
    if test.rate is not None:
        parts.append(formats.rate(test.rate))
    if test.failed_share is not None:
        parts.append(f"{formats.percent(100 * test.failed_share)} failed")
    return [*parts, formats.count(test.iterations, "iteration")]


def _target(target: TargetSoFar) -> ViewRow:
    words, tone = _WORDS[target.standing]
    n = f" (n = {target.n:,})" if target.n else ""
    return ViewRow((Span(f"  {formats.one_line(target.text)}  {words}", tone), Span(n, "faint")))


def _rest(targets: tuple[TargetSoFar, ...]) -> ViewRow | None:
    return ViewRow((Span(f"  {_others(targets)}", "faint"),)) if targets else None


def _others(targets: tuple[TargetSoFar, ...]) -> str:
    """The targets that are not named: those that stand worst come first, so none of them stands worse than those."""
    met = sum(target.standing == "met" for target in targets)
    said = formats.count(len(targets), "other target")
    return f"{said}, {'all' if met == len(targets) else met} met so far"


def _lag(test: Progress) -> str:
    return f"lag p99 {formats.milliseconds(test.generator.lag_p99_ms)}"


def _generator(test: Progress) -> ViewRow | None:
    known = test.generator
    parts = [] if known.lag_p99_ms is None else [_lag(test)]
    if known.cpu_percent is not None:
        parts.append(f"{formats.percent(known.cpu_percent)} of a core")
    if known.frames_late_ms is not None:
        parts.append(f"audio frames late by p99 {formats.milliseconds(known.frames_late_ms)}")
    if not parts:
        return None
    trouble = [Span("  INVALID if it stays so", "bad")] if known.troubled else []
    return ViewRow((Span(f"  load generator: {', '.join(parts)}"), *trouble))
