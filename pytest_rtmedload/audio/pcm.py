"""Speech as samples: voice detection, resampling, WAV files.

The rule: there is one definition of *voiced*. A window of 20 ms is voiced when its RMS is within 35 dB of the loudest
window's; windows begin every 10 ms. The voiced span reaches from the start of the first such window to the end of the
last, so the end of speech comes from the samples, exact to 10 ms, and never from a detector with a hangover.

Samples are int16, mono; spans are half-open `[first, end)` in samples.
"""

from __future__ import annotations

import math
import wave
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

RATE: Final = 16_000
"""Samples per second of every clip."""
FRAME_MS: Final = 20
SAMPLES_PER_MS: Final = RATE // 1000

WINDOW_MS: Final = 20
STEP_MS: Final = 10
VOICED_RANGE_DB: Final = 35.0
SILENT_RMS: Final = 32768 * 10 ** (-60 / 20)  # -60 dBFS: a recording whose loudest window is below has no speech in it
_SAMPLE_BYTES: Final = 2
_LOWEST, _HIGHEST = -32768, 32767

_TAPS: Final = 32  # zero crossings of the sinc on each side, at the lower of the two rates
_KAISER_BETA: Final = 8.0  # stop band at about -80 dB, below the steps of 16 bits that speech uses
_PASS_BAND: Final = 0.94  # half-amplitude point over the lower Nyquist rate: the transition band ends at about 1.02


class ClipError(ValueError):
    """A clip that cannot be used: one line that names it, what is wrong and what to do."""


