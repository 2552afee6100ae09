from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from pytest_rtmedload.audio import ClipError, clip, clip_from, names, reply_to, text_of
from pytest_rtmedload.audio.library import FOLDER, manifest
from pytest_rtmedload.audio.pcm import SAMPLES_PER_MS, pauses, voiced_span

EMERGENCIES = ["chest_pain", "breathing_difficulty", "allergic_reaction"]
SCENARIOS = [
    *EMERGENCIES,
    "medication_side_effects",
    "mental_health_crisis",
    "moderate_injury",
    "annual_checkup",
    "lab_results",
    "prescription_refill",
    "follow_up_appointment",
]
TEXTS = Path(__file__).parents[2] / "scripts" / "clips.toml"
FILLERS = {
    "i",
    "a",
    "an",
    "the",
    "my",
    "to",
    "for",
    "of",
    "and",
    "or",
    "in",
    "on",
    "is",
    "are",
    "was",
    "it",
    "me",
    "you",
}


def words(text: str) -> set[str]:
    return set(re.findall(r"[a-z0-9]+", text.lower())) - FILLERS


def test_each_scenario_is_a_conversation_of_three_turns() -> None:
    for scenario in SCENARIOS:
        lines = [f"{scenario}_{number}" for number in (1, 2, 3)]
        assert names("patient", scenario) == lines
        assert names("agent", scenario) == [f"{line}_reply" for line in lines]


def test_a_reply_takes_up_a_word_of_the_line_and_goes_on_with_a_question() -> None:
    for scenario in SCENARIOS:
        for line in names("patient", scenario):
            reply = text_of(reply_to(line))
            assert words(text_of(line)) & words(reply), line
            assert reply.endswith("?"), line


def test_replies_escalate_where_they_must() -> None:
    for scenario in EMERGENCIES:
        for line in names("patient", scenario):
            assert re.search("911|emergency|ambulance", text_of(reply_to(line))), line
    for line in names("patient", "mental_health_crisis"):
        assert re.search("988|crisis line", text_of(reply_to(line))), line


def test_there_is_an_answer_long_enough_to_interrupt() -> None:
    for line in ("chest_pain_1", "breathing_difficulty_1", "annual_checkup_1"):
        assert clip(reply_to(line)).duration_ms >= 4000


def test_lines_outside_a_scenario() -> None:
    assert {"interrupt_1", "interrupt_2", "hello", "goodbye"} < set(names("patient"))
    assert {"greeting", "not_understood", "still_there"} < set(names("agent"))


def test_the_recordings_are_those_the_manifest_describes() -> None:
    assert {entry["file"] for entry in manifest().values()} == {f"wav/{f.name}" for f in (FOLDER / "wav").iterdir()}
    for name, entry in manifest().items():
        content = (FOLDER / entry["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry["sha256"], name
        assert len(clip(name).samples) == entry["samples"], name
        assert voiced_span(clip(name).samples) == clip(name).voiced, name


def test_recordings_are_cut_and_levelled_alike() -> None:
    for name in names():
        recording = clip(name)
        assert recording.voiced_begin_ms == pytest.approx(150, abs=10), name
        assert recording.duration_ms - recording.voiced_end_ms == pytest.approx(100, abs=10), name
        assert np.abs(recording.samples.astype(int)).max() == pytest.approx(32767 * 10 ** (-6 / 20), abs=2), name


def test_no_line_pauses_long_enough_to_pass_for_its_end() -> None:
    for name in names():
        for begin, end in pauses(clip(name).samples):
            assert end - begin < 180 * SAMPLES_PER_MS, name


def test_the_recordings_say_what_the_table_says() -> None:
    table = tomllib.loads(TEXTS.read_text("utf-8"))
    turns = {
        f"{scenario}_{n}": turn for scenario, lines in table["scenarios"].items() for n, turn in enumerate(lines, 1)
    }
    for line, (said, answered) in {**turns, **table["lines"]}.items():
        assert (text_of(line), text_of(reply_to(line))) == (said, answered)
    assert {name: text_of(name) for name in table["agent"]} == table["agent"]
    assert len(names()) == 2 * len(turns) + 2 * len(table["lines"]) + len(table["agent"])


def test_the_recordings_stay_small() -> None:
    assert sum(file.stat().st_size for file in FOLDER.rglob("*") if file.is_file()) < 6_000_000


def test_a_clip_is_read_once() -> None:
    assert clip("hello") is clip("hello") is clip_from("hello")


@pytest.mark.parametrize(
    ("ask", "text"),
    [
        (lambda: clip("chest_pain1"), r"no clip is called 'chest_pain1': did you mean chest_pain_1, "),
        (lambda: clip_from("zzz"), r"no clip is called 'zzz': there are chest_pain_1, .* its path, ending in \.wav"),
        (lambda: clip_from("none/such.wav"), r"none/such\.wav: there is no such file"),
        (lambda: reply_to("greeting"), "the clip 'greeting' is the agent's own: only patient lines have a reply"),
        (lambda: text_of("zzz"), "no clip is called 'zzz'"),
        (lambda: names(scenario="cough"), "no clip has the scenario 'cough': there are chest_pain, breathing"),
        (lambda: names("doctor"), "no clip has the speaker 'doctor': there are patient, agent"),  # type: ignore[arg-type]
    ],
)
def test_what_is_not_there_is_named_with_what_is(ask: object, text: str) -> None:
    assert callable(ask)
    with pytest.raises(ClipError, match=text):
        ask()


def test_importing_costs_no_numpy_and_nothing_of_the_rest() -> None:
    code = """
import sys, pytest_rtmedload.audio as audio
audio.names(), audio.text_of("hello"), audio.clip
print([m for m in sys.modules if m == "numpy" or m.startswith("pytest_rtmedload.") and ".audio" not in m])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
