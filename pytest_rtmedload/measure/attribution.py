"""What a delay of the event loop was spent on, from counters at its ends and looks in between.

The rule: time in which the thread was not running comes first, by what the kernel tells of it; then what was timed
(garbage collection, bookkeeping); and only what is left is laid at the door of code, by where the watchdog saw it.
"""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_rtmedload.results.causes import Cause

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_rtmedload.measure.watchdog import Look

AT_ONCE_NS: Final = 4_000_000
"""A look that came this soon did not wait for Python's lock, which a thread may keep for 5 ms."""
KEPT_NS: Final = 15_000_000
"""If the loop's thread ran this long while a look waited for the lock, it was in one piece of code: three times longer
than Python lets a thread keep it."""
RAN_NS: Final = 4_000_000
"""Code that used this much of the processor between two looks kept the loop: it was not seen twice by chance."""
LEAST_OF_OTHERS: Final = 0.1
"""Other threads of the process caused a delay if they ran for this share of it: with the lock, one may wait, too."""

Attributed = dict[tuple[str, str], int]
"""(cause, place) → nanoseconds."""


class Delay(NamedTuple):
    """A delay of the loop and what happened from the last tick before it to the first after it; nanoseconds."""

    late: int
    """How late the tick was: what is to be explained."""
    began: int
    """When the last tick before it was."""
    ran_before: int
    """Processor time of the loop's thread until then."""
    span: int
    """From one tick to the other; longer than `late` by what was left until the tick was due."""
    running: int
    """Processor time of the loop's thread."""
    waiting: int | None
    """Time in which it waited for a processor; None where that is not told."""
    others: int
    """Processor time of the other threads of the process."""
    stolen: int
    throttled: int
    collecting: int
    """Time in garbage collections."""
    bookkeeping: int
    """Time in the load generator's own work on what it had measured."""
    looks: Sequence[Look]


def attribute(delay: Delay) -> Attributed:
    """Causes of a delay and how much of it each explains; together all of it."""
    spent = _spent(delay)
    total = sum(ns for _, _, ns in spent)
    found: Attributed = {}
    for cause, place, ns in spent:
        share = delay.late * ns // total if total else 0
        if share:
            found[cause, place] = found.get((cause, place), 0) + share
    return found


def _spent(delay: Delay) -> list[tuple[str, str, int]]:
    """The whole span, by cause and place."""
    left = max(0, delay.span - delay.running)
    spent: list[tuple[str, str, int]] = []
    for cause, ns in (
        (Cause.THROTTLED, delay.throttled),
        (Cause.STOLEN, delay.stolen),
        (Cause.PROCESSOR, delay.waiting or 0),  # on some kernels this contains the first two
    ):
        part = min(ns, left)
        spent.append((cause, "", part))
        left -= part
    rest = delay.span - sum(ns for _, _, ns in spent)
    for cause, ns in ((Cause.COLLECTION, delay.collecting), (Cause.TOOL, delay.bookkeeping)):
        part = min(ns, rest)
        spent.append((cause, "", part))
        rest -= part
    away = min(left, rest)
    spent += [(*_while_away(delay, away), away), (*_while_running(delay), rest - away)]
    return spent


def _while_away(delay: Delay, away: int) -> tuple[str, str]:
    """Why the thread neither ran nor waited for a processor."""
    at_once = [look for look in delay.looks if look.late_ns <= AT_ONCE_NS and look.place]
    place, by_tool = _most_frequent(at_once)
    if delay.waiting is None:
        return Cause.UNKNOWN, place
    if at_once and 2 * len(at_once) >= len(delay.looks):
        return (Cause.TOOL if by_tool else Cause.BODY), place
    if delay.others >= LEAST_OF_OTHERS * away:
        working = Counter(look.thread_place for look in delay.looks if look.thread_place)
        return Cause.THREADS, working.most_common(1)[0][0] if working else ""
    return Cause.STOPPED, ""


def _while_running(delay: Delay) -> tuple[str, str]:
    """What the thread ran: one piece of code, or many."""
    kept = max(_kept(delay), default=None)
    if kept is None:
        return Cause.BUSY, ""
    _, place, by_tool = kept
    return (Cause.TOOL if by_tool else Cause.BODY), place


def _kept(delay: Delay) -> Iterator[tuple[int, str, bool]]:
    """How long each piece of code that kept the loop was seen to run: between looks, or while a look was waited for."""
    at, ran = delay.began, delay.ran_before
    for _, same in groupby((look for look in delay.looks if look.place), lambda look: look.task or look.place):
        seen = list(same)
        waited = (seen[0].running_ns - ran) - (seen[0].wanted_ns - at)  # at least; code that runs in Python gives way
        between = seen[-1].running_ns - seen[0].running_ns
        if between >= RAN_NS or waited >= KEPT_NS:
            yield max(between, waited), *_most_frequent(seen)
        at, ran = seen[-1].had_ns, seen[-1].running_ns


def _most_frequent(looks: Sequence[Look]) -> tuple[str, bool]:
    if not looks:
        return "", False
    return Counter((look.place, look.by_tool) for look in looks).most_common(1)[0][0]
