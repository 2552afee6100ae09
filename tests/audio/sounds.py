"""Sounds whose onsets are known because they are made of sines and silence."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pytest_rtmedload.audio.pcm import RATE

Samples = NDArray[np.int16]


def tone(milliseconds: int, hertz: float = 440.0, rate: int = RATE, peak: int = 8000) -> Samples:
    """A sine that begins at 0."""
    seconds = np.arange(milliseconds * rate // 1000) / rate
    samples: Samples = np.rint(peak * np.sin(2 * np.pi * hertz * seconds)).astype(np.int16)
    return samples


def silence(milliseconds: int, rate: int = RATE) -> Samples:
    return np.zeros(milliseconds * rate // 1000, np.int16)


def two_words(rate: int = RATE) -> Samples:
    """Sound from 300 to 500 ms and from 650 to 900 ms, of 1000 ms."""
    parts = [silence(300, rate), tone(200, rate=rate), silence(150, rate), tone(250, rate=rate), silence(100, rate)]
    return np.concatenate(parts)


def noise(length: int, rms: float, seed: int = 1) -> Samples:
    return np.rint(np.random.default_rng(seed).normal(0, rms, length)).astype(np.int16)
