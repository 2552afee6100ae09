"""One recorded utterance, ready to be played frame by frame.

The rule: a clip is 16 kHz, mono, 16-bit PCM with speech in it, and knows where that speech begins and ends. Any other
file is refused with one line that says how to convert it: a silent conversion would move those two instants.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_rtmedload.audio.pcm import FRAME_MS, RATE, SAMPLES_PER_MS, ClipError, how_to_convert, read_wav, voiced_span

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Clip", "ClipError", "read_clip"]

_SAMPLE_BYTES = 2


@dataclass(frozen=True, slots=True)
class Clip:
    """An utterance: its sound, its words where they are known, and its voiced span."""

    name: str
    text: str | None
    pcm: bytes
    """16 kHz, mono, signed 16-bit little-endian."""
    voiced: tuple[int, int]
    """`[first, end)` in samples: see `pcm` for what counts as voiced."""

    @property
    def samples(self) -> NDArray[np.int16]:
        """A read-only view of the sound."""
        import numpy as np  # noqa: PLC0415 - 80 ms, only where audio is handled

        return np.frombuffer(self.pcm, "<i2")

    @property
    def duration_ms(self) -> float:
        """Length in milliseconds, silence around the speech included."""
        return len(self.pcm) / (_SAMPLE_BYTES * SAMPLES_PER_MS)

    @property
    def voiced_begin_ms(self) -> float:
        """Where speech begins, in milliseconds from the clip's start."""
        return self.voiced[0] / SAMPLES_PER_MS

    @property
    def voiced_end_ms(self) -> float:
        """Where speech ends, in milliseconds from the clip's start."""
        return self.voiced[1] / SAMPLES_PER_MS

    def frames(self, frame_ms: int = FRAME_MS) -> list[bytes]:
        """The sound cut into frames of equal length; the last one is filled up with silence."""
        size = frame_ms * SAMPLES_PER_MS * _SAMPLE_BYTES
        return [self.pcm[begin : begin + size].ljust(size, b"\0") for begin in range(0, len(self.pcm), size)]


def read_clip(path: str | os.PathLike[str]) -> Clip:
    """Read a WAV file; its words are those of a `.txt` file of the same name next to it, if there is one.

    A `~` at the beginning of the path is the home folder.

    Raises:
        ClipError: missing, not a WAV file, empty, not mono, of another rate or sample width, or silent.
    """
    path = os.path.expanduser(path)  # noqa: PTH111 - unlike pathlib's it never raises
    channels, rate = read_wav(path)
    if len(channels) != 1:
        raise ClipError(f"{path}: {len(channels)} channels, one is needed; {how_to_convert(path)}")
    if rate != RATE:
        raise ClipError(f"{path}: {rate} Hz, {RATE} Hz are needed; {how_to_convert(path)}")
    if not len(channels[0]):
        raise ClipError(f"{path}: empty: there are no samples in it; record it again")
    try:
        voiced = voiced_span(channels[0])
    except ClipError as error:
        raise ClipError(f"{path}: {error}") from None
    return Clip(Path(path).stem, _words_beside(Path(path)), channels[0].tobytes(), voiced)


def _words_beside(path: Path) -> str | None:
    """The content of the text file next to a sound file."""
    text = path.with_suffix(".txt")
    try:
        return text.read_text("utf-8").strip() or None
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ClipError(f"{text}: cannot be read ({error}); save it as UTF-8 text, or remove it") from None
