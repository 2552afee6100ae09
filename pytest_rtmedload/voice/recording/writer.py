"""Writes a call down: a WAV file to listen to, a picture, and the moments in numbers.

The rule: the tape holds what a person on the phone would have said and heard. Caller left, agent right, and sample 0 is
when the call was connected; the agent's audio lies where the loudspeaker played it, and what a stop message emptied, or
what had not sounded when the caller hung up, is not on it. All of this happens in a thread of its own, after the call.
"""

from __future__ import annotations

import asyncio
import math
import re
from typing import TYPE_CHECKING, Final

import numpy as np
import orjson

from pytest_rtmedload.audio import RATE
from pytest_rtmedload.audio.pcm import FRAME_MS, SAMPLES_PER_MS, resample, write_wav
from pytest_rtmedload.voice.recording.picture import picture
from pytest_rtmedload.voice.timeline import moments_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from typing import Protocol

    from numpy.typing import NDArray

    from pytest_rtmedload.audio import Clip
    from pytest_rtmedload.spec.load_config import LoadConfig
    from pytest_rtmedload.voice.timeline import KeptCall, Moments
    from pytest_rtmedload.voice.turns import Piece

    Sound = NDArray[np.int16]

    class Keeper(Protocol):
        """Whose call it was: a virtual user."""

        @property
        def settings(self) -> LoadConfig:
            """The options of this run."""

        def call_kept(self, call: str, stem: str) -> None:
            """A call was written down, to files that begin like this in the folder of the results."""

        def call_lost(self, reason: str) -> None:
            """A call could not be written down."""


FOLDER: Final = "calls"
SUFFIXES: Final = (".wav", ".svg", ".json")
_LONGEST_NAME: Final = 48
_FRAME_SAMPLES: Final = FRAME_MS * SAMPLES_PER_MS
_MOST_PHASES: Final = 16  # a resampler's work grows with its phases: 24 and 48 kHz need one or two


async def keep(call: KeptCall, user: Keeper, number: int) -> None:
    """Write down a call that has ended; a disk that refuses costs one line of the report, and fails nothing.

    Args:
        call: the call, with its audio.
        user: who made it.
        number: of this call among those that are written down, from 1.
    """
    if not call.connected_ns:
        return
    stem = f"{FOLDER}/{name_of(call, number)}"
    try:
        await asyncio.to_thread(write_call, call, user.settings.directory / stem)
    except OSError as error:
        where = user.settings.directory / FOLDER
        user.call_lost(f"calls could not be written down in {where}: {error.strerror or error}")
    else:
        user.call_kept(call.call, stem)


def name_of(call: KeptCall, number: int) -> str:
    """A file name that no other call has, in whatever process or run: the test, a number, a part of the call's id."""
    test = _plain(call.test.partition("::")[2] or call.test)[:_LONGEST_NAME]
    return f"{test or 'call'}-{number}-{_plain(call.call)[:8]}"


def write_call(call: KeptCall, stem: Path) -> None:
    """Write all files of a call, or none.

    Args:
        call: the call.
        stem: path of the files without their suffixes; the folder is created.

    Raises:
        OSError: they cannot be written.
    """
    left, right = tracks(call)
    turns = moments_of(call)
    stem.parent.mkdir(parents=True, exist_ok=True)
    paths = [stem.with_name(stem.name + suffix) for suffix in SUFFIXES]
    try:
        write_wav(paths[0], [left, right])
        paths[1].write_text(picture(call, turns, left, right), "utf-8")
        paths[2].write_bytes(_numbers(call, turns, paths[0].name, paths[1].name))
    except OSError:
        for path in paths:
            path.unlink(missing_ok=True)
        raise


def tracks(call: KeptCall) -> tuple[Sound, Sound]:
    """What the caller said and what it heard: 16 kHz, from connecting to hanging up."""
    length = max(_sample(call, call.ended_ns), 1)
    caller, agent = np.zeros(length, np.int16), np.zeros(length, np.int16)
    for begin_ns, clip in call.spoken:
        _put(caller, _sample(call, begin_ns), _sent(clip))
    for begin_ns, sound in _heard(piece for turn in call.turns for piece in turn.pieces):
        _put(agent, _sample(call, begin_ns), sound)
    return caller, agent


def _sample(call: KeptCall, at_ns: int) -> int:
    return round((at_ns - call.connected_ns) * RATE / 1_000_000_000)


def _put(track: Sound, at: int, sound: Sound) -> None:
    """Lay sound on a track; what is outside of it is left out."""
    sound = sound[max(-at, 0) : max(len(track) - at, 0)]
    at = max(at, 0)
    track[at : at + len(sound)] = sound


def _sent(clip: Clip) -> Sound:
    """After the frame with the last voiced sample, the caller sends silence."""
    frames = min(clip.voiced[1] // _FRAME_SAMPLES + 1, math.ceil(len(clip.samples) / _FRAME_SAMPLES))
    return clip.samples[: frames * _FRAME_SAMPLES]


def _heard(pieces: Iterable[Piece]) -> Iterator[tuple[int, Sound]]:
    """Pieces that follow one another without a gap are one sound: resampled one by one they would click."""
    joined: list[Piece] = []
    for piece in sorted(pieces, key=lambda piece: piece.begin_ns):
        last = joined[-1] if joined else None
        if last is not None and (piece.begin_ns, piece.rate) != (last.begin_ns + last.duration_ns, last.rate):
            yield _sound(joined)
            joined = []
        joined.append(piece)
    if joined:
        yield _sound(joined)


def _sound(pieces: list[Piece]) -> tuple[int, Sound]:
    samples = np.frombuffer(b"".join(piece.pcm for piece in pieces), "<i2")
    return pieces[0].begin_ns, _at_tape_rate(samples, pieces[0].rate)


def _at_tape_rate(samples: Sound, rate: int) -> Sound:
    """The same sound at 16 kHz; an odd rate, which an agent may name as it likes, must not keep the machine busy."""
    if RATE // math.gcd(rate, RATE) <= _MOST_PHASES:
        return resample(samples, rate, RATE)
    at = np.arange(len(samples) * RATE // rate) * (rate / RATE)
    sound: Sound = np.interp(at, np.arange(len(samples)), samples).astype(np.int16)
    return sound


def _numbers(call: KeptCall, turns: list[Moments], wav: str, svg: str) -> bytes:
    """The moments as JSON, in milliseconds since the call was connected."""
    document = {
        "test": _text(call.test),
        "call": _text(call.call),
        "duration_ms": round(call.duration_ms, 3),
        "wav": wav,
        "picture": svg,
        "turns": [_turn(turn) for turn in turns],
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _turn(turn: Moments) -> dict[str, object]:
    samples = [{**sample._asdict(), "ms": round(sample.ms, 3)} for sample in turn.samples]
    plain = {name: getattr(turn, name) for name in turn.__slots__}
    return {name: _text(value) if isinstance(value, str) else value for name, value in plain.items()} | {
        "samples": samples
    }


def _text(text: str) -> str:
    """Text that UTF-8 can hold: a test's id may carry lone surrogates."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _plain(text: str) -> str:
    """Letters and digits that every file system and every URL takes."""
    return re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")