def window_levels(samples: NDArray[np.int16], rate: int = RATE) -> NDArray[np.float64]:
    """RMS of the windows of 20 ms that begin every 10 ms, in 16-bit steps; a shorter remainder is left out."""
    import numpy as np  # noqa: PLC0415 - 80 ms, only where audio is handled

    step = rate * STEP_MS // 1000
    blocks = samples[: len(samples) // step * step].astype(np.float64).reshape(-1, step)
    energies = np.square(blocks).sum(axis=1)
    levels: NDArray[np.float64] = np.sqrt((energies[:-1] + energies[1:]) / (2 * step))
    return levels


def voiced_windows(samples: NDArray[np.int16], rate: int = RATE) -> NDArray[np.bool_]:
    """Which windows are voiced.

    Raises:
        ClipError: shorter than one window, or no window above -60 dBFS.
    """
    levels = window_levels(samples, rate)
    if not len(levels):
        raise ClipError(f"only {len(samples) * 1000 / rate:g} ms of audio: at least {WINDOW_MS} ms are needed")
    peak = float(levels.max())
    if peak < SILENT_RMS:
        raise ClipError("silent: nothing in it is louder than -60 dBFS; record it again, or raise its level")
    voiced: NDArray[np.bool_] = levels >= peak * 10 ** (-VOICED_RANGE_DB / 20)
    return voiced


def voiced_span(samples: NDArray[np.int16], rate: int = RATE) -> tuple[int, int]:
    """First voiced sample and the end of the last voiced window.

    Raises:
        ClipError: as `voiced_windows`.
    """
    windows = voiced_windows(samples, rate).nonzero()[0]
    step = rate * STEP_MS // 1000
    return int(windows[0]) * step, int(windows[-1]) * step + rate * WINDOW_MS // 1000


def pauses(samples: NDArray[np.int16], rate: int = RATE) -> list[tuple[int, int]]:
    """The spans inside the voiced span that no voiced window touches: an agent may take a long one for the end.

    Raises:
        ClipError: as `voiced_windows`.
    """
    step, window = rate * STEP_MS // 1000, rate * WINDOW_MS // 1000
    begins = (voiced_windows(samples, rate).nonzero()[0] * step).tolist()
    return [(before + window, after) for before, after in pairwise(begins) if after > before + window]


def resample(samples: NDArray[np.int16], from_rate: int, to_rate: int) -> NDArray[np.int16]:
    """The same sound at another rate, for whole clips; sample 0 stays at time 0.

    A polyphase FIR of a Kaiser-windowed sinc: ripple below 0.01 dB up to 0.85 of the lower Nyquist rate, images and
    aliases at -80 dB. The result has ceil(n * to_rate / from_rate) samples.
    """
    import numpy as np  # noqa: PLC0415 - as above

    divisor = math.gcd(from_rate, to_rate)
    up, down = to_rate // divisor, from_rate // divisor
    if up == down:
        return samples
    length = -(-len(samples) * up // down)
    half = _TAPS * max(up, down)
    taps = _low_pass(half, max(up, down)) * up
    padded = np.concatenate([samples.astype(np.float64), np.zeros(2 * _TAPS * max(up, down) // up + down)])
    result = np.empty(length)
    for first in range(min(up, length)):  # every up-th output uses the same taps: one phase of the filter
        position = first * down + half  # on the grid of from_rate * up, where the filter's centre adds `half`
        phase, begin = position % up, position // up
        part = np.convolve(padded, taps[phase::up])[begin::down]
        wanted = len(range(first, length, up))
        result[first::up] = part[:wanted]
    return np.clip(np.rint(result), _LOWEST, _HIGHEST).astype(np.int16)


def _low_pass(half: int, factor: int) -> NDArray[np.float64]:
    """2 * half + 1 taps with gain 1 that cut at the lower Nyquist rate, seen from a rate `factor` times higher."""
    import numpy as np  # noqa: PLC0415 - as above

    cutoff = _PASS_BAND / factor
    taps = np.sinc(np.arange(-half, half + 1) * cutoff) * np.kaiser(2 * half + 1, _KAISER_BETA)
    normalised: NDArray[np.float64] = taps / taps.sum()
    return normalised


def read_wav(path: str | os.PathLike[str]) -> tuple[list[NDArray[np.int16]], int]:
    """The channels of a WAV file of 16-bit PCM, and its rate.

    Raises:
        ClipError: missing, unreadable, not a WAV file of PCM, or of another sample width.
    """
    import numpy as np  # noqa: PLC0415 - as above

    try:
        with wave.open(str(path), "rb") as file:
            shape, data = file.getparams(), file.readframes(file.getnframes())
    except FileNotFoundError:
        raise ClipError(f"{path}: there is no such file") from None
    except OSError as error:
        raise ClipError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (wave.Error, EOFError) as error:
        raise ClipError(
            f"{path}: not a WAV file of PCM ({str(error) or 'it ends too early'}); {how_to_convert(path)}"
        ) from None
    if shape.sampwidth != _SAMPLE_BYTES:
        raise ClipError(f"{path}: {8 * shape.sampwidth}-bit samples, 16-bit ones are needed; {how_to_convert(path)}")
    whole = len(data) // (_SAMPLE_BYTES * shape.nchannels) * shape.nchannels  # a file cut short may end inside a frame
    frames = np.frombuffer(data, "<i2", count=whole).reshape(-1, shape.nchannels)
    return [frames[:, channel] for channel in range(shape.nchannels)], shape.framerate


def write_wav(path: str | os.PathLike[str], channels: Sequence[NDArray[np.int16]], rate: int = RATE) -> None:
    """Write 16-bit PCM; shorter channels are filled up with silence.

    Raises:
        OSError: the file cannot be written.
    """
    import numpy as np  # noqa: PLC0415 - as above

    frames = np.zeros((max(map(len, channels)), len(channels)), "<i2")
    for index, channel in enumerate(channels):
        frames[: len(channel), index] = channel
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(channels))
        file.setsampwidth(_SAMPLE_BYTES)
        file.setframerate(rate)
        file.writeframes(frames.tobytes())


def how_to_convert(path: str | os.PathLike[str]) -> str:
    """The advice at the end of an error about a file's format."""
    name = Path(path)
    return f"convert it: ffmpeg -i {name.name} -ar {RATE} -ac 1 -c:a pcm_s16le {name.stem}_16k.wav"
