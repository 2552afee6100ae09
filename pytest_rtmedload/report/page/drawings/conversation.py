"""A call turn by turn: who spoke when on the call's own time, and each wait again, large enough to be compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_rtmedload.report.page.drawings.axis import finite, time_marks
from pytest_rtmedload.report.page.drawings.canvas import Mark, rect, svg, upright
from pytest_rtmedload.text import formats

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_rtmedload.results.details import ConversationResult, ConversationTurn
    from pytest_rtmedload.results.model import TestResult

LOOP = "voice.loop"


@dataclass(frozen=True, slots=True)
class CallTurn:
    """A row of the waterfall."""

    turn: ConversationTurn
    svg: str
    wait: str
    """The wait on the scale of all waits; empty where there was no wait or no answer."""
    wait_ms: float | None
    """From the end of the caller's speech, or from connecting, to the answer."""


@dataclass(frozen=True, slots=True)
class Waterfall:
    """A call, and the axis of its rows."""

    call: ConversationResult
    turns: list[CallTurn]
    marks: list[Mark]
    limit_ms: float | None
    """The limit of `voice.loop`'s p95, which is drawn on the scale of the waits."""


def waterfalls(test: TestResult) -> list[Waterfall]:
    """The example calls of a test; their waits share one scale, so that the typical and the slow one compare."""
    limit = next((t.limit for t in test.targets if (t.metric, t.name) == (LOOP, "p95")), None)
    waits = finite(wait(turn) for call in test.conversations for turn in call.turns)
    longest = max([*waits, limit or 0.0], default=0.0) or 1.0
    return [_waterfall(call, longest, limit) for call in test.conversations]


def wait(turn: ConversationTurn) -> float | None:
    """How long the caller waited for this answer; after connecting, for the greeting."""
    if turn.onset_ms is None:
        return None
    begin = 0.0 if turn.speech_end_ms is None else turn.speech_end_ms
    return max(turn.onset_ms - begin, 0.0)


def _waterfall(call: ConversationResult, longest: float, limit: float | None) -> Waterfall:
    ends = finite(end for turn in call.turns for end in (turn.end_ms, turn.speech_end_ms))
    duration = max([call.duration_ms, *ends]) or 1.0
    turns = [CallTurn(turn, _row(turn, duration), _wait(turn, longest, limit), wait(turn)) for turn in call.turns]
    return Waterfall(call, turns, time_marks(0, duration / 1000), limit)


def _row(turn: ConversationTurn, duration: float) -> str:
    shapes = [
        rect("call", 0, 1, 0.15, 0.85),
        *_bar("caller", turn.speech_begin_ms, turn.speech_end_ms, duration, 0.15, 0.85),
        *_waits(turn, turn.speech_end_ms or 0.0, duration),
        *_bar("agent", turn.onset_ms, turn.end_ms, duration, 0.15, 0.85),
    ]
    return svg(_words(turn), shapes)


def _waits(turn: ConversationTurn, begin: float, whole: float) -> Iterable[str]:
    """The wait from `begin` on, the share the agent spent on making sure that the caller had finished apart."""
    waited = wait(turn)
    if waited is not None:
        sure = begin + min(turn.endpointing_ms or 0.0, waited)
        yield from _bar("endpointing", begin, sure, whole, 0.3, 0.7)
        yield from _bar("wait", sure, begin + waited, whole, 0.3, 0.7)


def _wait(turn: ConversationTurn, longest: float, limit: float | None) -> str:
    shapes = list(_waits(turn, 0.0, longest))
    if shapes and limit is not None and turn.speech_end_ms is not None:
        shapes.append(upright("limit", limit / longest))
    return svg("", shapes) if shapes else ""


def _bar(kind: str, begin: float | None, end: float | None, whole: float, top: float, bottom: float) -> Iterable[str]:
    if begin is not None and end is not None:
        yield rect(kind, begin / whole, end / whole, top, bottom)


def _words(turn: ConversationTurn) -> str:
    waited = wait(turn)
    if waited is None:
        return f"{turn.utterance or 'greeting'}: no answer"
    return f"{turn.utterance or 'greeting'}: answered after {formats.milliseconds(waited)}"
