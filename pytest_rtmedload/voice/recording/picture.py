"""A call as a picture: who spoke when, above and below what was measured between them.

The rule: one glance says how long the caller waited. The caller's sound is on top, the agent's as it was heard at the
bottom, and between them each measured time is a bar from where it began to where it ended, with its value in words. It
is one SVG file that needs nothing else, in the colours of the report, light or dark.
"""

from __future__ import annotations

from functools import cache
from html import escape
from importlib import resources
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from pytest_rtmedload.audio import RATE
from pytest_rtmedload.results.recording import Outcome
from pytest_rtmedload.text import formats
from pytest_rtmedload.voice.recording.picture_layout import (
    BAR,
    CALLER_Y,
    LANE,
    LEFT,
    LETTER,
    RIGHT,
    Bracket,
    Paper,
    brackets_of,
    rows_of,
)
from pytest_rtmedload.voice.turn_tracker import GREETING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from pytest_rtmedload.voice.timeline import KeptCall, Moments

TITLE_Y: Final = 24
COLUMN: Final = 2
"""Pixels a column of a wave form is wide."""
QUIET_PEAK: Final = 2000
"""Noise fainter than this is not blown up to fill its lane."""
STYLE: Final = """
text { font: 12px system-ui, sans-serif; fill: var(--text); font-variant-numeric: tabular-nums; }
.page { fill: var(--card); } .title { font-size: 14px; font-weight: 600; } .faint { fill: var(--faint); }
.strong { font-weight: 650; }
.over { paint-order: stroke; stroke: var(--card); stroke-width: 4px; stroke-linejoin: round; }
.lost { fill: var(--bad); }
.grid { stroke: var(--rule); } .lane { fill: var(--shade); } .speech { fill: var(--band); opacity: .45; }
.wave { fill: none; stroke-width: 1.4; stroke-linecap: round; }
.caller { stroke: var(--p50); } .agent { stroke: var(--p95); }
.begin { stroke: var(--text); stroke-dasharray: 5 3; fill: none; }
.end { stroke: var(--text); stroke-width: 1.5; fill: none; }
.byte { stroke: var(--warn); stroke-width: 1.5; stroke-dasharray: 2 2; fill: none; }
.bar { fill: var(--text); } .waiting { fill: var(--warn); } .barge { fill: var(--invalid); } .bad { fill: var(--bad); }
"""


def picture(call: KeptCall, turns: Sequence[Moments], caller: NDArray[np.int16], agent: NDArray[np.int16]) -> str:
    """The call as an SVG document.

    Args:
        call: gives the title.
        turns: what to mark.
        caller: what the caller said from connecting to hanging up, at 16 kHz.
        agent: what it heard.
    """
    duration_ms = max(call.duration_ms, 1.0)
    brackets = [bracket for turn in turns for bracket in brackets_of(turn)]
    rows = rows_of(brackets, Paper(duration_ms, 0))
    paper = Paper(duration_ms, max(rows, default=0) + 1)
    placed = list(zip(brackets, rows, strict=True))
    shapes = [
        *_ground(call, paper),
        *_lane(paper, CALLER_Y, "caller", caller, [(t.speech_begin_ms, t.speech_end_ms) for t in turns]),
        *_lane(paper, paper.agent_y, "agent", agent, [(t.heard_ms, t.end_ms) for t in turns]),
        *(shape for bracket, row in placed for shape in _bracket(paper, bracket, row)),
        *(shape for bracket, row in placed for shape in _words(paper, bracket, row)),
        *_caller_words(paper, turns),
        *_agent_words(paper, turns),
        *_legend(paper, brackets),
    ]
    return _document(paper, f"call {call.call} of {call.test}", shapes)


# --- what is drawn between the lanes


