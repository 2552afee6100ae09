"""Criteria of the run as data: the defaults, and the parser of the lines that change them.

A line is `NAME = LIMIT KIND`, where the name is that of a criterion or a subject:

    voice.loop p95 = 900 goal                changes the limit of a default
    backend errors = off                     drops one (`all = off` drops every one before this line)
    llm.ttft p95 = 600 limit                 adds one
    checkout errors: errors in shop = 1 %    adds one under a name of its own

Subjects, each over all tests or `in GROUP`, `in critical`, `in critical GROUP`: `METRIC p95` (any
percentile, milliseconds), `errors`, `METRIC errors` and `success` (shares of operations), `METRIC mean_max` (or
`mean_min`, `max`, `min`, of a value), `dropped connections` (a share), and `latency over its limit` (how many times its
limit the worst latency target reached). The metric `requests` means every HTTP request.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.results.plan import PERCENTILES, VALUE_LIMITS
from pytest_rtmedload.spec.groups import API, BACKEND, FLOWS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

GOAL: Final = "goal"
"""A missed goal fails a run under strict evidence."""
LIMIT: Final = "limit"
"""A crossed limit fails every run."""
REQUESTS: Final = "requests"
"""As a metric: all HTTP requests."""
FORM: Final = (
    "write NAME = LIMIT goal|limit, NAME = off, or a new one as 'METRIC p95 = 700 goal', "
    "'METRIC errors = 1 % limit', 'errors in GROUP = 0.05 limit', 'VALUE mean_max = 0.1 goal'"
)


class Measure(StrEnum):
    """What a criterion measures."""

    PERCENTILE = "percentile"
    VALUE = "value"
    ERRORS = "errors"
    SUCCESS = "success"
    DROPPED = "dropped connections"
    OVER_LIMIT = "latency over its limit"

    @property
    def of_shares(self) -> bool:
        """True if the limit is a fraction of operations."""
        return self in (Measure.ERRORS, Measure.SUCCESS, Measure.DROPPED)


@dataclass(frozen=True, slots=True)
class Subject:
    """The measured quantity, and the tests it is measured in."""

    measure: Measure
    metric: str = ""
    """A metric or value, or `REQUESTS`; empty for all operations."""
    statistic: str = ""
    """A key of `PERCENTILES`, or one of `VALUE_LIMITS`."""
    group: str = ""
    """Group of the tests; empty for all groups."""
    critical: bool = False
    """True for critical tests only."""

    @property
    def floor(self) -> bool:
        """True for a lower limit."""
        return self.measure is Measure.SUCCESS or self.statistic in ("mean_min", "min")


@dataclass(frozen=True, slots=True)
class Criterion:
    """One criterion of the run."""

    name: str
    subject: Subject
    limit: float
    """Milliseconds of a percentile, a fraction of a share, the unit of a value, or times the limit."""
    kind: str
    """`GOAL` or `LIMIT`."""
    source: str = ""
    """The option that sets it; empty for a default, which yields to the limits of the tests themselves."""
    demanded: bool = False
    """True if the command line sets it: without data it fails the run."""


def _default(name: str, subject: Subject, limit: float, kind: str) -> Criterion:
    return Criterion(name, subject, limit, kind)


DEFAULT_CRITERIA: Final[tuple[Criterion, ...]] = (
    _default("success rate", Subject(Measure.SUCCESS), 0.95, GOAL),
    _default("voice.loop p95", Subject(Measure.PERCENTILE, "voice.loop", "p95"), 700, GOAL),
    _default("API p95", Subject(Measure.PERCENTILE, REQUESTS, "p95", group=API), 150, GOAL),
    _default("ws.handshake p95", Subject(Measure.PERCENTILE, "ws.handshake", "p95"), 150, GOAL),
    _default("error rate on critical flows", Subject(Measure.ERRORS, group=FLOWS, critical=True), 0.005, GOAL),
    _default("lowest success rate", Subject(Measure.SUCCESS), 0.80, LIMIT),
    _default("critical latency", Subject(Measure.OVER_LIMIT, critical=True), 1.5, LIMIT),
    _default("WebSocket connections dropped", Subject(Measure.DROPPED), 0.10, LIMIT),
    _default("backend errors", Subject(Measure.ERRORS, group=BACKEND), 0.05, LIMIT),
)

_STATISTICS: Final = "|".join((*PERCENTILES, *VALUE_LIMITS, "errors"))
_SUBJECT: Final = re.compile(
    rf"(?:(?P<whole>errors|success|{Measure.DROPPED}|{Measure.OVER_LIMIT})|(?P<metric>.+) (?P<statistic>{_STATISTICS}))"
    r"(?: in (?P<critical>critical)?(?:(?(critical) )(?P<group>\S+))?)?"
)
_LIMIT: Final = re.compile(r"(?:(?P<off>off)|(?P<number>[0-9.eE+-]+)\s*(?P<unit>%|ms|s)?)(?:\s+(?P<kind>goal|limit))?")
_TO_MS: Final = {None: 1.0, "ms": 1.0, "s": 1000.0}


def parse_subject(text: str) -> Subject | None:
    """The subject that a text describes; None if it describes none."""
    match = _SUBJECT.fullmatch(text)
    if match is None or text.endswith(" in "):
        return None
    group, critical = match["group"] or "", match["critical"] is not None
    if match["whole"] is not None:
        return Subject(Measure(match["whole"]), group=group, critical=critical)
    metric, statistic = match["metric"], match["statistic"]
    if statistic == "errors":
        return Subject(Measure.ERRORS, metric, group=group, critical=critical)
    measure = Measure.PERCENTILE if statistic in PERCENTILES else Measure.VALUE
    return Subject(measure, metric, statistic, group, critical)


def with_changes(
    criteria: Iterable[Criterion], lines: Iterable[str], source: str, *, demanded: bool = False
) -> tuple[Criterion, ...]:
    """The criteria after the lines of one source.

    Args:
        criteria: the criteria so far.
        lines: in the form that the module describes.
        source: the option that holds the lines, for messages.
        demanded: whether a criterion of these lines fails the run if there is no data for it.

    Raises:
        ValueError: a line is wrong; the message quotes it and says what is right.
    """
    found = tuple(criteria)
    for line in lines:
        found = _changed(found, " ".join(line.split()), source, demanded=demanded)
    return found


def _changed(criteria: tuple[Criterion, ...], line: str, source: str, *, demanded: bool) -> tuple[Criterion, ...]:
    left, equals, right = line.rpartition("=")
    left, limit = left.strip(), _LIMIT.fullmatch(right.strip())
    if not equals or not left or limit is None:
        raise ValueError(f"{line!r} is not a criterion: {FORM}")
    known = _known(criteria, left)
    if limit["off"] is not None:
        return _without(criteria, known, left, line)
    if known is None:
        kind = limit["kind"] or GOAL
        name, subject = _new(left, line)
        known = next((c for c in criteria if c.name.lower() == name.lower()), None)
        known = known or next((c for c in criteria if c.subject == subject and c.kind == kind), None)
    else:
        kind, name, subject = limit["kind"] or known.kind, known.name, known.subject
    stated = Criterion(
        known.name if known else name, subject, _read_limit(subject, limit, line), kind, source, demanded
    )
    return tuple(stated if c is known else c for c in criteria) if known else (*criteria, stated)


def _known(criteria: Sequence[Criterion], name: str) -> Criterion | None:
    return next((criterion for criterion in criteria if criterion.name.lower() == name.lower()), None)


def _without(criteria: tuple[Criterion, ...], known: Criterion | None, left: str, line: str) -> tuple[Criterion, ...]:
    if left.lower() == "all":
        return ()
    if known is None:
        names = ", ".join(criterion.name for criterion in criteria)
        raise ValueError(f"{line!r}: there is no criterion {left!r} to drop; there are {names}")
    return tuple(criterion for criterion in criteria if criterion is not known)


def _new(left: str, line: str) -> tuple[str, Subject]:
    """Name and subject of a new criterion."""
    name, colon, text = left.partition(": ")
    named = parse_subject(text.strip()) if colon else None
    subject = named or parse_subject(left)
    if subject is None:
        raise ValueError(f"{line!r}: {left!r} is neither a criterion nor a subject; {FORM}")
    return (left if named is None else name.strip()), subject


def _read_limit(subject: Subject, limit: re.Match[str], line: str) -> float:
    """The limit as a number.

    Raises:
        ValueError: not a valid limit of the subject.
    """
    unit = limit["unit"]
    try:
        number = float(limit["number"])
    except ValueError:
        raise ValueError(f"{line!r}: {limit['number']!r} is not a number") from None
    if subject.measure.of_shares:
        number = number / 100 if unit == "%" else number
        if unit not in (None, "%") or not 0 <= number <= 1:
            raise ValueError(f"{line!r}: a share is a fraction between 0 and 1, or written as 5 %")
        return number
    if subject.measure is Measure.PERCENTILE:
        if unit not in _TO_MS or not 0 < number < float("inf"):
            raise ValueError(f"{line!r}: a latency is a number of milliseconds above 0")
        return number * _TO_MS[unit]
    if unit is not None or not 0 <= number < float("inf"):
        raise ValueError(f"{line!r}: the limit is a number without a unit, finite and not negative")
    return number
