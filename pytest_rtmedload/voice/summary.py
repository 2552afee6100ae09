"""A call that has ended, as an example of all calls of a test: its turns in few words and times.

The rule: turns come from the same moments as the picture and the numbers of a recorded call.
"""

from __future__ import annotations

import random
import statistics
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.results.conversations import Conversed
from pytest_rtmedload.results.details import ConversationResult, ConversationTurn
from pytest_rtmedload.results.recording import Outcome
from pytest_rtmedload.voice.timeline import moments_of
from pytest_rtmedload.voice.turn_tracker import LOOP

if TYPE_CHECKING:
    from pytest_rtmedload.voice.timeline import KeptCall, Moments

LONGEST_TEXT: Final = 200
"""Characters of what was said or answered: a call shall take some hundred bytes a turn."""


def conversed(call: KeptCall, tag: str, seed: int) -> Conversed | None:
    """A call as an example; None when it was never connected, or no turn was answered.

    Args:
        call: the call.
        tag: what its user's samples are labelled with.
        seed: of the run; with the call's id it says whether the call is drawn.
    """
    loops = [(s.end_ns - s.start_ns) / 1e6 for s in call.samples if s.metric == LOOP and s.outcome is Outcome.OK]
    if not call.connected_ns or not loops:
        return None
    turns = [_turn(moments) for moments in moments_of(call)]
    result = ConversationResult("", _text(call.call), tag, round(call.duration_ms, 3), turns)
    return Conversed(random.Random(f"{seed}:{call.call}").random(), statistics.median(loops), result)


def _turn(moments: Moments) -> ConversationTurn:
    loop = moments.sample(LOOP)
    return ConversationTurn(
        utterance=_text(moments.utterance or ""),
        said=_text(moments.said or ""),
        answer=_text(moments.answer),
        speech_begin_ms=moments.speech_begin_ms,
        speech_end_ms=moments.speech_end_ms,
        endpointing_ms=moments.endpointing_ms,
        onset_ms=moments.onset_ms,
        end_ms=moments.end_ms,
        loop_ms=round(loop.ms, 3) if loop is not None and loop.outcome == Outcome.OK else None,
        problem=_text(moments.problem or ""),
        interrupted=moments.cut,
    )


def _text(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"