def _bracket(paper: Paper, bracket: Bracket, row: int) -> Iterator[str]:
    sample, y = bracket.sample, paper.row_y(row) + 6
    start, end = paper.x(sample.start_ms), paper.x(sample.end_ms)
    if sample.metric != GREETING:
        yield _line("begin", start, CALLER_Y, y + BAR)
    if sample.outcome == Outcome.OK:
        yield _line("end", end, y, paper.agent_y + LANE)
    if bracket.first_byte_ms is not None:
        yield _line("byte", paper.x(bracket.first_byte_ms), y, paper.agent_y + LANE)
    yield _rect(bracket.kind, start, y, max(end - start, 1.5), BAR)
    if bracket.waiting_ms:
        yield _rect("waiting", start, y, paper.x(sample.start_ms + bracket.waiting_ms) - start, BAR)


def _words(paper: Paper, bracket: Bracket, row: int) -> Iterator[str]:
    """Drawn after all lines, which then do not strike them through."""
    label, y = paper.label(bracket), paper.row_y(row) + 14
    tone = "strong lost" if bracket.kind == "bad" else "strong"
    first = f'<tspan class="{tone}">{escape(bracket.value)}</tspan> {escape(bracket.words)}'
    if label.beside:
        yield f'<text class="over" x="{label.left:.1f}" y="{y:.1f}">{first}</text>'
        yield _text(label.left, y + 15, bracket.details, "faint over")
    else:
        rest = f': <tspan class="faint">{escape(bracket.details)}</tspan>' if bracket.details else ""
        yield f'<text class="over" x="{label.right:.1f}" y="{y + 15:.1f}" text-anchor="end">{first}{rest}</text>'


# --- lanes and their words


def _lane(
    paper: Paper, y: float, name: str, sound: NDArray[np.int16], spans: Iterable[tuple[float | None, float | None]]
) -> Iterator[str]:
    yield _rect("lane", LEFT, y, paper.width - LEFT - RIGHT, LANE)
    for begin, end in spans:
        if begin is not None and end is not None and end > begin:
            yield _rect("speech", paper.x(begin), y, paper.x(end) - paper.x(begin), LANE)
    yield _text(LEFT - 10, y + LANE / 2 + 4, name, "strong", anchor="end")
    yield f'<path class="wave {name}" d="{_wave(paper, y + LANE / 2, sound)}"/>'


def _wave(paper: Paper, middle: float, sound: NDArray[np.int16]) -> str:
    """One upright stroke for each column, from its lowest to its highest sample; none where it is silent."""
    starts = np.arange(0, len(sound), max(round(COLUMN / paper.per_ms * RATE / 1000), 1))
    if not len(starts):
        return ""
    lowest, highest = np.minimum.reduceat(sound, starts), np.maximum.reduceat(sound, starts)
    peak = max(QUIET_PEAK, -int(lowest.min()), int(highest.max()))
    scale = (LANE / 2 - 4) / peak
    columns = zip((starts * 1000 / RATE).tolist(), lowest.tolist(), highest.tolist(), strict=True)
    strokes = (
        f"M{paper.x(ms):.1f} {middle - high * scale:.1f}V{middle - low * scale:.1f}"
        for ms, low, high in columns
        if (high - low) * scale > 0.5
    )
    return f"M{LEFT} {middle:.1f}H{paper.width - RIGHT:.1f}" + "".join(strokes)


def _caller_words(paper: Paper, turns: Sequence[Moments]) -> Iterator[str]:
    spoken = [(turn.speech_begin_ms, turn) for turn in turns if turn.speech_begin_ms is not None]
    for (begin, turn), room in zip(spoken, _room(paper, [begin for begin, _ in spoken]), strict=True):
        span = _span(begin, turn.speech_end_ms)
        yield _text(paper.x(begin), CALLER_Y - 23, f"{turn.utterance}, {span}", "strong", room)
        yield _text(paper.x(begin), CALLER_Y - 8, f"“{turn.said}”" if turn.said else "", "faint", room)


