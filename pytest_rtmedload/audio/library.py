"""The clips that ship with the package: speaker, words and reply of each.

The rule: everything about a shipped clip was measured once, when it was rendered, and is stored in `manifest.json`; at
run time, sound is only read, lazily and once per process.
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypedDict

from pytest_rtmedload.audio.clips import Clip, ClipError, read_clip
from pytest_rtmedload.audio.pcm import read_wav

if TYPE_CHECKING:
    from collections.abc import Iterable

FOLDER: Final = Path(__file__).parent


class Entry(TypedDict):
    """The manifest entry of one clip."""

    file: str
    speaker: Literal["patient", "agent"]
    text: str
    scenario: str | None
    reply: str | None
    samples: int
    voiced: tuple[int, int]
    sha256: str


@cache
def clip(name: str) -> Clip:
    """A shipped clip.

    Raises:
        ClipError: no clip has that name; the text lists close ones.
    """
    entry = _entry(name)
    channels, _ = read_wav(FOLDER / entry["file"])
    first, end = entry["voiced"]
    return Clip(name, entry["text"], channels[0].tobytes(), (first, end))


def clip_from(source: str | os.PathLike[str] | Clip) -> Clip:
    """A shipped clip by name, a WAV file of the caller's own by path, or the clip itself.

    Raises:
        ClipError: an unknown name, or a file that is not a clip.
    """
    if isinstance(source, Clip):
        return source
    if isinstance(source, str) and not _is_path(source):
        return clip(source)
    return read_clip(source)


def names(speaker: Literal["patient", "agent"] | None = None, scenario: str | None = None) -> list[str]:
    """Names of the shipped clips in the order of the conversation, all or those of a speaker or scenario.

    Raises:
        ClipError: there is no such speaker or scenario; the text lists those there are.
    """
    clips = manifest()
    _known("speaker", speaker, (entry["speaker"] for entry in clips.values()))
    _known("scenario", scenario, (entry["scenario"] for entry in clips.values()))
    return [
        name
        for name, entry in clips.items()
        if speaker in (None, entry["speaker"]) and scenario in (None, entry["scenario"])
    ]


def reply_to(name: str) -> str:
    """The name of the agent's reply to a patient line.

    Raises:
        ClipError: no clip has that name, or the agent itself says it.
    """
    reply = _entry(name)["reply"]
    if reply is None:
        raise ClipError(f"the clip {name!r} is the agent's own: only patient lines have a reply")
    return reply


def text_of(name: str) -> str:
    """The words of a shipped clip.

    Raises:
        ClipError: no clip has that name.
    """
    return _entry(name)["text"]


@cache
def manifest() -> dict[str, Entry]:
    """The manifest entry of each shipped clip, by name."""
    clips: dict[str, Entry] = json.loads((FOLDER / "manifest.json").read_text("utf-8"))["clips"]
    return clips


def _entry(name: str) -> Entry:
    try:
        return manifest()[name]
    except KeyError:
        raise ClipError(_unknown(name)) from None


def _unknown(name: str) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - only for an error

    close = get_close_matches(name, manifest(), n=3)
    advice = f"did you mean {', '.join(close)}?" if close else f"there are {', '.join(names('patient'))}."
    return f"no clip is called {name!r}: {advice} A sound of your own is named by its path, ending in .wav"


def _is_path(source: str) -> bool:
    """A name has neither a folder nor a file extension."""
    return source.lower().endswith(".wav") or os.sep in source or "/" in source


def _known(what: str, value: str | None, there: Iterable[str | None]) -> None:
    choices = dict.fromkeys(item for item in there if item)
    if value is not None and value not in choices:
        listed = ", ".join(choices)
        raise ClipError(f"no clip has the {what} {value!r}: there are {listed}")
