"""The lines that the agent understands and speaks: the recordings of `audio`.

The rule: a recording begins `LEAD_MS` before its first word, as a synthesiser's answer does; how much of it is silence
is known to the sample.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.audio import Fingerprints, clip, names, reply_to, text_of
from pytest_rtmedload.audio.pcm import RATE, SAMPLES_PER_MS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEAD_MS: Final = 40
GREETING: Final = "greeting"
NOT_UNDERSTOOD: Final = "not_understood"
GOODBYE: Final = "goodbye"
_SENTENCE: Final = re.compile(r"[^.!?]+[.!?]*")
_SAMPLE_NS: Final = 1_000_000_000 // RATE


@dataclass(frozen=True, slots=True)
class SpokenLine:
    """A recording of the agent's speech."""

    name: str
    text: str
    samples: NDArray[np.int16]
    """16 kHz, mono."""
    lead_ns: int
    """From its first sample to the first voiced one."""

    @property
    def length_ns(self) -> int:
        """Its length."""
        return len(self.samples) * _SAMPLE_NS

    @property
    def sentences(self) -> list[str]:
        """Its sentences."""
        return [sentence.strip() for sentence in _SENTENCE.findall(self.text)]


@cache
def speech(name: str) -> SpokenLine:
    """One of the agent's recorded answers."""
    recorded = clip(name)
    first = max(0, recorded.voiced[0] - LEAD_MS * SAMPLES_PER_MS)
    return SpokenLine(name, recorded.text or "", recorded.samples[first:], (recorded.voiced[0] - first) * _SAMPLE_NS)


class CallLines:
    """The lines of patients, and the replies to them."""

    def __init__(self) -> None:
        self._by_text = {_plain(text_of(name)): name for name in names("patient")}
        self._fingerprints = Fingerprints(clip(name) for name in names("patient"))
        self._fingerprints.warm_up()

    def spoken(self, samples: NDArray[np.int16]) -> str | None:
        """The name of the line that was said; None for anything else."""
        return self._fingerprints.recognise(samples)

    def typed(self, text: str) -> str | None:
        """The name of the line that was typed; None for anything else."""
        return self._by_text.get(_plain(text))

    @staticmethod
    def words(line: str | None) -> str:
        """The words of a line; empty when it was not understood."""
        return "" if line is None else text_of(line)

    @staticmethod
    def reply(line: str | None) -> SpokenLine:
        """The answer to a line."""
        return speech(NOT_UNDERSTOOD if line is None else reply_to(line))


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9']+", text.lower()))