def _agent_words(paper: Paper, turns: Sequence[Moments]) -> Iterator[str]:
    heard = [(turn.heard_ms, turn) for turn in turns if turn.heard_ms is not None]
    y = paper.agent_y + LANE
    for (begin, turn), room in zip(heard, _room(paper, [begin for begin, _ in heard]), strict=True):
        what = f"{turn.kind}, {_span(begin, turn.end_ms)}{', cut' if turn.cut else ''}"
        yield _text(paper.x(begin), y + 36, what, "strong", room)
        yield _text(paper.x(begin), y + 51, f"“{turn.answer}”" if turn.answer else "", "faint", room)


def _room(paper: Paper, begins: list[float]) -> list[float]:
    """Pixels from each of these moments to the next."""
    edges = [*map(paper.x, begins), paper.width - RIGHT]
    return [after - before - 12 for before, after in pairwise(edges)]


def _span(begin_ms: float, end_ms: float | None) -> str:
    return f"{begin_ms / 1000:.2f}" + (f"–{end_ms / 1000:.2f} s" if end_ms is not None else " s")


# --- what is around them


def _ground(call: KeptCall, paper: Paper) -> Iterator[str]:
    yield _rect("page", 0, 0, paper.width, paper.height)
    title = f"{formats.short_name(call.test)}, call {call.call}"
    yield _text(LEFT, TITLE_Y, title, "title", paper.width - LEFT - RIGHT)
    bottom = paper.agent_y + LANE
    step = next((s for s in (0.1, 0.2, 0.5, 1, 2, 5) if s * 1000 * paper.per_ms >= 48), 10)
    for number in range(int(paper.duration_ms / 1000 / step) + 1):
        x = paper.x(number * step * 1000)
        yield _line("grid", x, CALLER_Y, bottom + 4)
        yield _text(x, bottom + 17, f"{number * step:g} s", "faint", anchor="middle")


def _legend(paper: Paper, brackets: Sequence[Bracket]) -> Iterator[str]:
    """What is not told by words beside it."""
    x, y = float(LEFT), paper.height - 8
    keys = [
        ("begin", "the caller has finished, or interrupts", any(b.sample.metric != GREETING for b in brackets)),
        ("byte", "first audio arrives", any(b.first_byte_ms is not None for b in brackets)),
        ("end", "first speech is heard, or the last of what was interrupted", bool(brackets)),
        ("waiting", "endpointing", any(b.waiting_ms for b in brackets)),
    ]
    for name, words, shown in keys:
        if shown:
            yield _rect(name, x, y - 9, 12, BAR) if name == "waiting" else _line(name, x + 6, y - 11, y + 1)
            yield _text(x + 18, y, words, "faint")
            x += 18 + LETTER * len(words) + 14


def _document(paper: Paper, title: str, shapes: Iterable[str]) -> str:
    width, height = f"{paper.width:.0f}", f"{paper.height:.0f}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img"><title>{escape(formats.one_line(title))}</title>'
        f"<style>{_palette()}{STYLE}</style>{''.join(filter(None, shapes))}</svg>\n"
    )


@cache
def _palette() -> str:
    """The colours of the report."""
    return resources.files("pytest_rtmedload.report.page").joinpath("templates", "palette.css").read_text("utf-8")


def _rect(name: str, x: float, y: float, width: float, height: float) -> str:
    return f'<rect class="{name}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>'


def _line(name: str, x: float, top: float, bottom: float) -> str:
    return f'<path class="{name}" d="M{x:.1f} {top:.1f}V{bottom:.1f}"/>'


def _text(x: float, y: float, text: str, name: str, room: float | None = None, *, anchor: str = "start") -> str:
    """Words, cut to the room there is; nothing where there is none."""
    fitting = None if room is None else int(room / (LETTER * (1.15 if name in ("strong", "title") else 1.06)))
    if not text or (fitting is not None and fitting < 3):
        return ""
    shown = escape(formats.one_line(text, fitting))
    return f'<text class="{name}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{shown}</text>'
