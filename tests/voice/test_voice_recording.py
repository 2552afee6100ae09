"""Calls made by hand, event by event, so that every sample of the tape is known."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pytest_rtmedload.audio import RATE, Clip
from pytest_rtmedload.audio.library import clip
from pytest_rtmedload.audio.pcm import read_wav, resample
from pytest_rtmedload.dialects.heard import AgentText, Audio, Understood
from pytest_rtmedload.results.recording import Outcome, Recording
from pytest_rtmedload.voice.recording import writer
from pytest_rtmedload.voice.recording.picture import picture
from pytest_rtmedload.voice.timeline import KeptCall, moments_of
from pytest_rtmedload.voice.turn_tracker import BARGE_IN, FIRST_BYTE, GREETING, LOOP, RESPONSE, Call, Sample
from tests.conftest import LoadRun

MS = 1_000_000
CONNECTED = 5_000_000 * MS
PER_MS = RATE // 1000
HELLO, ANSWER, OTHER = clip("greeting"), clip("chest_pain_1_reply"), clip("chest_pain_2_reply")
ASKED, NEXT = clip("chest_pain_1"), clip("chest_pain_2")
CALL_ID = "3f2a9c10-1111-4c4c-9d9d-0123456789ab"


class Script:
    """A call on a clock of milliseconds since it was connected."""

    def __init__(self) -> None:
        self.call = Call(RATE, 2_000 * MS, keep=True)
        self.spoken: list[tuple[int, Clip]] = []
        self.samples: list[Sample] = []
        self.call.connected(CONNECTED)

    def at(self, ms: float) -> int:
        now = CONNECTED + round(ms * MS)
        self.call.tick(now)
        found, self.call.findings = self.call.findings, []
        self.samples += [finding for finding in found if isinstance(finding, Sample)]
        return now

    def hears(self, ms: float, sound: NDArray[np.int16], rate: int = RATE, chunk_ms: int = 20) -> None:
        """Audio arrives in one burst."""
        now, size = self.at(ms), rate * chunk_ms // 1000
        for begin in range(0, len(sound), size):
            self.call.audio(Audio(sound[begin : begin + size].tobytes(), rate, more=False), now)

    def says(self, ms: float, line: Clip, stopped_at: float | None = None) -> float:
        """Speak from `ms` on; returns the end of the last voiced sample."""
        now = self.at(ms)
        self.call.utter(line, now)
        self.spoken.append((now, line))
        self.call.speech_began(self.at(ms + line.voiced_begin_ms))
        if stopped_at is not None:
            self.call.stop(self.at(stopped_at))
        self.call.speech_ended(self.at(ms + line.voiced_end_ms))
        return ms + line.voiced_end_ms

    def hangs_up(self, ms: float, test: str = "tests/load/test_x.py::test_pain[1]") -> KeptCall:
        now = self.at(ms)
        self.call.hang_up(now)
        self.at(ms)
        return KeptCall(test, CALL_ID, self.spoken, self.call.turns, self.samples, now)


@pytest.fixture(scope="module")
def whole_call() -> KeptCall:
    """A greeting; an answer at 24 kHz that is interrupted, and stops 240 ms later; and one that never comes."""
    script = Script()
    script.hears(300, HELLO.samples)
    ended = script.says(5_000, ASKED)
    script.call.understood(Understood("I have a sharp pane in my chest.", 200.0))
    script.call.said(AgentText("Call 911 <now> & wait.", whole=True))
    script.hears(ended + 365, resample(ANSWER.samples, RATE, 24_000), 24_000)
    begin = ended + 2_000
    ended = script.says(begin, NEXT, stopped_at=begin + NEXT.voiced_begin_ms + 240)
    script.call.give_up(script.at(ended + 3_000), Outcome.CENSORED, "no answer within 3 s")
    return script.hangs_up(ended + 3_100)


def at(ms: float) -> int:
    return round(ms * PER_MS)


def test_sample_0_is_when_the_call_was_connected_and_the_last_when_the_caller_hung_up() -> None:
    script = Script()
    script.hears(310, HELLO.samples)
    left, right = writer.tracks(script.hangs_up(6_000))
    assert len(left) == len(right) == at(6_000)
    assert not left.any()
    assert not right[: at(310)].any()
    assert np.array_equal(right[at(310) : at(310) + len(HELLO.samples)], HELLO.samples)


def test_an_utterance_is_sent_up_to_the_frame_with_its_last_voiced_sample() -> None:
    script = Script()
    script.says(1_000.25, ASKED)
    left, right = writer.tracks(script.hangs_up(4_000))
    begin, sent = at(1_000.25), -(-(ASKED.voiced[1] + 1) // 320) * 320
    assert not left[:begin].any()
    assert np.array_equal(left[begin : begin + sent], ASKED.samples[:sent])
    assert not left[begin + sent :].any()
    assert not right.any()


def test_what_arrives_faster_than_it_sounds_lies_where_it_was_played() -> None:
    script = Script()
    script.hears(100, HELLO.samples)
    script.hears(120, ANSWER.samples)  # queued behind the first
    _, right = writer.tracks(script.hangs_up(20_000))
    second = at(100) + len(HELLO.samples)
    assert np.array_equal(right[second : second + len(ANSWER.samples)], ANSWER.samples)


def test_a_gap_in_the_delivery_is_silence() -> None:
    script = Script()
    half = len(ANSWER.samples) // 640 * 320
    script.hears(100, ANSWER.samples[:half])
    resumed = 100 + half / PER_MS + 400
    script.hears(resumed, ANSWER.samples[half:])
    _, right = writer.tracks(script.hangs_up(20_000))
    assert not right[at(100) + half : at(resumed)].any()
    assert np.array_equal(right[at(resumed) : at(resumed) + 8_000], ANSWER.samples[half : half + 8_000])


def test_what_a_stop_message_emptied_is_not_there(whole_call: KeptCall) -> None:
    _, right = writer.tracks(whole_call)
    interrupted = moments_of(whole_call)[1]
    assert interrupted.end_ms is not None
    stopped = at(interrupted.end_ms)
    assert right[stopped - 1_600 : stopped].any()
    assert not right[stopped + 1 :].any()


def test_what_had_not_sounded_when_the_caller_hung_up_is_not_there() -> None:
    script = Script()
    script.hears(100, ANSWER.samples)
    call = script.hangs_up(1_000)
    _, right = writer.tracks(call)
    assert len(right) == at(1_000)
    assert np.array_equal(right[at(100) :], ANSWER.samples[: at(900)])
    assert moments_of(call)[0].end_ms == 1_000


@pytest.mark.parametrize("rate", [8_000, 24_000, 48_000])
def test_other_rates_are_resampled_as_one_sound_and_keep_their_place(rate: int) -> None:
    script = Script()
    sound = resample(ANSWER.samples, RATE, rate)
    script.hears(250, sound, rate)
    _, right = writer.tracks(script.hangs_up(8_000))
    expected = resample(sound, rate, RATE)
    assert np.array_equal(right[at(250) : at(250) + len(expected)], expected)


def test_a_rate_that_nobody_uses_costs_no_more_than_others() -> None:
    script = Script()
    sound = resample(ANSWER.samples, RATE, 24_000)
    script.hears(250, sound, 23_999)
    started = time.process_time()
    _, right = writer.tracks(script.hangs_up(8_000))
    assert time.process_time() - started < 2  # the exact resampler needs minutes for 16 000 phases
    assert right[at(250) + ANSWER.voiced[0] : at(250) + ANSWER.voiced[1]].std() == pytest.approx(
        ANSWER.samples[slice(*ANSWER.voiced)].std(), rel=0.1
    )


def test_moments_are_those_of_the_call_and_samples_belong_to_their_turn(whole_call: KeptCall) -> None:
    greeting, pain, second = moments_of(whole_call)
    assert (greeting.kind, greeting.first_byte_ms, greeting.utterance) == ("greeting", 300, None)
    assert [sample.metric for sample in greeting.samples] == [GREETING]
    ended = 5_000 + ASKED.voiced_end_ms
    assert (pain.speech_begin_ms, pain.speech_end_ms) == (5_000 + ASKED.voiced_begin_ms, ended)
    assert (pain.first_byte_ms, pain.endpointing_ms, pain.cut) == (ended + 365, 200, True)
    assert (pain.understood, pain.answer) == ("I have a sharp pane in my chest.", "Call 911 <now> & wait.")
    loop, response = pain.sample(LOOP), pain.sample(RESPONSE)
    assert loop is not None
    assert response is not None
    assert (loop.start_ms, loop.end_ms, response.start_ms) == (ended, pain.onset_ms, ended + 200)
    assert pain.sample(FIRST_BYTE) is not None
    assert pain.sample(BARGE_IN) is None
    barge_in, lost = second.sample(BARGE_IN), second.sample(LOOP)
    assert barge_in is not None
    assert barge_in.start_ms == second.speech_begin_ms
    assert barge_in.ms == pytest.approx(240)
    assert lost is not None
    assert (lost.outcome, lost.reason, lost.ms) == ("censored", "no answer within 3 s", 3_000)
    assert (second.first_byte_ms, second.onset_ms, second.end_ms) == (None, None, None)


def test_a_call_is_three_files_that_say_the_same(whole_call: KeptCall, tmp_path: Path) -> None:
    stem = tmp_path / "calls" / "one"
    writer.write_call(whole_call, stem)
    assert sorted(path.name for path in stem.parent.iterdir()) == ["one.json", "one.svg", "one.wav"]
    (left, right), rate = read_wav(stem.with_suffix(".wav"))
    assert rate == RATE
    for read, made in zip((left, right), writer.tracks(whole_call), strict=True):
        assert np.array_equal(read, made)
    told = json.loads(stem.with_suffix(".json").read_text())
    assert (told["test"], told["call"]) == (whole_call.test, CALL_ID)
    assert (told["wav"], told["picture"]) == ("one.wav", "one.svg")
    assert told["duration_ms"] == pytest.approx(len(left) / PER_MS, abs=0.1)
    assert [turn["utterance"] for turn in told["turns"]] == [None, "chest_pain_1", "chest_pain_2"]
    begin = at(told["turns"][1]["speech_begin_ms"])
    assert np.abs(left[begin - 160 : begin]).max() < np.abs(left[begin : begin + 1_600]).max() / 20
    assert told["turns"][2]["samples"][0]["ms"] == pytest.approx(240)


def shapes(call: KeptCall) -> list[ET.Element]:
    left, right = writer.tracks(call)
    return list(ET.fromstring(picture(call, moments_of(call), left, right)).iter())  # noqa: S314 - our own


def words(call: KeptCall) -> str:
    return "\n".join("".join(shape.itertext()) for shape in shapes(call) if shape.tag.endswith("}text"))


def test_the_picture_is_to_scale(whole_call: KeptCall) -> None:
    drawn = {shape.get("class"): shape for shape in shapes(whole_call) if shape.tag.endswith("}rect")}
    lane, barge_in = drawn["lane"], drawn["barge"]
    per_ms = float(lane.attrib["width"]) / whole_call.duration_ms
    second = moments_of(whole_call)[2]
    assert second.speech_begin_ms is not None
    began = (float(barge_in.attrib["x"]) - float(lane.attrib["x"])) / per_ms
    assert began == pytest.approx(second.speech_begin_ms, abs=2)
    assert float(barge_in.attrib["width"]) / per_ms == pytest.approx(240, abs=3)
    assert float(drawn["bad"].attrib["width"]) / per_ms == pytest.approx(3_000, abs=3)


def test_the_picture_says_in_words_what_was_measured(whole_call: KeptCall) -> None:
    loop = moments_of(whole_call)[1].sample(LOOP)
    assert loop is not None
    text = words(whole_call)
    assert f"{loop.ms:.0f} ms voice.loop" in text
    assert "200 ms of it endpointing, first byte at 365 ms" in text
    assert "240 ms voice.barge_in" in text
    assert "> 3,000 ms voice.loop: no answer within 3 s" in text
    assert "“Call 911 <now> & wait.”" in text


def test_words_of_measured_times_never_overlap() -> None:
    script = Script()
    for turn in range(12):
        ended = script.says(2_500 * turn, ASKED)
        script.hears(ended + 100, HELLO.samples[: 16 * 400])
    drawn = [shape for shape in shapes(script.hangs_up(31_000)) if "over" in shape.get("class", "").split()]
    assert len(drawn) == 2 * 12 - 1  # the last has no room beside its bar: one line below it
    places = sorted((float(shape.attrib["y"]), *span(shape)) for shape in drawn)
    for (y, _, end), (below, begin, _) in pairwise(places):
        assert below > y or begin > end


def span(text: ET.Element) -> tuple[float, float]:
    """From the left to the right of words; a letter is about 6 pixels wide."""
    width, x = 6 * len("".join(text.itertext())), float(text.attrib["x"])
    return (x - width, x) if text.get("text-anchor") == "end" else (x, x + width)


@pytest.mark.parametrize("hostile", ["</svg><script>x</script>", "\x1b[2J\x00", "\ud800\ufffe", "long " * 400])
def test_texts_of_others_do_no_harm(hostile: str, tmp_path: Path) -> None:
    script = Script()
    script.says(100, ASKED)
    script.call.said(AgentText(hostile, whole=True))
    script.call.understood(Understood(hostile, None))
    script.hears(4_000, ANSWER.samples)
    call = script.hangs_up(9_000, f"tests/test_x.py::test_x[{hostile}]")
    writer.write_call(call, tmp_path / "x")
    drawn = ET.fromstring((tmp_path / "x.svg").read_text("utf-8"))  # noqa: S314 - our own
    assert not [shape for shape in drawn.iter() if "script" in shape.tag]
    assert json.loads((tmp_path / "x.json").read_text("utf-8"))["turns"]


def test_a_call_in_which_nothing_happened(tmp_path: Path) -> None:
    writer.write_call(Script().hangs_up(0.01), tmp_path / "x")
    assert json.loads((tmp_path / "x.json").read_text())["turns"][0]["samples"] == []


@pytest.mark.parametrize(
    ("test", "name"),
    [
        ("tests/a.py::TestA::test_b[x/../y]", "TestA_test_b_x_y-3-3f2a9c10"),
        ("tests/a.py::test_é", "test-3-3f2a9c10"),
        ("tests/a.py::日本", "call-3-3f2a9c10"),
        ("tests/a.py::" + "x" * 300, "x" * 48 + "-3-3f2a9c10"),
    ],
)
def test_names_of_files_are_plain_and_tell_calls_apart(test: str, name: str) -> None:
    assert writer.name_of(Script().hangs_up(10, test), 3) == name


@dataclass
class Keeper:
    """A virtual user, as far as it keeps calls."""

    directory: Path
    kept: list[tuple[str, str]] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    @property
    def settings(self) -> Any:
        return SimpleNamespace(directory=self.directory)

    def call_kept(self, call: str, stem: str) -> None:
        self.kept.append((call, stem))

    def call_lost(self, reason: str) -> None:
        self.lost.append(reason)


def keep(call: KeptCall, user: Keeper) -> None:
    asyncio.run(writer.keep(call, user, 1))


def test_it_is_written_in_a_thread_of_its_own(
    whole_call: KeptCall, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []
    write = writer.write_call

    def noting(call: KeptCall, stem: Path) -> None:
        threads.append(threading.get_ident())
        write(call, stem)

    monkeypatch.setattr(writer, "write_call", noting)
    user = Keeper(tmp_path)
    keep(whole_call, user)
    assert threads != [threading.get_ident()]
    assert user.kept == [(CALL_ID, "calls/test_pain_1-1-3f2a9c10")]
    assert (tmp_path / "calls" / "test_pain_1-1-3f2a9c10.wav").exists()


def test_a_folder_that_cannot_be_made_is_one_line(whole_call: KeptCall, tmp_path: Path) -> None:
    (tmp_path / "calls").write_text("in the way")
    user = Keeper(tmp_path)
    keep(whole_call, user)
    assert user.kept == []
    assert user.lost == [f"calls could not be written down in {tmp_path / 'calls'}: File exists"]


def test_a_disk_that_fills_up_leaves_no_half_call(
    whole_call: KeptCall, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writer, "picture", full)
    user = Keeper(tmp_path)
    keep(whole_call, user)
    assert list((tmp_path / "calls").iterdir()) == []
    assert user.lost == [f"calls could not be written down in {tmp_path / 'calls'}: No space left on device"]


def test_a_call_that_was_never_connected_is_not_written(tmp_path: Path) -> None:
    unconnected = KeptCall("x.py::test_x", CALL_ID, [], Call(RATE, MS, keep=True).turns, [], CONNECTED)
    user = Keeper(tmp_path)
    keep(unconnected, user)
    assert not list(tmp_path.iterdir())
    assert (user.kept, user.lost) == ([], [])


def test_what_shards_wrote_down_is_merged() -> None:
    one = Recording(tapes={"a": "calls/x-1-a"}, notes={"full": None})
    one.merge(Recording(tapes={"b": "calls/x-1-b"}, notes={"full": None}))
    assert one.tapes == {"a": "calls/x-1-a", "b": "calls/x-1-b"}
    assert list(one.notes) == ["full"]


SHORT_CALL = """
async def test_it(load, phone_call):
    await phone_call.say("breathing_difficulty_1")
"""


@pytest.mark.timing
def test_the_first_calls_of_a_test_stand_in_its_reports(load_run_of: LoadRun) -> None:
    load_run_of.file(test_it=SHORT_CALL)
    sizes = ("--load-users=2", "--load-duration=1s", "--load-ramp=0", "--load-warmup=0", "--load-greeting=0")
    load_run_of("--load-record-calls=1", sizes=sizes).assert_outcomes(passed=1)
    (recording,) = load_run_of.result()["tests"][0]["recordings"]
    results = load_run_of.pytester.path / "results"
    told = json.loads((results / recording["moments"]).read_text())
    assert told["call"] == recording["call"]
    assert "breathing_difficulty_1" in [turn["utterance"] for turn in told["turns"]]
    assert read_wav(results / recording["wav"])[0][0].any()
    page = (results / "load_test_report_latest.html").read_text()
    assert f'src="{recording["wav"]}"' in page
    assert f'<img src="{recording["picture"]}"' in page
