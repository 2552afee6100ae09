"""How well an answer was delivered, and how well an utterance was understood.

Everything here is computed from when audio arrived and how long it was, or from two texts. Sources: RFC 3550, A.8, for
jitter; ITU-T G.107 with the loss robustness of G.711 with concealment (G.113, Appendix I) for the *estimated* MOS.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

STALL_NS: Final = 250_000_000
"""A pause in the middle of an answer that callers take for its end, or for a lost line."""
UNDERRUN_NS: Final = 20_000_000
"""One frame: shorter gaps are hidden by any jitter buffer."""
_LOSS_ROBUSTNESS: Final = 25.1
_BEST_R: Final = 93.2
_WORDS: Final = re.compile(r"\w+(?:'\w+)*")


@dataclass(slots=True)
class Delivery:
    """How the audio of one answer arrived."""

    jitter_ns: float = 0.0
    """Interarrival jitter of RFC 3550: large for an agent that sends in bursts, which by itself does no harm."""
    underruns: int = 0
    """Gaps of 20 ms and more in what was heard."""
    stalls_ns: list[int] = field(default_factory=list)
    """Gaps above 250 ms."""
    audio_ns: int = 0
    gaps_ns: int = 0
    _arrived_ns: int = 0
    _duration_ns: int = 0

    def received(self, arrival_ns: int, duration_ns: int, gap_ns: int) -> None:
        """Audio arrived.

        Args:
            arrival_ns: when.
            duration_ns: how long it sounds.
            gap_ns: how long the loudspeaker had been silent for want of it; 0 at the beginning of an answer.
        """
        if self._arrived_ns:
            deviation = abs(arrival_ns - self._arrived_ns - self._duration_ns)
            self.jitter_ns += (deviation - self.jitter_ns) / 16
        self._arrived_ns, self._duration_ns = arrival_ns, duration_ns
        self.audio_ns += duration_ns
        if gap_ns >= UNDERRUN_NS:
            self.underruns += 1
            self.gaps_ns += gap_ns
            if gap_ns > STALL_NS:
                self.stalls_ns.append(gap_ns)

    @property
    def ratio(self) -> float:
        """Share of the answer's time in which there was audio to play; 1 is perfect."""
        whole = self.audio_ns + self.gaps_ns
        return self.audio_ns / whole if whole else 1.0

    @property
    def mos(self) -> float:
        """Estimated mean opinion score, 1 to 4.4: what gaps of this share would do to G.711 with concealment."""
        lost = 100 * (1 - self.ratio)
        return opinion(_BEST_R - 95 * lost / (lost + _LOSS_ROBUSTNESS))


def opinion(r: float) -> float:
    """Mean opinion score of an R factor (G.107, annex B)."""
    if r <= 0:
        return 1.0
    if r >= 100:
        return 4.5
    return max(1.0, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6)  # the cubic dips below 1 under 6.5


def words(text: str) -> list[str]:
    """The words of a text in any language that puts spaces between them."""
    return _WORDS.findall(text.replace("’", "'").casefold())


def word_error_rate(said: str, understood: str) -> float:
    """Words substituted, left out or put in, per word said; case and punctuation do not count.

    Raises:
        ValueError: no words were said.
    """
    wanted, got = words(said), words(understood)
    if not wanted:
        raise ValueError("no words were said: the word error rate is not defined")
    row = list(range(len(got) + 1))
    for i, word in enumerate(wanted, 1):
        corner, row[0] = row[0], i
        for j, other in enumerate(got, 1):
            best = min(row[j] + 1, row[j - 1] + 1, corner + (word != other))
            corner, row[j] = row[j], best
    return row[-1] / len(wanted)
