"""The synthesised speech: shipped recordings, at the requested sample rate.

The rule: a text that a clip has is spoken by that clip, sample for sample. Any other text is a *placeholder*: pieces of
shipped speech, as long as the text would take, the same for the same text. It is audible, can be timed and interrupted,
and is marked in the ground truth; its words are not those of the text.
"""

from __future__ import annotations

import random
import re
from functools import lru_cache
from html import unescape
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from pytest_rtmedload.audio import RATE, SAMPLES_PER_MS, Clip, clip, names
from pytest_rtmedload.audio.pcm import resample
from pytest_rtmedload.embedded.speech.lines import lexical

if TYPE_CHECKING:
    from numpy.typing import NDArray

MS_PER_LETTER: Final = 60
"""Of speech at about 170 words a minute, spaces included."""
SHORTEST_MS: Final = 300
PAUSE_MS: Final = 60
_CACHED: Final = 64
_FORMAT: Final = re.compile(r"(?:raw|riff)-(8|16|24|48)khz-16bit-mono-pcm", re.IGNORECASE)
_TAG: Final = re.compile(r"<!--.*?-->|<[^>]*>", re.DOTALL)


class SynthesisedSpeech(NamedTuple):
    """A text, spoken."""

    clip: str | None
    """The clip that says it; None for a placeholder."""
    pcm: bytes
    """Mono, signed 16-bit little-endian."""


def rate_of(output_format: str) -> int | None:
    """The samples per second of an output format of the SDK; None for one that is not 16-bit PCM."""
    match = _FORMAT.fullmatch(output_format)
    return int(match[1]) * 1000 if match else None


def text_of_ssml(ssml: str) -> str:
    """The text to speak."""
    return " ".join(unescape(_TAG.sub(" ", ssml)).split())


class Voice:
    """Speaks texts; the most recent results are cached."""

    def __init__(self) -> None:
        self._names = {lexical(item.text or ""): item.name for item in map(clip, names())}
        self.say = lru_cache(maxsize=_CACHED)(self._say)
        """`say(text, rate)` is the `SynthesisedSpeech` of a text."""

    def _say(self, text: str, rate: int) -> SynthesisedSpeech:
        name = self._names.get(lexical(text))
        sound = clip(name).samples if name else _placeholder(text)
        return SynthesisedSpeech(name, resample(sound, RATE, rate).tobytes())


def _placeholder(text: str) -> NDArray[np.int16]:
    chance = random.Random(text)
    agents = names("agent")
    length = max(SHORTEST_MS, len(text) * MS_PER_LETTER) * SAMPLES_PER_MS
    parts: list[NDArray[np.int16]] = []
    while sum(map(len, parts)) < length:
        parts += [_voiced(clip(chance.choice(agents))), np.zeros(PAUSE_MS * SAMPLES_PER_MS, np.int16)]
    return np.concatenate(parts)[:length]


def _voiced(item: Clip) -> NDArray[np.int16]:
    first, end = item.voiced
    return item.samples[first:end]
