"""Where things are in the picture of a call: one scale of time, two lanes, and rows of measured times between them.

The rule: words never run into words. A measured time gets the first row that has room for its bar and its words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.results.recording import Outcome
from pytest_rtmedload.text import formats
from pytest_rtmedload.voice.turn_tracker import BARGE_IN, FIRST_BYTE, GREETING, LOOP, RESPONSE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_rtmedload.voice.timeline import Moments, TurnSample

WIDTH: Final = 1040
"""Least width of a picture."""
PER_SECOND: Final = 50
"""Least pixels a second: long calls make wide pictures, so that 100 ms can always be seen."""
LEFT: Final = 66
RIGHT: Final = 24
CALLER_Y: Final = 78
"""Top of the caller's lane; its words stand above it."""
LANE: Final = 64
ROW: Final = 36
BAR: Final = 8
BELOW_AGENT: Final = 92
"""The time axis, the agent's words and the legend."""
LETTER: Final = 6.1
"""Pixels of an average letter at 12 px: words are cut before they run into others."""
_BARS: Final = {GREETING: "bar", LOOP: "bar", BARGE_IN: "barge"}


@dataclass(frozen=True, slots=True)
class Bracket:
    """A measured time between the lanes, and its words."""

    sample: TurnSample
    kind: str
    value: str
    words: str
    details: str
    waiting_ms: float
    """The part of it that the agent spent waiting for the caller to go on, from its beginning."""
    first_byte_ms: float | None

    @property
    def letters(self) -> int:
        """Of its longer line of words."""
        return max(len(self.value + self.words) + 2, len(self.details))


@dataclass(frozen=True, slots=True)
class Label:
    """Where the words of a bracket go."""

    left: float
    right: float
    beside: bool
    """In two lines to the right of the bar; else, where that is beyond the edge, in one line below it."""


@dataclass(frozen=True, slots=True)
class Paper:
    """Where things are. Times are milliseconds, places pixels."""

    duration_ms: float
    rows: int

    @property
    def per_ms(self) -> float:
        """Pixels of a millisecond."""
        return max(PER_SECOND / 1000, (WIDTH - LEFT - RIGHT) / self.duration_ms)

    @property
    def width(self) -> float:
        """Of the picture."""
        return LEFT + RIGHT + self.duration_ms * self.per_ms

    @property
    def agent_y(self) -> float:
        """Top of the agent's lane."""
        return self.row_y(self.rows) + 4

    @property
    def height(self) -> float:
        """Of the picture."""
        return self.agent_y + LANE + BELOW_AGENT

    def x(self, ms: float) -> float:
        """Where a moment is."""
        return LEFT + min(max(ms, 0.0), self.duration_ms) * self.per_ms

    def label(self, bracket: Bracket) -> Label:
        """Room for a bracket's words."""
        edge, end = self.width - RIGHT, self.x(bracket.sample.end_ms)
        beside = end + 7 + LETTER * bracket.letters
        if beside <= edge:
            return Label(end + 7, beside, beside=True)
        length = LETTER * (len(bracket.value + bracket.words + bracket.details) + 4)
        left = max(end - length, LEFT)
        return Label(left, max(end, left + length), beside=False)

    def row_y(self, row: int) -> float:
        """Top of a row of brackets."""
        return CALLER_Y + LANE + 8 + row * ROW


def brackets_of(turn: Moments) -> Iterator[Bracket]:
    """What is drawn between the lanes for a turn."""
    for sample in turn.samples:
        kind = _BARS.get(sample.metric)
        if kind is None:
            continue
        if sample.outcome == Outcome.OK:
            yield _measured_time(turn, sample, kind)
        else:
            value = f"> {formats.milliseconds(sample.ms)}" if sample.outcome == Outcome.CENSORED else "failed"
            yield Bracket(sample, "bad", value, sample.metric, formats.one_line(sample.reason, 90), 0.0, None)


def _measured_time(turn: Moments, sample: TurnSample, kind: str) -> Bracket:
    value, details, waiting, first_byte = formats.milliseconds(round(sample.ms)), "", 0.0, None
    if sample.metric == LOOP:
        response, arrived = turn.sample(RESPONSE), turn.sample(FIRST_BYTE)
        waiting = response.start_ms - sample.start_ms if response is not None else 0.0
        first_byte = arrived.end_ms if arrived is not None else None
        told = [f"{formats.milliseconds(round(waiting))} of it endpointing"] if waiting else []
        told += [f"first byte at {formats.milliseconds(round(arrived.ms))}"] if arrived is not None else []
        details = ", ".join(told)
    return Bracket(sample, kind, value, sample.metric, details, waiting, first_byte)


def rows_of(brackets: Sequence[Bracket], paper: Paper) -> list[int]:
    """The first row in which each bracket has room for itself and its words."""
    taken: list[float] = []
    rows = []
    for bracket in brackets:
        label = paper.label(bracket)
        begin = min(paper.x(bracket.sample.start_ms), label.left)
        row = next((row for row, until in enumerate(taken) if until <= begin), len(taken))
        taken[row : row + 1] = [label.right + 9]
        rows.append(row)
    return rows
