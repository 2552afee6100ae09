"""How an answer's audio is delivered: in pieces, each at its own time.

The rule: an injected fault happens in the middle of the recording, between two chunks.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_rtmedload.embedded.calls.lines import SpokenLine


class DeliveredPiece(NamedTuple):
    """Chunks `[first, end)` of a recording."""

    speech: SpokenLine
    first: int
    end: int
    sound_ns: int
    """How long they play."""


def pieces(
    speech: SpokenLine, chunk_ns: int, *, realtime: bool = False, stall: int = 0, half: bool = False
) -> Iterator[tuple[int, DeliveredPiece]]:
    """The pieces and when they are due, in nanoseconds from the first.

    Args:
        speech: the recording.
        chunk_ns: what one audio message holds.
        realtime: one chunk at a time, at playback speed; else all at once.
        stall: a gap before the second half.
        half: the second half is never delivered.
    """
    count = -(-speech.length_ns // chunk_ns)
    middle = (count + 1) // 2
    cuts = range(count + 1) if realtime else (0, middle, count) if stall or half else (0, count)
    for first, end in itertools.pairwise(cuts):
        late = first >= middle
        if first == end or (half and late):
            continue
        due = (first * chunk_ns if realtime else 0) + (stall if late else 0)
        yield due, DeliveredPiece(speech, first, end, (end - first) * chunk_ns)
