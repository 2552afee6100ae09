from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pytest_rtmedload.audio import Clip, ClipError, clip_from, read_clip
from pytest_rtmedload.audio.pcm import write_wav
from tests.audio.sounds import silence, tone, two_words


@pytest.fixture
def own(tmp_path: Path) -> Path:
    write_wav(tmp_path / "own.wav", [two_words()])
    return tmp_path / "own.wav"


def test_a_file_of_the_users_own_is_a_clip(own: Path) -> None:
    mine = clip_from(own)
    assert (mine.name, mine.text) == ("own", None)
    assert np.array_equal(mine.samples, two_words())
    assert mine.duration_ms == 1000
    assert mine.voiced_begin_ms == pytest.approx(300, abs=10)
    assert mine.voiced_end_ms == pytest.approx(900, abs=10)


def test_its_words_stand_beside_it(own: Path) -> None:
    own.with_suffix(".txt").write_text(" I have a headache.\n", "utf-8")
    assert clip_from(str(own)).text == "I have a headache."
    own.with_suffix(".txt").write_text("\n", "utf-8")
    assert clip_from(str(own)).text is None


def test_words_that_are_no_text_are_refused(own: Path) -> None:
    own.with_suffix(".txt").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ClipError, match=r"own\.txt: cannot be read .* save it as UTF-8"):
        clip_from(own)


def test_a_clip_is_taken_as_it_is(own: Path) -> None:
    mine = read_clip(own)
    assert clip_from(mine) is mine


def test_frames_are_equally_long_and_the_last_is_filled_up() -> None:
    pcm = tone(50).tobytes()
    frames = Clip("tone", None, pcm, (0, 800)).frames()
    assert [len(frame) for frame in frames] == [640, 640, 640]
    assert b"".join(frames) == pcm + silence(10).tobytes()
    assert [len(frame) for frame in Clip("tone", None, pcm, (0, 800)).frames(100)] == [3200]


def test_samples_cannot_be_changed() -> None:
    samples = Clip("tone", None, tone(50).tobytes(), (0, 800)).samples
    with pytest.raises(ValueError, match="read-only"):
        samples[0] = 1


def test_every_unfit_file_gets_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    write_wav(tmp_path / "stereo.wav", [tone(100), tone(100)])
    write_wav(tmp_path / "cd.wav", [tone(100, rate=44_100)], 44_100)
    write_wav(tmp_path / "empty.wav", [silence(0)])
    write_wav(tmp_path / "silent.wav", [silence(500)])
    (tmp_path / "music.wav").write_bytes(b"ID3 this is an mp3")
    (tmp_path / "short.wav").write_bytes(b"RIFF")
    (tmp_path / "folder.wav").mkdir()
    expected = {
        "missing.wav": "there is no such file",
        "stereo.wav": "2 channels, one is needed; convert it: ffmpeg -i stereo.wav -ar 16000 -ac 1",
        "cd.wav": "44100 Hz, 16000 Hz are needed; convert it",
        "empty.wav": "empty: there are no samples in it; record it again",
        "silent.wav": "silent: nothing in it is louder than -60 dBFS; record it again",
        "music.wav": "not a WAV file of PCM (file does not start with RIFF id); convert it",
        "short.wav": "not a WAV file of PCM (it ends too early); convert it",
        "folder.wav": "cannot be read: Is a directory",
    }
    for name, text in expected.items():
        with pytest.raises(ClipError) as caught:
            read_clip(tmp_path / name)
        assert str(caught.value).startswith(f"{tmp_path / name}: {text}")
        assert "\n" not in str(caught.value)


def test_a_path_may_begin_with_the_home_folder(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(own.parent))
    own.with_suffix(".txt").write_text("Good morning.", "utf-8")
    assert clip_from("~/own.wav").text == "Good morning."
