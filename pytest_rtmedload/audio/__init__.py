"""Recorded speech of patients and of the agent, as data: exact onsets, exact words, no synthesis at run time.

It imports nothing else from the package: both sides of a call, the caller and the embedded agent, import it. Numpy is
imported by the functions that need it.
"""

from __future__ import annotations

from pytest_rtmedload.audio.clips import Clip, ClipError, read_clip
from pytest_rtmedload.audio.fingerprint import Fingerprints, Match
from pytest_rtmedload.audio.library import clip, clip_from, names, reply_to, text_of
from pytest_rtmedload.audio.pcm import FRAME_MS, RATE, SAMPLES_PER_MS

__all__ = [
    "FRAME_MS",
    "RATE",
    "SAMPLES_PER_MS",
    "Clip",
    "ClipError",
    "Fingerprints",
    "Match",
    "clip",
    "clip_from",
    "names",
    "read_clip",
    "reply_to",
    "text_of",
]
